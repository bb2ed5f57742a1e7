/** What the loop keeps per Service beside the pure state, and the writing down of it. */
import type { Clock } from './clock.ts';
import type { BackendId, Fleet, ServiceKey } from './model.ts';
import { type Problem, ProblemError } from './problem.ts';
import type { Decision } from './rotation/decision.ts';
import { servable } from './rotation/durable.ts';
import type { Effect } from './rotation/event.ts';
import { fromRecord, isWorthSaving, recordVersion, type ServiceRecord, toRecord } from './rotation/record.ts';
import { initialState, type ServiceState, type Suspension } from './rotation/state.ts';
import { guidanceOf } from './rotation/unguided.ts';
import { type JsonValue, noRevision, type SaveResult, type Store } from './store/store.ts';

export interface Runtime {
  readonly service: ServiceKey;
  state: ServiceState;
  /** The source knows the Service; until then nothing of it is served. */
  hasFleet: boolean;
  /** The source has a policy for it, acceptable or not. */
  hasPolicy: boolean;
  /** Enforced decisions as the store has them. */
  persisted: ReadonlyMap<BackendId, Decision>;
  saved?: ServiceRecord;
  revision: number;
  saving?: Promise<Problem | undefined>;
  /** What is told when it is on record: an audit log must not know of ejections that never were. */
  unwritten: readonly Effect[];
  /** Set while the last write failed: nothing new may go out. */
  storeProblem?: Problem;
  /** Inputs of the assignment that was published last. */
  served?: readonly unknown[];
  schedules: readonly (() => void)[];
  cancelWake: () => void;
  cancelRetry: () => void;
}

export interface RuntimesOptions {
  readonly clock: Clock;
  readonly store: Store;
  readonly observer: { problem(problem: Problem): void; effect(effect: Effect, state: ServiceState): void };
  /** What was held back until it was written may be served now, or never. */
  readonly serve: (runtime: Runtime) => void;
}

export interface Runtimes {
  load(signal: AbortSignal): Promise<void>;
  /** Services whose policy is on record, but was not among what the source gave so far. */
  policiesNotSeen(): readonly ServiceKey[];
  epoch(): number;
  of(service: ServiceKey): Runtime;
  find(service: ServiceKey): Runtime | undefined;
  all(): readonly Runtime[];
  /** Writes the state, if it says anything new. Resolves with a problem when it could not be written. */
  persist(runtime: Runtime): Promise<Problem | undefined>;
  suspension(): Suspension | undefined;
  suspendAll(suspension: Suspension | undefined): void;
  /** Forgets Services that neither have endpoints nor a policy. */
  dropUnused(): readonly ServiceKey[];
  close(): Promise<void>;
}

/** Longer than any healthy disk takes; a store that hangs must not look like one that is merely slow. */
const saveDeadlineMs = 5_000;
const retryAfterMs = 1_000;

export function createRuntimes({ clock, store, observer, serve }: RuntimesOptions): Runtimes {
  const runtimes = new Map<ServiceKey, Runtime>();
  let epoch = 0;
  let suspension: Suspension | undefined;
  let isClosed = false;

  function of(service: ServiceKey): Runtime {
    const known = runtimes.get(service);
    if (known !== undefined) return known;
    const created = newRuntime(service, initialState(noFleet(service)));
    runtimes.set(service, created);
    return created;
  }

  function persist(runtime: Runtime): Promise<Problem | undefined> {
    runtime.saving ??= write(runtime).finally(() => delete runtime.saving);
    return runtime.saving;
  }

  /** Writes until the store has the newest state: what happens during a write goes with the next one. */
  async function write(runtime: Runtime): Promise<Problem | undefined> {
    // Only a write that succeeds shows that the store is back, so after a failure there always is something to write.
    for (let mustWrite = runtime.storeProblem !== undefined; ; mustWrite = false) {
      const record = toRecord(runtime.state, epoch);
      const { decisions } = runtime.state.enforced;
      const { unwritten } = runtime;
      if (!mustWrite && !isWorthSaving(runtime.saved, record)) {
        runtime.persisted = decisions;
        tell(runtime, unwritten);
        return undefined;
      }
      const result = await withDeadline(clock, store.save(runtime.service, toJson(record), runtime.revision));
      if (result.kind !== 'saved') return giveUp(runtime, result);
      runtime.revision = result.revision;
      runtime.saved = record;
      runtime.persisted = decisions;
      delete runtime.storeProblem;
      tell(runtime, unwritten);
      serve(runtime);
    }
  }

  function tell(runtime: Runtime, written: readonly Effect[]): void {
    runtime.unwritten = runtime.unwritten.filter((effect) => !written.includes(effect));
    for (const effect of written) observer.effect(effect, runtime.state);
  }

  /**
   * What could not be written is not served, and so it must not be believed either: the state goes back to what the
   * store has, and the engine finds the anomaly again once it can write.
   */
  function giveUp(runtime: Runtime, result: Exclude<SaveResult, { kind: 'saved' }>): Problem {
    const problem = problemOf(runtime.service, result);
    if (result.kind === 'conflict') runtime.revision = result.current?.revision ?? noRevision;
    if (runtime.storeProblem === undefined) observer.problem(problem);
    runtime.storeProblem = problem;
    runtime.unwritten = [];
    const { state } = runtime;
    const decisions = servable(state.enforced.decisions, runtime.persisted, guidanceOf(state).activator.ramp);
    runtime.state = { ...state, enforced: { ...state.enforced, decisions } };
    runtime.cancelRetry();
    if (!isClosed) runtime.cancelRetry = clock.at(clock.now() + retryAfterMs, () => void persist(runtime));
    serve(runtime);
    return problem;
  }

  return {
    async load(signal) {
      const stored = await store.load(signal);
      epoch = stored.epoch;
      suspension = readSuspension(stored.global);
      for (const problem of stored.problems) observer.problem(problem);
      for (const { service, revision, body } of stored.records.values()) {
        const record = readRecord(service, body);
        const state = fromRecord(record, noFleet(service));
        runtimes.set(service, {
          ...newRuntime(service, state),
          revision,
          saved: record,
          persisted: state.enforced.decisions,
        });
      }
    },
    policiesNotSeen: () =>
      [...runtimes.values()]
        .filter(({ state, hasPolicy }) => state.policy !== undefined && !hasPolicy)
        .map(({ service }) => service),
    epoch: () => epoch,
    of,
    find: (service) => runtimes.get(service),
    all: () => [...runtimes.values()],
    persist,
    suspension: () => suspension,
    suspendAll(next) {
      suspension = next;
      void store.saveGlobal(next === undefined ? {} : { suspension: { ...next } }).then((result) => {
        if (result.kind !== 'saved') observer.problem(result.problem);
      });
    },
    dropUnused() {
      const unused = [...runtimes.values()].filter(
        ({ hasFleet, hasPolicy, state }) => !hasFleet && !hasPolicy && state.policy === undefined,
      );
      for (const runtime of unused) {
        runtime.cancelWake();
        runtime.cancelRetry();
        runtimes.delete(runtime.service);
        if (runtime.revision !== noRevision) void store.remove(runtime.service, runtime.revision);
      }
      return unused.map(({ service }) => service);
    },
    async close() {
      isClosed = true;
      for (const runtime of runtimes.values()) runtime.cancelRetry();
      await Promise.all([...runtimes.values()].flatMap(({ saving }) => saving ?? []));
      await store.close();
    },
  };
}

function newRuntime(service: ServiceKey, state: ServiceState): Runtime {
  return {
    service,
    state,
    hasFleet: false,
    hasPolicy: false,
    persisted: new Map(),
    unwritten: [],
    revision: noRevision,
    schedules: [],
    cancelWake: () => undefined,
    cancelRetry: () => undefined,
  };
}

function noFleet(service: ServiceKey): Fleet {
  return { service, ports: [], backends: [] };
}

async function withDeadline(clock: Clock, saving: Promise<SaveResult>): Promise<SaveResult> {
  let cancel: () => void = () => undefined;
  const deadline = new Promise<SaveResult>((resolve) => {
    cancel = clock.at(clock.now() + saveDeadlineMs, () =>
      resolve({
        kind: 'failed',
        problem: {
          code: 'KV0410',
          severity: 'error',
          message: `the store did not answer within ${saveDeadlineMs / 1000} s`,
        },
      }),
    );
  });
  return Promise.race([saving, deadline]).finally(cancel);
}

function problemOf(service: ServiceKey, result: Exclude<SaveResult, { kind: 'saved' }>): Problem {
  if (result.kind !== 'conflict') return result.problem;
  return { code: 'KV0411', severity: 'error', message: `somebody else changed the decisions of ${service}` };
}

/** Plain data already; the cast only tells the compiler so. */
function toJson(record: ServiceRecord): JsonValue {
  return record as unknown as JsonValue;
}

function readRecord(service: ServiceKey, body: JsonValue): ServiceRecord {
  const record = body as unknown as ServiceRecord;
  if (record.formatVersion === recordVersion) return record;
  throw new ProblemError({
    code: 'KV0412',
    severity: 'error',
    message: `the decisions of ${service} have format ${record.formatVersion}, this version reads ${recordVersion}`,
    remedy: 'start the version that wrote them',
  });
}

function readSuspension(global: JsonValue | undefined): Suspension | undefined {
  return (global as { readonly suspension?: Suspension } | undefined)?.suspension;
}
