/** Policies as the cluster has them. Each is read once a generation: a status that is written changes nothing about it. */
import { setImmediate } from 'node:timers/promises';
import type { PolicyOutcome, PolicyParser } from '../../policy/parse.ts';
import { fieldsOf, isRecord } from '../../is-record.ts';
import type { PolicyClaim } from '../policies.ts';
import type { Change } from '../../kubernetes/reflector.ts';

/** What is kept of a policy. */
export interface PolicyObject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Resource version: what a compare-and-set compares. */
  readonly version: string;
  readonly generation: number;
  /** UID and generation: the same for the same spec of the same object. */
  readonly edition: string;
  readonly object: Readonly<Record<string, unknown>>;
  /** As it was written, by us or another replica; empty before the first time. */
  readonly status: Readonly<Record<string, unknown>>;
}

export interface PolicyBook {
  /**
   * Reads what was told so far, and from then on each policy as it is told. At a start that is everybody's policies at
   * once, so each has a turn of the event loop: whoever asks whether we live is answered in between.
   */
  open(signal: AbortSignal): Promise<void>;
  follow(change: Change<PolicyObject>): void;
  /** @returns whether there are other policies, or other specs, than at the last call. */
  hasChanged(): boolean;
  claims(): readonly PolicyClaim[];
  /** Of all there are now. */
  editions(): ReadonlySet<string>;
  /** @param key `namespace/name` */
  uidOf(key: string): string | undefined;
}

export function keepPolicy(raw: Readonly<Record<string, unknown>>): PolicyObject {
  const metadata = fieldsOf(raw, 'metadata');
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp, annotations } = metadata;
  return {
    namespace: String(namespace),
    name: String(name),
    uid: String(uid),
    version: String(resourceVersion),
    generation: Number(generation),
    edition: `${String(uid)} ${String(generation)}`,
    // A list does not say for each of its objects what all of them are.
    object: {
      apiVersion: raw['apiVersion'] ?? 'breaker.kubervisor.io/v1',
      kind: raw['kind'] ?? 'KubervisorService',
      metadata: { name, namespace, creationTimestamp, ...(annotations === undefined ? {} : { annotations }) },
      spec: raw['spec'],
    },
    status: fieldsOf(raw, 'status'),
  };
}

interface Entry extends PolicyClaim {
  readonly uid: string;
  readonly edition: string;
}

export function createPolicyBook(parser: PolicyParser): PolicyBook {
  const entries = new Map<string, Entry>();
  /** Until it is open: the last that was told of each. */
  let unread: Map<string, PolicyObject> | undefined = new Map();
  let changed = true;

  function put(key: string, policy: PolicyObject): void {
    if (unread === undefined) read(key, policy);
    else unread.set(key, policy);
  }

  function read(key: string, policy: PolicyObject): void {
    const { namespace, name, uid, generation, edition, object } = policy;
    if (entries.get(key)?.edition === edition) return;
    const place = { file: `KubervisorService ${namespace}/${name}` };
    entries.set(key, {
      namespace,
      name,
      uid,
      generation,
      edition,
      servicePlace: place,
      ...createdAt(object),
      outcome: placed(parser.parseObject(object), place),
    });
    changed = true;
  }

  function drop(key: string): void {
    unread?.delete(key);
    changed = entries.delete(key) || changed;
  }

  return {
    async open(signal) {
      const told = unread ?? new Map<string, PolicyObject>();
      for (const key of [...told.keys()]) {
        const policy = told.get(key);
        told.delete(key);
        if (policy !== undefined) read(key, policy);
        await setImmediate();
        if (signal.aborted) return;
      }
      unread = undefined;
      // Edited meanwhile. Not in turns again: somebody may go on editing.
      for (const [key, policy] of told) read(key, policy);
    },
    follow(change) {
      if (change.kind === 'listed') {
        // What is gone may be there again, as another object of the same name.
        for (const key of change.gone.keys()) if (!change.items.has(key)) drop(key);
        for (const [key, object] of change.items) put(key, object);
      } else if (change.kind === 'changed') put(change.key, change.object);
      else drop(change.key);
    },
    hasChanged() {
      const had = changed;
      changed = false;
      return had;
    },
    claims: () => [...entries.values()],
    editions: () => new Set([...entries.values()].map(({ edition }) => edition)),
    uidOf: (key) => entries.get(key)?.uid,
  };
}

function createdAt({ metadata }: PolicyObject['object']): Pick<PolicyClaim, 'createdAtMs'> {
  const createdAtMs = isRecord(metadata) ? Date.parse(String(metadata['creationTimestamp'])) : Number.NaN;
  return Number.isNaN(createdAtMs) ? {} : { createdAtMs };
}

/** An object has no file and no line: its name is the place. */
function placed(outcome: PolicyOutcome, place: { readonly file: string }): PolicyOutcome {
  return outcome.kind === 'accepted'
    ? { ...outcome, warnings: outcome.warnings.map((problem) => ({ ...problem, ...place })) }
    : { ...outcome, problems: outcome.problems.map((problem) => ({ ...problem, ...place })) };
}
