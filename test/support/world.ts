/**
 * A Service, its policy and a clock in a test's hands. Feeds samples through the same judge -> step as the engine does,
 * so that a test reads like the rule it proves: `w.evaluate(w.all(0, { p3: 9 }))`, then look who is out.
 */
import { assign } from '../../engine/assignment/assign.ts';
import type { Assignment } from '../../engine/assignment/assignment.ts';
import { noBaseline } from '../../engine/breakers/baseline.ts';
import { type Evidence, judge } from '../../engine/breakers/judge.ts';
import { type Backend, backendId, type EpochMs, type Workloads } from '../../engine/model.ts';
import type { Breaker, Policy } from '../../engine/policy/policy.ts';
import { defaultTiming, type StepContext, type Timing } from '../../engine/rotation/context.ts';
import type { Decision, RotationState } from '../../engine/rotation/decision.ts';
import type { Command, Effect, RotationEvent } from '../../engine/rotation/event.ts';
import { subjectsOf } from '../../engine/rotation/roles.ts';
import { type Held, initialState, type ServiceState, type TrackName } from '../../engine/rotation/state.ts';
import { step } from '../../engine/rotation/step.ts';
import { nextWakeMs } from '../../engine/rotation/time.ts';
import { guidanceOf, servedProximity } from '../../engine/rotation/unguided.ts';
import { evidenceOf, fleetOf, policyOf, type Value, type Values } from './fixtures.ts';

export * from './fixtures.ts';

export function assignmentOf(state: ServiceState): Assignment {
  const { eject, activator } = guidanceOf(state);
  const { fleet, clamp, enforced } = state;
  return assign({
    fleet,
    decisions: enforced.decisions,
    eject,
    ramp: activator.ramp,
    proximity: servedProximity(state),
    ...(clamp === undefined ? {} : { clamp }),
  });
}

/** Evaluates one breaker as the engine does and gives the event; undefined when the state knows no such breaker. */
export function judgementOf(
  state: ServiceState,
  name: string,
  evidence: Evidence,
  now: EpochMs,
  evaluatedAtMs = now,
  timing: Timing = defaultTiming,
): Extract<RotationEvent, { kind: 'judgement' }> | undefined {
  const { policy } = state;
  const breaker = policy?.breakers.find((candidate) => candidate.name === name);
  if (policy === undefined || breaker === undefined) return undefined;
  const known = state.breakers.get(name);
  const { judgement, baseline } = judge(
    {
      breaker,
      subjects: subjectsOf(state, policy, breaker, now, timing),
      baseline: known?.baseline ?? noBaseline,
      settled: (known?.evaluations ?? 0) + 1 >= policy.settle,
      settle: policy.settle,
      window: { startMs: evaluatedAtMs - breaker.lookbackMs, endMs: evaluatedAtMs },
    },
    evidence,
  );
  return { kind: 'judgement', breaker: name, judgement, baseline, evaluatedAtMs, lookbackMs: breaker.lookbackMs };
}

export interface World {
  readonly state: ServiceState;
  readonly now: EpochMs;
  /** Everything that was told since the last `forgetEffects`. */
  readonly effects: readonly Effect[];
  /** What a step is told besides; changes last. */
  context: Omit<StepContext, 'now'>;
  step(event: RotationEvent): readonly Effect[];
  /** Time passes; what is due happens when it is due. */
  pass(ms: number): void;
  /** The clock is set, forward or back, without time passing. */
  setClock(now: EpochMs): void;
  /** One period of the breaker later, it sees these values. */
  evaluate(values: Values | Evidence, breaker?: string): readonly Effect[];
  evaluations(count: number, values: Values | Evidence, breaker?: string): void;
  /** The breaker sees these values without any time passing. */
  evaluateNow(values: Values | Evidence, breaker?: string): readonly Effect[];
  /** The same value for everyone, but these. */
  all(value: Value, but?: Values): Values;
  /** Nine errors for these, none for the others. */
  bad(...names: readonly string[]): Values;
  policy(policy: Policy | undefined): readonly Effect[];
  fleet(backends: number | readonly Backend[]): readonly Effect[];
  /** What the workloads say of themselves from now on; what is left out is at rest. Undefined: nothing. */
  workloads(change: Partial<Workloads> | undefined): readonly Effect[];
  /** Changes one backend. */
  change(name: string, change: Partial<Backend>): readonly Effect[];
  remove(...names: readonly string[]): readonly Effect[];
  command(command: Command): readonly Effect[];
  eject(name: string, change?: Partial<Extract<Command, { verb: 'eject' | 'pause' }>>): readonly Effect[];
  restore(name: string, ramp?: boolean): readonly Effect[];
  decision(name: string, track?: TrackName): Decision | undefined;
  stateOf(name: string, track?: TrackName): RotationState;
  /** Names of those that are out, in order. */
  out(track?: TrackName): readonly string[];
  held(name: string, track?: TrackName): Held['cause'] | undefined;
  /** What clients get, by identity: `100`, a smaller weight, `DRAINING`, `UNHEALTHY`, or absent. */
  served(): Readonly<Record<string, string>>;
  forgetEffects(): void;
}

export interface WorldOptions {
  readonly fleet?: number | readonly Backend[];
  readonly policy?: Policy | undefined;
  readonly context?: Partial<Omit<StepContext, 'now'>>;
}

const startMs = Date.UTC(2026, 0, 1);

export function world(options: WorldOptions = {}): World {
  let now = startMs;
  let effects: Effect[] = [];
  let state = initialState(fleetOf([]));
  const policy = 'policy' in options ? options.policy : policyOf();

  const w: World = {
    get state() {
      return state;
    },
    get now() {
      return now;
    },
    get effects() {
      return effects;
    },
    context: {
      epoch: 1,
      canReduce: true,
      globalVelocity: Number.POSITIVE_INFINITY,
      globallySuspended: false,
      timing: defaultTiming,
      ...options.context,
    },
    step(event) {
      const result = step(state, event, { ...w.context, now });
      state = result.state;
      effects = [...effects, ...result.effects];
      return result.effects;
    },
    pass(ms) {
      const endMs = now + ms;
      let tickedAtMs: EpochMs | undefined;
      for (;;) {
        const wakeMs = nextWakeMs(state, w.context.timing);
        if (wakeMs === undefined || wakeMs > endMs) break;
        now = Math.max(now, wakeMs);
        // What is due and does not happen would wake the engine again and again, without a pause.
        if (now === tickedAtMs) throw new Error(`still due after the tick at ${now - startMs} ms`);
        tickedAtMs = now;
        w.step({ kind: 'tick' });
      }
      now = endMs;
    },
    setClock(to) {
      now = to;
    },
    evaluate(values, name) {
      w.pass(breakerNamed(state, name).evaluationPeriodMs);
      return w.evaluateNow(values, name);
    },
    evaluateNow(values, name) {
      const evidence = isEvidence(values) ? values : evidenceOf(values);
      const event = judgementOf(state, breakerNamed(state, name).name, evidence, now, now, w.context.timing);
      return event === undefined ? [] : w.step(event);
    },
    evaluations(count, values, name) {
      for (let index = 0; index < count; index++) w.evaluate(values, name);
    },
    all(value, but = {}) {
      return { ...Object.fromEntries(state.fleet.backends.map(({ name }) => [name, value])), ...but };
    },
    bad: (...names) => w.all(0, Object.fromEntries(names.map((name) => [name, 9]))),
    policy: (next) => w.step({ kind: 'policy', policy: next }),
    fleet(backends) {
      const { workloads } = state.fleet;
      const fleet = { ...fleetOf(backends), ...(workloads === undefined ? {} : { workloads }) };
      return w.step({ kind: 'fleet', fleet });
    },
    workloads(change) {
      const { workloads: _, ...fleet } = state.fleet;
      const rest = { desired: fleet.backends.length, rollingOut: [], scaling: [] };
      const told = change === undefined ? {} : { workloads: { ...rest, ...change } };
      return w.step({ kind: 'fleet', fleet: { ...fleet, ...told } });
    },
    change: (name, change) =>
      w.fleet(state.fleet.backends.map((backend) => (backend.name === name ? { ...backend, ...change } : backend))),
    remove: (...names) => w.fleet(state.fleet.backends.filter((backend) => !names.includes(backend.name))),
    command: (command) => w.step({ kind: 'command', command }),
    eject: (name, change) =>
      w.command({
        verb: 'eject',
        backend: backendId(name),
        forMs: 900_000,
        actor: 'ana',
        reason: 'disk',
        force: false,
        ...change,
      }),
    restore: (name, ramp = false) =>
      w.command({ verb: 'restore', backend: backendId(name), actor: 'ana', reason: 'fixed', ramp }),
    decision: (name, track = 'enforced') => state[track].decisions.get(backendId(name)),
    stateOf: (name, track) => w.decision(name, track)?.state ?? 'serving',
    out: (track) => state.fleet.backends.map(({ name }) => name).filter((name) => w.stateOf(name, track) !== 'serving'),
    held: (name, track = 'enforced') => state[track].held.get(backendId(name))?.cause,
    served() {
      const served: Record<string, string> = {};
      for (const { localities } of assignmentOf(state).ports) {
        for (const { backend, status, weight } of localities.flatMap(({ endpoints }) => endpoints)) {
          served[backend] = status === 'HEALTHY' ? String(weight) : status;
        }
      }
      return served;
    },
    forgetEffects() {
      effects = [];
    },
  };

  w.fleet(options.fleet ?? 6);
  if (policy !== undefined) w.policy(policy);
  w.forgetEffects();
  return w;
}

function isEvidence(values: Values | Evidence): values is Evidence {
  return 'kind' in values && typeof values['kind'] === 'string' && values['kind'] !== 'NaN';
}

function breakerNamed(state: ServiceState, name: string | undefined): Breaker {
  const breakers = state.policy?.breakers ?? [];
  const breaker = name === undefined ? breakers[0] : breakers.find((candidate) => candidate.name === name);
  if (breaker === undefined) throw new Error(`no breaker ${name ?? 'at all'}`);
  return breaker;
}
