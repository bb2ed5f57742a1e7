/**
 * The pipeline, on one screen:
 *
 *   sources, metrics -> breakers -> budget and rotation -> store -> assignment -> xDS
 *
 * `evaluate` is one turn of it. Everything between the metrics and the store is pure; this file owns the state of each
 * Service, hands it events one at a time, and keeps the order "persist, then serve" for whatever takes traffic away.
 */
import { assign } from './assignment/assign.ts';
import type { Assignment } from './assignment/assignment.ts';
import { noBaseline } from './breakers/baseline.ts';
import { type Evidence, judge } from './breakers/judge.ts';
import type { Judgement } from './breakers/verdict.ts';
import type { Clock } from './clock.ts';
import type { EpochMs, Fleet, ServiceKey } from './model.ts';
import type { Breaker } from './policy/policy.ts';
import type { Problem } from './problem.ts';
import type { Timing } from './rotation/context.ts';
import { servable } from './rotation/durable.ts';
import type { Effect, RotationEvent } from './rotation/event.ts';
import { subjectsOf } from './rotation/roles.ts';
import type { ServiceState } from './rotation/state.ts';
import { step } from './rotation/step.ts';
import { nextWakeMs } from './rotation/time.ts';
import { guidanceOf } from './rotation/unguided.ts';
import { trackOf } from './rotation/work.ts';
import type { Runtime, Runtimes } from './runtime.ts';
import { everyPeriod } from './schedule.ts';
import type { Source } from './sources/source.ts';
import type { Store } from './store/store.ts';

/** Where assignments go. */
export interface Publisher {
  /** One batch: either all of it is seen, or nothing yet. */
  publish(assignments: readonly Assignment[]): void;
  /** The Service is gone. */
  remove(service: ServiceKey): void;
}

/** Asks whatever a breaker needs to know. Never throws: what cannot be had is evidence of kind `unusable`. */
export type Gather = (breaker: Breaker, fleet: Fleet, atMs: EpochMs, signal: AbortSignal) => Promise<Gathered>;

export interface Gathered {
  readonly evidence: Evidence;
  /** On our clock. */
  readonly evaluatedAtMs: EpochMs;
  readonly lookbackMs: number;
}

/** Tells the outside what happens. Must not throw. */
export interface EngineObserver {
  effect(effect: Effect, state: ServiceState): void;
  evaluated(breaker: Breaker, judgement: Judgement, durationMs: number, state: ServiceState): void;
  changed(state: ServiceState): void;
  gone(service: ServiceKey): void;
  problem(problem: Problem): void;
}

export interface EngineOptions {
  readonly clock: Clock;
  readonly source: Source;
  readonly store: Store;
  readonly gather: Gather;
  readonly publisher: Publisher;
  readonly observer: EngineObserver;
  readonly timing: Timing;
  /** New ejections over all Services in any minute (R8). */
  readonly maxEjectionsPerMinute: number;
}

export interface Pipeline {
  /** Lets an event happen, serves what may be served, and writes down what must be. */
  apply(runtime: Runtime, event: RotationEvent): readonly Effect[];
  /** Lets an event happen, and no more: for batches. */
  advance(runtime: Runtime, event: RotationEvent): readonly Effect[];
  /** Publishes, in one batch, the assignments whose inputs changed. */
  serve(changed: readonly Runtime[]): void;
  /** Starts the breakers of the policy in force, in place of those before. */
  schedule(runtime: Runtime): void;
}

export function createPipeline(options: EngineOptions, runtimes: Runtimes, stopping: AbortSignal): Pipeline {
  const { clock, gather, publisher, observer, timing } = options;
  let ejections: readonly EpochMs[] = [];

  /** One turn of the pipeline for one breaker. */
  async function evaluate(runtime: Runtime, breaker: Breaker, atMs: EpochMs): Promise<void> {
    if (isSuspended(runtime.state)) return;
    const startedMs = clock.now();
    const gathered = await gather(breaker, runtime.state.fleet, atMs, stopping);

    const { policy } = runtime.state;
    const known = runtime.state.breakers.get(breaker.name);
    // While we waited the policy may have been edited: the answer belongs to a question nobody asks any more.
    if (policy === undefined || known?.fingerprint !== breaker.fingerprint || stopping.aborted) return;
    const subjects = subjectsOf(runtime.state, policy, trackOf(policy, breaker) ?? 'shadow', clock.now());
    const settled = known.evaluations + 1 >= policy.settle;
    const { judgement, baseline } = judge(
      { breaker, subjects, baseline: known.baseline ?? noBaseline, settled },
      gathered.evidence,
    );

    const { evaluatedAtMs, lookbackMs } = gathered;
    apply(runtime, { kind: 'judgement', breaker: breaker.name, judgement, baseline, evaluatedAtMs, lookbackMs });
    observer.evaluated(breaker, judgement, clock.now() - startedMs, runtime.state);
  }

  function apply(runtime: Runtime, event: RotationEvent): readonly Effect[] {
    const effects = advance(runtime, event);
    serve([runtime]);
    void runtimes.persist(runtime);
    return effects;
  }

  function advance(runtime: Runtime, event: RotationEvent): readonly Effect[] {
    const now = clock.now();
    ejections = ejections.filter((atMs) => now - atMs < 60_000);
    const { state, effects } = step(runtime.state, event, {
      now,
      epoch: runtimes.epoch(),
      canReduce: runtime.storeProblem === undefined,
      globalVelocity: Math.max(0, options.maxEjectionsPerMinute - ejections.length),
      globallySuspended: runtimes.suspension() !== undefined,
      timing,
    });
    runtime.state = state;
    for (const effect of effects) {
      const isNewEjection =
        effect.kind === 'transition' &&
        effect.track === 'enforced' &&
        effect.from === 'serving' &&
        effect.why !== 'manual';
      if (isNewEjection) ejections = [...ejections, now];
      if (takesOut(effect)) runtime.unwritten = [...runtime.unwritten, effect];
      else observer.effect(effect, state);
    }
    wakeLater(runtime);
    return effects;
  }

  function serve(changed: readonly Runtime[]): void {
    const assignments: Assignment[] = [];
    for (const runtime of changed) {
      observer.changed(runtime.state);
      if (!runtime.hasFleet) continue;
      const { fleet, clamp, enforced } = runtime.state;
      const { eject, activator, proximity } = guidanceOf(runtime.state);
      const decisions = servable(enforced.decisions, runtime.persisted, activator.ramp);
      const inputs = [fleet, clamp, decisions, eject, activator, proximity] as const;
      if (runtime.served?.every((input, index) => input === inputs[index]) === true) continue;
      runtime.served = inputs;
      assignments.push(
        assign({ fleet, decisions, eject, ramp: activator.ramp, proximity, ...(clamp === undefined ? {} : { clamp }) }),
      );
    }
    if (assignments.length > 0) publisher.publish(assignments);
  }

  function wakeLater(runtime: Runtime): void {
    runtime.cancelWake();
    const dueMs = stopping.aborted ? undefined : nextWakeMs(runtime.state, timing);
    if (dueMs === undefined) return;
    // Should something stay due although its time has come, we look again soon, not without pause.
    const atMs = Math.max(dueMs, clock.now() + 1);
    runtime.cancelWake = clock.at(atMs, () => void apply(runtime, { kind: 'tick' }));
  }

  function schedule(runtime: Runtime): void {
    for (const cancel of runtime.schedules) cancel();
    const breakers = runtime.state.policy?.breakers ?? [];
    runtime.schedules = breakers.map((breaker) =>
      everyPeriod(clock, breaker, (atMs) =>
        evaluate(runtime, breaker, atMs).catch((error) => reportBug(breaker, error)),
      ),
    );
  }

  /** A defect of ours in judging one breaker must not end the serving of all. */
  function reportBug({ name }: Breaker, error: unknown): void {
    const message = `evaluating breaker ${name} failed: ${error instanceof Error ? error.stack : String(error)}`;
    observer.problem({ code: 'KV0001', severity: 'error', message, remedy: 'this is a defect; please report it' });
  }

  function isSuspended(state: ServiceState): boolean {
    return (
      runtimes.suspension() !== undefined || state.suspension !== undefined || state.policy?.enforcement === 'Suspended'
    );
  }

  return { apply, advance, serve, schedule };
}

/** Such effects are told once they are on record; see Runtime.unwritten. */
function takesOut(effect: Effect): boolean {
  if (effect.kind === 'evict') return true;
  if (effect.kind !== 'transition' || effect.track !== 'enforced') return false;
  return effect.to === 'ejected' || effect.to === 'paused' || effect.to === 'evicted';
}
