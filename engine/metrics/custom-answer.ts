/** What a custom service says, checked and turned into verdicts. Pure. The protocol is in docs/custom-service.md. */
import { isRecord } from '../is-record.ts';
import { maxSeverity } from '../breakers/subject.ts';
import type { Verdict } from '../breakers/verdict.ts';
import type { Static } from '../json-schema.ts';
import type { Backend, BackendId } from '../model.ts';
import { schemaCheck } from '../schema-check.ts';
import { maxReasonLength, podListSchema, type verdictEntrySchema, verdictsSchema } from './custom-answer-schema.ts';
import { canonicalIdentity, type IdentityKind, indexBackends } from './identity.ts';
import { parseJson } from './json.ts';
import { oneLine } from './text.ts';

export type CustomAnswer =
  | {
      readonly kind: 'verdicts';
      /** One for each backend. */
      readonly verdicts: ReadonlyMap<BackendId, Verdict>;
      /** Entries that name no backend of this fleet; they are ignored. */
      readonly unknownCount: number;
      /** How far back the service looked, when it says so. */
      readonly windowMs?: number;
    }
  /** Says what is wrong with the form, never what the body holds: it may be anything that answers on that port. */
  | { readonly kind: 'invalid'; readonly message: string };

const limits = { maxDepth: 64, maxContainers: 100_000 };
const verdictsCheck = schemaCheck(verdictsSchema);
const podListCheck = schemaCheck(podListSchema);

export function readCustomAnswer(body: string, namespace: string, backends: readonly Backend[]): CustomAnswer {
  const json = parseJson(body, limits);
  if (json.kind === 'too-large') return invalid(json.message);
  if (json.kind === 'invalid' || !isRecord(json.value)) return invalid('not a JSON object');
  const answer = json.value;
  switch (answer['kind']) {
    case 'Verdicts':
      return verdictsCheck.accepts(answer)
        ? readVerdicts(answer, backends)
        : invalid(firstError(verdictsCheck, answer));
    // Go writes no kind unless told to, and the original took such an answer for a list of pods.
    case undefined:
    case '':
    case 'PodList':
      return podListCheck.accepts(answer)
        ? readPodList(answer, namespace, backends)
        : invalid(firstError(podListCheck, answer));
    default:
      return invalid('kind must be PodList or Verdicts');
  }
}

function readPodList(
  list: Static<typeof podListSchema>,
  namespace: string,
  backends: readonly Backend[],
): CustomAnswer {
  // The rest of a list in pages would read as healthy.
  if ((list.metadata?.continue ?? '') !== '') return invalid('metadata.continue is set: the list must be whole');
  const collect = createCollector(backends);
  for (const { metadata } of list.items ?? []) {
    if (metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== namespace)
      collect.unknown();
    // The UID decides where there is one: a pod of a StatefulSet inherits the name of its predecessor, not its faults.
    else if (metadata.uid !== undefined && metadata.uid !== '') collect.add('PodUID', metadata.uid, listed, 'merge');
    else collect.add('PodName', metadata.name, listed, 'merge');
  }
  return collect.result({ kind: 'normal', value: 0, bound: 1 });
}

/** The list has no evidence: severity 1, just at the bound. */
const listed: Verdict = { kind: 'anomalous', severity: 1, value: 1, bound: 1, reason: 'listed by the custom service' };

function readVerdicts(answer: Static<typeof verdictsSchema>, backends: readonly Backend[]): CustomAnswer {
  const collect = createCollector(backends);
  for (const [index, entry] of answer.verdicts.entries()) {
    const named = namesOf(entry);
    const [name] = named;
    if (name === undefined || named.length > 1)
      return invalid(`verdicts/${index} must have exactly one of pod, address and uid`);
    collect.add(name.by, name.text, verdictOf(entry), 'refuse');
  }
  const windowMs = answer.windowSeconds === undefined ? undefined : Math.round(answer.windowSeconds * 1000);
  return collect.result({ kind: 'insufficient', reason: 'the custom service gave no verdict', unseen: true }, windowMs);
}

type VerdictEntry = Static<typeof verdictEntrySchema>;

function namesOf({ pod, address, uid }: VerdictEntry): readonly { readonly by: IdentityKind; readonly text: string }[] {
  const names: { readonly by: IdentityKind; readonly text: string }[] = [];
  if (pod !== undefined) names.push({ by: 'PodName', text: pod });
  if (uid !== undefined) names.push({ by: 'PodUID', text: uid });
  if (address !== undefined) names.push({ by: hasPort(address) ? 'Address' : 'PodIP', text: address });
  return names;
}

function hasPort(address: string): boolean {
  return /^\[.*\]:[0-9]+$|^[^:]+:[0-9]+$/.test(address);
}

function verdictOf(entry: VerdictEntry): Verdict {
  const reason = oneLine(entry.reason ?? '', maxReasonLength);
  const bound = entry.bound ?? 1;
  switch (entry.verdict) {
    case 'normal':
      return { kind: 'normal', value: entry.value ?? 0, bound };
    case 'insufficient':
      return { kind: 'insufficient', reason: reason === '' ? 'the custom service has too little data' : reason };
    case 'anomalous': {
      const severity = Math.min(entry.severity ?? 1, maxSeverity);
      const said = reason === '' ? 'anomalous for the custom service' : reason;
      return { kind: 'anomalous', severity, value: entry.value ?? severity, bound, reason: said };
    }
  }
}

/** Verdicts by backend. What names two backends, or speaks twice of one, is an error for them: a guess would eject. */
function createCollector(backends: readonly Backend[]) {
  const indexes = new Map<IdentityKind, ReturnType<typeof indexBackends>>();
  const verdicts = new Map<BackendId, Verdict>();
  let unknownCount = 0;

  const lookUp = (by: IdentityKind, text: string): readonly Backend[] => {
    const index = indexes.get(by) ?? indexBackends(backends, by);
    indexes.set(by, index);
    const identity = canonicalIdentity(by, text);
    return identity === undefined ? [] : (index.get(identity) ?? []);
  };

  return {
    unknown(): void {
      unknownCount += 1;
    },
    add(by: IdentityKind, text: string, verdict: Verdict, again: 'merge' | 'refuse'): void {
      const named = lookUp(by, text);
      if (named.length === 0) unknownCount += 1;
      for (const { id } of named) {
        if (named.length > 1)
          verdicts.set(id, { kind: 'error', reason: 'the custom service used a name that fits several backends' });
        else if (!verdicts.has(id)) verdicts.set(id, verdict);
        else if (again === 'refuse')
          verdicts.set(id, { kind: 'error', reason: 'the custom service gave several verdicts' });
      }
    },
    result(unlisted: Verdict, windowMs?: number): CustomAnswer {
      for (const { id } of backends) if (!verdicts.has(id)) verdicts.set(id, unlisted);
      return { kind: 'verdicts', verdicts, unknownCount, ...(windowMs !== undefined && { windowMs }) };
    },
  };
}

/** Paths and words of our schema only: a name that the other side chose is not repeated. */
function firstError(check: typeof verdictsCheck | typeof podListCheck, answer: unknown): string {
  const [error] = check.errors(answer);
  return error === undefined ? 'not of the documented form' : `${error.instancePath.slice(1)} ${error.message}`.trim();
}

function invalid(message: string): CustomAnswer {
  return { kind: 'invalid', message };
}
