/** Writes down what was decided about a Service, and takes back what cannot be written. */
import type { Clock } from './clock.ts';
import { defect } from './defect.ts';
import type { BackendId, ServiceKey } from './model.ts';
import type { Problem } from './problem.ts';
import { readStored } from './read-stored.ts';
import { servable } from './rotation/durable.ts';
import { isOut, isReturning } from './rotation/decision.ts';
import type { Effect } from './rotation/event.ts';
import { isWorthSaving, type ServiceRecord, toRecord } from './rotation/record.ts';
import type { ServiceState } from './rotation/state.ts';
import { guidanceOf } from './rotation/unguided.ts';
import type { Lead } from './lead.ts';
import type { Runtime } from './runtime.ts';
import { type JsonValue, noRevision, type SaveResult, type Store, type StoredRecord } from './store/store.ts';

/** Takes something out, and is told when it is on record: an audit log must not know of ejections that never were. */
export type Reduction = Extract<Effect, { kind: 'transition' | 'evict' }>;

export interface RecorderOptions {
  readonly clock: Clock;
  readonly store: Pick<Store, 'save' | 'patienceMs'>;
  readonly observer: { problem(problem: Problem): void; effect(effect: Reduction, state: ServiceState): void };
  /** What was held back until it was written may be served now, or never. */
  readonly serve: (runtime: Runtime) => void;
  readonly lead: Lead;
  /** No more writes after the one under way. */
  readonly stopping: AbortSignal;
}

export interface Recorder {
  /**
   * Writes the state, if it says anything new. Resolves when the store has everything that happened until now, or with
   * the problem for which it has not. Never rejects.
   */
  persist(runtime: Runtime): Promise<Problem | undefined>;
}

/** Longer than any healthy disk takes; a store that hangs must not look like one that is merely slow. */
export const storeDeadlineMs = 5_000;
export const storeRetryMs = 1_000;

export function createRecorder(options: RecorderOptions): Recorder {
  const { clock, store, observer, serve, lead, stopping } = options;

  function persist(runtime: Runtime): Promise<Problem | undefined> {
    runtime.saving ??= write(runtime).catch((error) => defect(`writing down ${runtime.service}`, error));
    return runtime.saving;
  }

  /** Writes until the store has the newest state: what happens during a write goes with the next one. */
  async function write(runtime: Runtime): Promise<Problem | undefined> {
    // `saving` is set before the first look at the state, and unset in the turn of the last: nothing falls in between.
    await Promise.resolve();
    try {
      while (!runtime.isGone) {
        if (!lead.decides(runtime)) return runtime.unreadable ?? notLeading;
        const record = toRecord(runtime.state, lead.epochOf(runtime));
        const { decisions } = runtime.state.enforced;
        const { unwritten } = runtime;
        // Only a write that succeeds shows that the store is back, so after a failure there always is something to write.
        const mustWrite = runtime.storeProblem !== undefined || runtime.isOverwritten;
        if (lead.isUnrecorded(runtime) || (!mustWrite && !isWorthSaving(runtime.saved, record))) {
          runtime.persisted = decisions;
          tell(runtime, unwritten);
          return undefined;
        }
        runtime.isOverwritten = false;
        const { revision } = runtime;
        const result = await save(runtime, record);
        if (result.kind !== 'saved') {
          return lead.decides(runtime) ? giveUp(runtime, result) : (runtime.unreadable ?? notLeading);
        }
        // While it was under way somebody else may have come to decide, and have written already.
        // A store that was restored from a backup counts from lower on: then ours is the newest all the same.
        const isNewest = runtime.revision === revision || runtime.revision < result.revision;
        if (isNewest) adopt(runtime, result.revision, record);
        // Whatever is there now, ours was the last that can be read.
        else if (runtime.unreadable !== undefined) runtime.saved = record;
        if (lead.decides(runtime)) runtime.persisted = decisions;
        else lead.follow(runtime);
        delete runtime.storeProblem;
        tell(runtime, unwritten);
        serve(runtime);
      }
      return undefined;
    } finally {
      delete runtime.saving;
    }
  }

  async function save({ service, revision }: Runtime, record: ServiceRecord): Promise<SaveResult> {
    const late = { kind: 'failed', problem: noAnswer } as const;
    try {
      return await within(
        clock,
        store.patienceMs ?? storeDeadlineMs,
        store.save(service, toJson(record), revision),
        late,
      );
    } catch (error) {
      return { kind: 'failed', problem: defect(`writing down ${service}`, error) };
    }
  }

  function tell(runtime: Runtime, written: readonly Reduction[]): void {
    runtime.unwritten = runtime.unwritten.filter((effect) => !written.includes(effect));
    for (const effect of written) observer.effect(effect, runtime.state);
  }

  /**
   * What could not be written is not served, and so it must not be believed either: the state goes back to what the
   * store has, and the engine finds the anomaly again once it can write.
   */
  function giveUp(runtime: Runtime, result: Exclude<SaveResult, { kind: 'saved' }>): Problem {
    const problem = problemOf(runtime.service, result);
    if (runtime.isGone) return problem;
    const current = result.kind === 'conflict' ? result.current : undefined;
    if (current !== undefined && readStored(runtime, current, observer) === undefined) {
      lead.follow(runtime);
      serve(runtime);
      return runtime.unreadable ?? problem;
    }
    // R9: what a process that came after us wrote is not ours to replace. It decides now; we serve on and take nobody out.
    if (result.kind === 'conflict' && epochOf(current) <= lead.epochOf(runtime)) {
      runtime.revision = current?.revision ?? noRevision;
    }
    if (runtime.storeProblem === undefined) observer.problem(problem);
    runtime.storeProblem = problem;
    takeBack(runtime);
    runtime.cancelRetry();
    if (!stopping.aborted) {
      runtime.cancelRetry = clock.at(clock.now() + storeRetryMs, () => void persist(runtime));
    }
    serve(runtime);
    return problem;
  }

  return { persist };
}

/** Ejections are told once they are on record, and what becomes of their backend meanwhile after them. */
export function mustBeWritten(effect: Effect, { unwritten }: Runtime): effect is Reduction {
  if (effect.kind === 'evict') return true;
  if (effect.kind !== 'transition' || effect.track !== 'enforced') return false;
  const isAway = effect.to === 'ejected' || effect.to === 'paused' || effect.to === 'evicted';
  return isAway || unwritten.some(({ decision }) => decision.backend === effect.backend);
}

/** Whatever took something out goes back to what is on record; what brings back stays. */
function takeBack(runtime: Runtime): void {
  const { state, persisted, saved, unwritten } = runtime;
  const { enforced } = state;
  const decisions = new Map(servable(enforced.decisions, persisted, guidanceOf(state).activator.ramp));
  for (const { decision } of unwritten) {
    const onRecord = persisted.get(decision.backend);
    const decided = decisions.get(decision.backend);
    const isAway = decided !== undefined && isOut(decided) && !isReturning(decided);
    if (onRecord !== undefined && isAway) decisions.set(decision.backend, onRecord);
  }
  const isKept = (backend: BackendId): boolean => decisions.get(backend) === enforced.decisions.get(backend);
  // An ejection that never was must not use up the velocity of those to come.
  const known = new Set(saved?.enforced.ejections);
  const ejections = enforced.ejections.filter((ejection) => known.has(ejection) || isKept(ejection.backend));
  const asked = new Set(saved?.enforced.evictions);
  const evictions = enforced.evictions.filter((eviction) => asked.has(eviction) || isKept(eviction.backend));
  runtime.state = { ...state, enforced: { ...enforced, decisions, ejections, evictions } };
  runtime.unwritten = unwritten.filter(({ decision }) => isKept(decision.backend));
}

/** The promise, or `late` once that long has passed. */
export async function within<Result>(
  clock: Clock,
  ms: number,
  promise: Promise<Result>,
  late: Result,
): Promise<Result> {
  let cancel: () => void = () => undefined;
  const deadline = new Promise<Result>((resolve) => {
    cancel = clock.at(clock.now() + ms, () => resolve(late));
  });
  return Promise.race([promise, deadline]).finally(cancel);
}

/** Its record is what holds. */
export function adopt(runtime: Runtime, revision: number, record: ServiceRecord): void {
  runtime.revision = revision;
  runtime.saved = record;
}

const notLeading: Problem = {
  code: 'KV0810',
  severity: 'error',
  message: 'this replica does not lead (any more): it writes nothing',
  remedy: 'ask the one that does; kubervisor get names it',
};

export const noAnswer: Problem = {
  code: 'KV0410',
  severity: 'error',
  message: 'the store did not answer in time',
  remedy:
    'check the disk of the state directory, or the API server that keeps the decisions; until then nobody new is ejected',
};

function problemOf(service: ServiceKey, result: Exclude<SaveResult, { kind: 'saved' }>): Problem {
  if (result.kind !== 'conflict') return result.problem;
  return { code: 'KV0411', severity: 'error', message: `somebody else changed the decisions of ${service}` };
}

function epochOf(record: StoredRecord | undefined): number {
  return (record?.body as unknown as ServiceRecord | undefined)?.epoch ?? 0;
}

/** Plain data already; the cast only tells the compiler so. */
function toJson(record: ServiceRecord): JsonValue {
  return record as unknown as JsonValue;
}
