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
import { defect } from './defect.ts';
import type { Lead } from './lead.ts';
import type { EpochMs, Fleet, ServiceKey } from './model.ts';
import type { Breaker } from './policy/policy.ts';
import type { Problem } from './problem.ts';
import { mustBeWritten } from './recorder.ts';
import type { Timing } from './rotation/context.ts';
import { servable } from './rotation/durable.ts';
import type { Effect, RotationEvent } from './rotation/event.ts';
import { subjectsOf } from './rotation/roles.ts';
import type { ServiceState } from './rotation/state.ts';
import { step } from './rotation/step.ts';
import { nextWakeMs } from './rotation/time.ts';
import { guidanceOf, servedProximity } from './rotation/unguided.ts';
import { withoutBroughtBack } from './local.ts';
import type { Runtime, Runtimes } from './runtime.ts';
import { everyPeriod } from './schedule.ts';
import type { Source } from './sources/source.ts';
import type { Role, Store } from './store/store.ts';
import { velocityLeft } from './velocity.ts';

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
  /** Of a store that is shared. */
  role?(role: Role): void;
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

interface PipelineOptions extends EngineOptions {
  readonly runtimes: Runtimes;
  readonly lead: Lead;
  readonly stopping: AbortSignal;
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

export function createPipeline(options: PipelineOptions): Pipeline {
  const { clock, gather, publisher, observer, timing, runtimes, lead, stopping } = options;

  /** One turn of the pipeline for one breaker. */
  async function evaluate(runtime: Runtime, breaker: Breaker, atMs: EpochMs): Promise<void> {
    // An evaluation of nobody must not count towards settle either.
    if (!lead.decides(runtime) || isSuspended(runtime.state) || runtime.state.fleet.backends.length === 0) return;
    const startedMs = clock.now();
    const epoch = lead.epoch();
    const gathered = await gather(breaker, runtime.state.fleet, atMs, stopping);

    const { policy } = runtime.state;
    const known = runtime.state.breakers.get(breaker.name);
    // While we waited the policy may have been edited: the answer belongs to a question nobody asks any more.
    if (policy === undefined || known?.fingerprint !== breaker.fingerprint || stopping.aborted) return;
    // Or somebody else decides by now, or did meanwhile.
    if (epoch !== lead.epoch() || !lead.decides(runtime)) return;
    const subjects = subjectsOf(runtime.state, policy, breaker, clock.now(), timing);
    const settled = known.evaluations + 1 >= policy.settle;
    const { evidence, evaluatedAtMs, lookbackMs } = gathered;
    const window = { startMs: evaluatedAtMs - lookbackMs, endMs: evaluatedAtMs };
    const { judgement, baseline } = judge(
      { breaker, subjects, baseline: known.baseline ?? noBaseline, settled, settle: policy.settle, window },
      evidence,
    );

    apply(runtime, { kind: 'judgement', breaker: breaker.name, judgement, baseline, evaluatedAtMs, lookbackMs });
    observer.evaluated(breaker, judgement, clock.now() - startedMs, runtime.state);
  }

  function apply(runtime: Runtime, event: RotationEvent): readonly Effect[] {
    const effects = advance(runtime, event);
    // Begins in a later turn: what brings back is served before it is written, what takes out after.
    void runtimes.persist(runtime);
    serve([runtime]);
    return effects;
  }

  function advance(runtime: Runtime, event: RotationEvent): readonly Effect[] {
    if (event.kind === 'fleet') runtime.fleet = event.fleet;
    if (!lead.decides(runtime)) {
      lead.follow(runtime);
      return [];
    }
    const { state, effects } = step(runtime.state, event, {
      now: clock.now(),
      epoch: lead.epochOf(runtime),
      canReduce: runtime.storeProblem === undefined,
      globalVelocity:
        event.kind === 'judgement' ? velocityLeft(runtimes.all(), clock.now(), options.maxEjectionsPerMinute) : 0,
      globallySuspended: runtimes.suspension() !== undefined,
      timing,
    });
    runtime.state = state;
    for (const effect of effects) {
      if (mustBeWritten(effect, runtime)) runtime.unwritten = [...runtime.unwritten, effect];
      else observer.effect(effect, state);
    }
    wakeLater(runtime);
    return effects;
  }

  function serve(changed: readonly Runtime[]): void {
    const due = new Map<Runtime, readonly unknown[]>();
    const assignments: Assignment[] = [];
    for (const runtime of changed) {
      observer.changed(runtime.state);
      if (!runtime.hasFleet || runtime.isUnknown) continue;
      const { fleet, clamp, enforced } = runtime.state;
      const { eject, activator } = guidanceOf(runtime.state);
      const proximity = servedProximity(runtime.state);
      const { ramp } = activator;
      const decisions = withoutBroughtBack(runtime, servable(enforced.decisions, runtime.persisted, ramp));
      const inputs = [fleet, clamp, decisions, eject, ramp, proximity] as const;
      if (runtime.served?.every((input, index) => input === inputs[index]) === true) continue;
      due.set(runtime, inputs);
      assignments.push(assign({ fleet, decisions, eject, ramp, proximity, ...(clamp === undefined ? {} : { clamp }) }));
    }
    if (assignments.length > 0) publisher.publish(assignments);
    for (const [runtime, inputs] of due) runtime.served = inputs;
  }

  function wakeLater(runtime: Runtime): void {
    runtime.cancelWake();
    const dueMs = stopping.aborted ? undefined : nextWakeMs(runtime.state, timing);
    if (dueMs === undefined) return;
    // Should something stay due although its time has come, we look again soon, not without pause.
    const atMs = Math.max(dueMs, clock.now() + 1);
    runtime.cancelWake = clock.at(atMs, () => {
      try {
        apply(runtime, { kind: 'tick' });
      } catch (error) {
        reportDefect(`what time brings about for ${runtime.service}`, error);
      }
    });
  }

  function schedule(runtime: Runtime): void {
    for (const cancel of runtime.schedules) cancel();
    const breakers = lead.decides(runtime) ? (runtime.state.policy?.breakers ?? []) : [];
    runtime.schedules = breakers.map((breaker) =>
      everyPeriod(clock, breaker, (atMs) =>
        evaluate(runtime, breaker, atMs).catch((error) =>
          reportDefect(`evaluating breaker ${breaker.name} of ${runtime.service}`, error),
        ),
      ),
    );
  }

  /** A defect of ours in judging one Service must not end the serving of all. */
  function reportDefect(what: string, error: unknown): void {
    observer.problem(defect(what, error));
  }

  function isSuspended(state: ServiceState): boolean {
    return (
      runtimes.suspension() !== undefined || state.suspension !== undefined || state.policy?.enforcement === 'Suspended'
    );
  }

  return { apply, advance, serve, schedule };
}
