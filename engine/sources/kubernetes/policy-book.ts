/** Policies as the cluster has them. Each is read once a generation: a status that is written changes nothing about it. */
import { setImmediate } from 'node:timers/promises';
import type { PolicyOutcome, PolicyParser } from '../../policy/parse.ts';
import { fieldsOf, isRecord } from '../../is-record.ts';
import type { ServiceKey } from '../../model.ts';
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
  /**
   * Many at once are read in turns as well, and come into force together: half of a list would be a policy that has gone
   * without the one that takes its place.
   */
  follow(change: Change<PolicyObject>): void;
  /** Resolves when what is read in turns is in force; undefined while nothing is. */
  reading(): Promise<void> | undefined;
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

/** What was told of each, last; undefined: it is gone. */
type Told = Map<string, PolicyObject | undefined>;

/** So many are read in one turn of the event loop, rather than a turn each. */
const few = 10;
/** Somebody may go on editing: after so many times over what was told meanwhile, the rest is read in one turn. */
const maxPasses = 5;

export function createPolicyBook(parser: PolicyParser): PolicyBook {
  let entries = new Map<string, Entry>();
  /** Until it is open, and while many are read. */
  let unread: Told | undefined = new Map();
  let reading: Promise<void> | undefined;
  let stopping: AbortSignal | undefined;
  let changed = true;

  /** @returns whether anything is different now. */
  function take(into: Map<string, Entry>, key: string, policy: PolicyObject | undefined): boolean {
    if (policy === undefined) return into.delete(key);
    if (into.get(key)?.edition === policy.edition) return false;
    into.set(key, entryOf(policy, parser));
    return true;
  }

  async function readInTurns(told: Told): Promise<void> {
    const next = new Map(entries);
    let isDifferent = false;
    const takeOf = (key: string): boolean => {
      const policy = told.get(key);
      told.delete(key);
      const isNew = take(next, key, policy);
      isDifferent ||= isNew;
      return isNew;
    };
    try {
      for (let pass = 0; pass === 0 || (pass < maxPasses && told.size > few); pass++) {
        for (const key of [...told.keys()]) {
          if (!takeOf(key)) continue;
          await setImmediate();
          if (stopping?.aborted === true) return;
        }
      }
      for (const key of [...told.keys()]) takeOf(key);
    } finally {
      unread = undefined;
      entries = next;
      changed ||= isDifferent;
    }
  }

  return {
    async open(signal) {
      stopping = signal;
      await readInTurns(unread ?? new Map());
    },
    follow(change) {
      const told = toldBy(change);
      if (unread !== undefined) {
        for (const [key, policy] of told) unread.set(key, policy);
        return;
      }
      const isNew = ([key, policy]: [string, PolicyObject | undefined]): boolean =>
        policy !== undefined && entries.get(key)?.edition !== policy.edition;
      if ([...told].filter(isNew).length > few) {
        unread = told;
        const turns = readInTurns(told).finally(() => {
          if (reading === turns) reading = undefined;
        });
        reading = turns;
        return;
      }
      for (const [key, policy] of told) changed = take(entries, key, policy) || changed;
    },
    reading: () => reading,
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

function toldBy(change: Change<PolicyObject>): Told {
  if (change.kind === 'changed') return new Map([[change.key, change.object]]);
  if (change.kind === 'gone') return new Map([[change.key, undefined]]);
  // What is gone may be there again, as another object of the same name.
  const gone = [...change.gone.keys()].map((key) => [key, undefined] as const);
  return new Map<string, PolicyObject | undefined>([...gone, ...change.items]);
}

function entryOf(policy: PolicyObject, parser: PolicyParser): Entry {
  const { namespace, name, uid, generation, edition, object } = policy;
  const place = { file: `KubervisorService ${namespace}/${name}` };
  const outcome = placed(parser.parseObject(object), place);
  return {
    namespace,
    name,
    uid,
    generation,
    edition,
    servicePlace: place,
    ...createdAt(object),
    ...(outcome.kind === 'refused' && outcome.service === undefined ? recordedFor(policy) : {}),
    outcome,
  };
}

/** One whose Service cannot be read any more goes on freezing the one that it governed, for whoever starts now as well. */
function recordedFor({ namespace, status: { record } }: PolicyObject): Pick<PolicyClaim, 'recordedFor'> {
  const service = typeof record === 'string' ? serviceOfRecord(record) : undefined;
  // Whoever may write a policy's status in one namespace says nothing of another.
  return service?.startsWith(`${namespace}/`) === true ? { recordedFor: service as ServiceKey } : {};
}

function serviceOfRecord(text: string): string | undefined {
  try {
    const service = fieldsOf(JSON.parse(text))['service'];
    return typeof service === 'string' ? service : undefined;
  } catch {
    return undefined;
  }
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
