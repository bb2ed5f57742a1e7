/** What the loop keeps per Service beside the pure state. */
import type { Clock } from './clock.ts';
import type { BackendId, Fleet, ServiceKey } from './model.ts';
import type { Lead } from './lead.ts';
import type { Policy } from './policy/policy.ts';
import { type Problem, ProblemError } from './problem.ts';
import { readStored } from './read-stored.ts';
import { createRecorder, noAnswer, type Recorder, type Reduction, storeDeadlineMs, within } from './recorder.ts';
import type { Decision } from './rotation/decision.ts';
import type { Effect } from './rotation/event.ts';
import type { Lifted } from './rotation/followed.ts';
import { fromRecord, type ServiceRecord } from './rotation/record.ts';
import { initialState, type ServiceState, type Suspension } from './rotation/state.ts';
import { type JsonValue, noRevision, type Store } from './store/store.ts';
import { createGlobalSuspension } from './suspension.ts';

export interface Runtime {
  readonly service: ServiceKey;
  state: ServiceState;
  /** The source has the Service. */
  isListed: boolean;
  /** Its backends are known, if only that it has none; until then nothing of it is served. */
  hasFleet: boolean;
  /** The source has a policy for it, acceptable or not. */
  hasPolicy: boolean;
  /** The fleet that the source told last. */
  fleet?: Fleet;
  /** The policy that the source shows, if it can be accepted. */
  given?: Policy;
  /** Why the one that the source shows cannot be accepted; empty while it can be. */
  refused: readonly Problem[];
  /** The source says that there is none: one that is on record is not in force any more. */
  isPolicyGone: boolean;
  /** Brought back by hand on this replica alone, each as it was decided then. */
  broughtBack: ReadonlyMap<BackendId, Decision>;
  /** On record, and brought back by a suspension all the same. */
  lifted: Lifted;
  /** Enforced decisions as the store has them. */
  persisted: ReadonlyMap<BackendId, Decision>;
  saved?: ServiceRecord;
  /** The state that a record stands for. */
  recorded?: { readonly record: ServiceRecord | undefined; readonly state: ServiceState };
  revision: number;
  /** The epoch that was on record when we came to lead, where it was not below ours. */
  epochBase: number;
  /** What is on record is not what we decided: whoever wrote it did not know. */
  isOverwritten: boolean;
  /** R9: what is on record is of a later epoch than ours; somebody else decides. */
  isFenced: boolean;
  /** Why what is on record cannot be read: nothing is decided until it can be, or is gone. */
  unreadable?: Problem;
  /** It could not be read at our start already: who is out is not known, so nothing of it is served. */
  isUnknown: boolean;
  saving?: Promise<Problem | undefined>;
  /** What is not on record yet and so not told, in the order in which it happened. */
  unwritten: readonly Reduction[];
  /** Set while the last write failed: nothing new may go out. */
  storeProblem?: Problem;
  /** Inputs of the assignment that was published last. */
  served?: readonly unknown[];
  schedules: readonly (() => void)[];
  /** The Service was forgotten: what is still under way for it must not come back to the store. */
  isGone: boolean;
  cancelWake: () => void;
  cancelRetry: () => void;
}

export interface RuntimesOptions {
  readonly clock: Clock;
  readonly store: Store;
  readonly observer: { problem(problem: Problem): void; effect(effect: Effect, state: ServiceState): void };
  readonly lead: Lead;
  /** What was held back until it was written may be served now, or never. */
  readonly serve: (runtime: Runtime) => void;
}

export interface Runtimes {
  load(signal: AbortSignal): Promise<void>;
  of(service: ServiceKey): Runtime;
  find(service: ServiceKey): Runtime | undefined;
  all(): readonly Runtime[];
  persist: Recorder['persist'];
  suspension(): Suspension | undefined;
  suspendAll(suspension: Suspension | undefined): Promise<Problem | undefined>;
  /** As another replica wrote it. */
  followSuspension(global: JsonValue | undefined): void;
  /** What cannot be written or read right now. */
  problems(): readonly Problem[];
  /** Forgets Services that the source neither has nor has a policy for. */
  dropUnused(): readonly ServiceKey[];
  close(): Promise<void>;
}

export function createRuntimes(options: RuntimesOptions): Runtimes {
  const { clock, store, observer, lead } = options;
  const runtimes = new Map<ServiceKey, Runtime>();
  const stopping = new AbortController();
  const recorder = createRecorder({ ...options, stopping: stopping.signal });
  const suspension = createGlobalSuspension({ clock, store, observer, stopping: stopping.signal });

  function of(service: ServiceKey): Runtime {
    const known = runtimes.get(service);
    if (known !== undefined) return known;
    const created = newRuntime(service, initialState(noFleet(service)));
    runtimes.set(service, created);
    return created;
  }

  async function remove({ service, revision, saving }: Runtime): Promise<void> {
    // Shared records are those of policies, and go with them.
    if (lead.isShared) return;
    if (revision === noRevision && saving === undefined) return;
    const result = await store.remove(service, revision);
    // The record is removed at the next start: nobody else claims it.
    if (result.kind === 'failed' || result.kind === 'full') observer.problem(result.problem);
  }

  return {
    async load(signal) {
      const stored = await store.load(signal);
      lead.load(stored.epoch);
      suspension.load(stored.global);
      for (const problem of stored.problems) observer.problem(problem);
      for (const record of stored.records.values()) {
        const runtime = of(record.service);
        runtime.revision = record.revision;
        const saved = readStored(runtime, record, observer);
        if (saved !== undefined) {
          runtime.saved = saved;
          runtime.state = fromRecord(saved, runtime.state.fleet);
          runtime.persisted = runtime.state.enforced.decisions;
          continue;
        }
        // Among replicas one record that cannot be read must not keep all other Services from being served.
        if (!lead.isShared && runtime.unreadable !== undefined) throw new ProblemError(runtime.unreadable);
        runtime.isUnknown = true;
      }
    },
    of,
    find: (service) => runtimes.get(service),
    all: () => [...runtimes.values()],
    persist: recorder.persist,
    suspension: suspension.current,
    suspendAll: suspension.set,
    followSuspension: suspension.follow,
    problems: () => [
      ...[suspension.problem()].flatMap((problem) => problem ?? []),
      ...[...runtimes.values()].flatMap(({ storeProblem, unreadable }) => unreadable ?? storeProblem ?? []),
    ],
    dropUnused() {
      const unused = [...runtimes.values()].filter(
        ({ isListed, hasPolicy, state, unreadable }) =>
          !isListed && !hasPolicy && state.policy === undefined && unreadable === undefined,
      );
      for (const runtime of unused) {
        runtime.cancelWake();
        runtime.cancelRetry();
        runtime.isGone = true;
        runtimes.delete(runtime.service);
        void remove(runtime);
      }
      return unused.map(({ service }) => service);
    },
    async close() {
      stopping.abort();
      for (const runtime of runtimes.values()) runtime.cancelRetry();
      const closing = Promise.all([...runtimes.values()].flatMap(({ saving }) => saving ?? []))
        .then(() => store.close())
        .then(() => 'closed' as const);
      // What a store that hangs was not told yet was not served either: there is nothing to wait for.
      if ((await within(clock, storeDeadlineMs, closing, 'late')) === 'late') observer.problem(noAnswer);
    },
  };
}

function newRuntime(service: ServiceKey, state: ServiceState): Runtime {
  return {
    service,
    state,
    isListed: false,
    hasFleet: false,
    hasPolicy: false,
    refused: [],
    isPolicyGone: false,
    broughtBack: new Map(),
    lifted: new Map(),
    isOverwritten: false,
    isFenced: false,
    isUnknown: false,
    persisted: new Map(),
    unwritten: [],
    isGone: false,
    revision: noRevision,
    epochBase: 0,
    schedules: [],
    cancelWake: () => undefined,
    cancelRetry: () => undefined,
  };
}

export function noFleet(service: ServiceKey): Fleet {
  return { service, ports: [], backends: [] };
}
