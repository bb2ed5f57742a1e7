/** State machines that are broken on purpose, each in one way, and the invariant that must notice. */
import { type AssignedEndpoint, type Assignment } from '../../engine/assignment/assignment.ts';
import type { Verdict } from '../../engine/breakers/verdict.ts';
import { type BackendId, type Fleet, readyMembers } from '../../engine/model.ts';
import type { Policy } from '../../engine/policy/policy.ts';
import type { StepContext } from '../../engine/rotation/context.ts';
import { type Decision, isOut } from '../../engine/rotation/decision.ts';
import type { Effect, RotationEvent } from '../../engine/rotation/event.ts';
import type { ServiceState, Track } from '../../engine/rotation/state.ts';
import { type Step, step } from '../../engine/rotation/step.ts';
import { type LifeParts, realParts } from './life.ts';

export interface BrokenSteps {
  /** What somebody might have done. */
  readonly mistake: string;
  /** As {@link must} has it. */
  readonly caughtBy: string;
  readonly parts: () => LifeParts;
}

type Step3 = typeof step;

export const brokenSteps: readonly BrokenSteps[] = [
  broken('never readmits', 'I1 floor', () => (state, event, context) => {
    return step(state, event, { ...context, timing: { ...context.timing, breachDelayMs: Number.MAX_SAFE_INTEGER } });
  }),
  broken('has no limit but the floor', 'I1 budget', () =>
    withPolicy(({ budget, ...rest }) => {
      return { ...rest, budget: { ...budget, maxEjectedPercent: 100 } };
    }),
  ),
  broken('does not miss those that never came', 'I1 missing', () =>
    withFleet(({ workloads, ...rest }) => ({
      ...rest,
      ...(workloads === undefined ? {} : { workloads: { ...workloads, desired: 0 } }),
    })),
  ),
  broken('ignores the floor', 'I1 floor at the act', () =>
    withPolicy(({ budget, ...rest }) => {
      return {
        ...rest,
        budget: { ...budget, minAvailableCount: 0, minAvailableRatioPercent: 0, maxEjectedPercent: 100 },
      };
    }),
  ),
  serving('lets everybody go', 'I1 nobody served', (endpoints) =>
    endpoints.map((each) => ({ ...each, status: 'DRAINING' as const })),
  ),
  serving('loses a fleet of which nobody is healthy', 'I1 empty', (endpoints) =>
    endpoints.filter(({ status }) => status === 'HEALTHY' && endpoints.length > 1),
  ),
  serving('takes everybody for healthy', 'I2 only ready ones', (endpoints) =>
    endpoints.map((each) => ({ ...each, status: 'HEALTHY' as const })),
  ),
  after('forgets how large the fleet was', 'I3 base', ({ state }) => ({ ...state, peaks: state.peaks.slice(-1) })),
  after('counts the budget from those still in traffic', 'I3 ratchet', ({ state }, { event }) => {
    if (event.kind !== 'judgement') return state;
    const { decisions } = state.enforced;
    const left = readyMembers(state.fleet).filter(({ id }) => !isOut(decisions.get(id))).length;
    return { ...state, peaks: state.peaks.map((peak) => ({ ...peak, ready: Math.min(peak.ready, left) })) };
  }),
  after('does not say who accuses', 'I4 explained', ({ state }) =>
    mapDecisions(state, (decision) =>
      decision.cause.kind === 'manual' ? decision : { ...decision, cause: { ...decision.cause, breaker: '' } },
    ),
  ),
  broken('takes out what it cannot write down', 'I4 unwritten', () => (state, event, context) => {
    return step(state, event, { ...context, canReduce: true });
  }),
  after('clamps by the numbers of another fleet', 'I4 clamp', ({ state }) => ({
    ...state,
    clamp: { base: 1, floor: 1 },
  })),
  after('counts backwards', 'I5 seq', ({ state }, { before }) => ({ ...state, seq: before.seq - 1 })),
  broken('takes silence for guilt', 'I6 conviction', () => (state, event, context) => {
    return step(
      state,
      withVerdicts(event, (verdict) => (verdict.kind === 'insufficient' ? guilty : verdict)),
      context,
    );
  }),
  broken('takes the word of one for that of all', 'I6 combine', () =>
    withPolicy((policy) => ({ ...policy, combine: 'Any' })),
  ),
  broken('believes that it has seen everybody', 'I6 coverage', () => (state, event, context) => {
    if (event.kind !== 'judgement' || event.judgement.kind === 'unusable') return step(state, event, context);
    const { coverage: _, ...judgement } = event.judgement;
    return step(state, { ...event, judgement }, context);
  }),
  broken('forgets when it had data', 'I6 stale', () => (state, event, context) => {
    const breakers = new Map([...state.breakers].map(([name, breaker]) => [name, { ...breaker, heardAtMs: 0 }]));
    return step({ ...state, breakers }, event, context);
  }),
  broken('acts before it has settled', 'I6 settle', () => withPolicy((policy) => ({ ...policy, settle: 0 }))),
  broken('steps up at every verdict', 'I6 step up', () =>
    withPolicy(({ activator, ...rest }) => {
      return { ...rest, activator: { ...activator, ramp: { ...activator.ramp, stepPeriodMs: 0 } } };
    }),
  ),
  after('lets somebody go when the metrics are down', 'I6 silence', ({ state }, { event }) => {
    const isDown = event.kind === 'judgement' && event.judgement.kind === 'unusable';
    if (!isDown) return state;
    return withTrack(state, { decisions: new Map([...state.enforced.decisions].slice(1)) });
  }),
  after('gives more and more to whoever probes', 'I6 starved', ({ state }, { before, event }) =>
    mapDecisions(state, (each) => {
      const isProbing = before.enforced.decisions.get(each.backend)?.state === 'probing' && each.state === 'probing';
      return isProbing && event.kind === 'tick' ? { ...each, minWeight: Math.min(25, each.minWeight + 1) } : each;
    }),
  ),
  broken('does not count its ejections', 'I7 velocity', () => (state, event, context) => {
    return step({ ...withTrack(state, { ejections: [] }), shadow: { ...state.shadow, ejections: [] } }, event, context);
  }),
  broken('goes by its own limit only', 'I7 all Services', () => (state, event, context) => {
    return step(state, event, { ...context, globalVelocity: Number.POSITIVE_INFINITY });
  }),
  broken('takes a failing dependency for many failing pods', 'I7 hold-above', () =>
    withPolicy(({ budget, ...rest }) => {
      return { ...rest, budget: { ...budget, holdAbovePercent: 1_000_000 } };
    }),
  ),
  broken('lets everybody probe at once', 'I7 probes', () => (state, event, context) => {
    return step(state, event, { ...context, timing: { ...context.timing, patienceMs: 0 } });
  }),
  broken('lets those probe first that went out last', 'I7 longest out first', () => (state, event, context) => {
    const turned = step(mapDecisions(state, outTurned), event, context);
    const isTurned = ({ outSinceMs }: Decision): boolean => outSinceMs < 0;
    return { ...turned, state: mapDecisions(turned.state, (each) => (isTurned(each) ? outTurned(each) : each)) };
  }),
  broken('judges in the middle of a rollout', 'I7 shape', () => (state, event, context) => {
    return step(state, event, { ...context, timing: { ...context.timing, longestChangeMs: 0 } });
  }),
  broken('does not listen to the cluster', 'I7 announced', () =>
    withFleet(({ workloads, backends, ...rest }) => {
      const unmarked = backends.map(({ disruptedSinceMs: _, ...backend }) => backend);
      const told = workloads === undefined ? {} : { workloads: { ...workloads, ...quiet, desired: backends.length } };
      return { ...rest, backends: unmarked, ...told };
    }),
  ),
  {
    mistake: 'forgets at a restart who was out',
    caughtBy: 'I8 restart',
    parts: () => ({
      ...realParts,
      reload: (record, fleet) => realParts.reload({ ...record, enforced: { decisions: [], ejections: [] } }, fleet),
    }),
  },
  broken('never ends a step', 'I9 stuck', () =>
    withPolicy(({ activator, ...rest }) => {
      return {
        ...rest,
        activator: { ...activator, ramp: { ...activator.ramp, stepPeriodMs: Number.MAX_SAFE_INTEGER } },
      };
    }),
  ),
  after('does not look at the clock', 'I9 time', ({ state }, { before }) => ({ ...state, asOfMs: before.asOfMs ?? 0 })),
  after('knows pods by their names', 'I10 inherited', ({ state }, { before, event }) => {
    if (event.kind !== 'fleet') return state;
    const decisions = new Map(state.enforced.decisions);
    for (const old of before.enforced.decisions.values()) {
      const heir = state.fleet.backends.find(({ id, name }) => name === old.name && id !== old.backend);
      if (heir !== undefined && !decisions.has(old.backend)) decisions.set(heir.id, { ...old, backend: heir.id });
    }
    return withTrack(state, { decisions });
  }),
  after('keeps decisions about pods that are gone', 'I10 left behind', ({ state }, { before }) =>
    withTrack(state, { decisions: new Map([...before.enforced.decisions, ...state.enforced.decisions]) }),
  ),
  after('gives a strike for every evaluation', 'I11 strikes', ({ state }, { event }) =>
    event.kind === 'judgement' ? mapDecisions(state, (each) => ({ ...each, retries: each.retries + 1 })) : state,
  ),
  broken('forgives at the first good word', 'I11 forgiven', () =>
    withPolicy(({ activator, ...rest }) => {
      return { ...rest, activator: { ...activator, resetAfterMs: 0 } };
    }),
  ),
  after('starts the ramp anew at every step', 'I12 weights', ({ state }) =>
    mapDecisions(state, (each) => (each.state === 'ramping' && each.step > 1 ? { ...each, step: 0 } : each)),
  ),
  after('gives a probe half of the traffic', 'I12 raised', ({ state }) =>
    mapDecisions(state, (each) => (each.minWeight > 0 ? { ...each, minWeight: 50 } : each)),
  ),
  serving('gives half of a percent', 'I12 whole', (endpoints) =>
    endpoints.map((each) => ({ ...each, weight: each.weight / 200 })),
  ),
  telling('asks for an eviction at every tick', 'I13 eviction', ({ state, effects }) => {
    const evicted = [...state.enforced.decisions.values()].filter((decision) => decision.state === 'evicted');
    return [...effects, ...evicted.map((decision): Effect => ({ kind: 'evict', decision }))];
  }),
  broken('forgets whom it has evicted', 'I13 limit', () => (state, event, context) => {
    return step(withTrack(state, { evictions: [] }), event, context);
  }),
  broken('believes the first accusation only', 'I14 order', () => (state, event, context) => {
    let heard = 0;
    return step(
      state,
      withVerdicts(event, (verdict) => {
        heard += verdict.kind === 'anomalous' ? 1 : 0;
        return verdict.kind === 'anomalous' && heard > 1 ? { kind: 'insufficient', reason: 'not asked' } : verdict;
      }),
      context,
    );
  }),
  broken('takes the mildest first', 'I14 worst first', () => (state, event, context) => {
    const result = step(state, withVerdicts(event, inverted), context);
    return { ...result, state: heldInverted(result.state), effects: result.effects.map(effectInverted) };
  }),
  broken('takes out a bad version that it should report', 'I14 cohort', () =>
    withPolicy(({ budget, ...rest }) => ({ ...rest, budget: { ...budget, onCohort: 'EjectWithinBudget' } })),
  ),
  broken('enforces what should only be observed', 'I15 Observe', () =>
    withPolicy((policy) => {
      return policy.enforcement === 'Observe' ? { ...policy, enforcement: 'Enforce' } : policy;
    }),
  ),
  broken('takes the pods of a StatefulSet for replicas', 'I15 stateful', () =>
    withPolicy((policy) => ({ ...policy, allowStateful: true })),
  ),
  after('keeps those out whose breaker is gone', 'I16 removed breaker', ({ state }, { before, event }) =>
    event.kind === 'policy' ? withTrack(state, { decisions: before.enforced.decisions }) : state,
  ),
  after('forgets whom a deleted policy took out', 'I16 deleted', ({ state }) =>
    state.policy === undefined ? mapDecisions(state, (each) => ({ ...each, returning: { kind: 'evidence' } })) : state,
  ),
  broken('has a memory of its own', 'I18 replay', () => {
    let steps = 0;
    return (...given) => {
      const { state, effects } = step(...given);
      steps += 1;
      return { state: { ...state, asOfMs: given[2].now + (steps % 2) }, effects };
    };
  }),
  telling('keeps quiet about what it does', 'I18 effects', () => []),
  broken('does not stop for anybody', 'I20 suspension', () => (state, event, context) => {
    return step(state, event, { ...context, globallySuspended: false });
  }),
  broken('goes on although it is frozen', 'I20 freeze', () => (state, event, context) => {
    const { freeze, ...free } = state;
    const isOver = freeze === undefined || freeze.sinceMs + freeze.durationMs <= context.now;
    if (isOver || event.kind === 'command') return step(state, event, context);
    const result = step(free, event, context);
    return { ...result, state: { ...result.state, freeze } };
  }),
  after('never thaws', 'I20 thaw', ({ state }, { before: { freeze } }) =>
    freeze === undefined ? state : { ...state, freeze },
  ),
];

function outTurned(decision: Decision): Decision {
  return { ...decision, outSinceMs: -decision.outSinceMs };
}

const guilty: Verdict = { kind: 'anomalous', severity: 2, value: 2, bound: 1, reason: 'no data' };

function broken(mistake: string, caughtBy: string, makeStep: () => Step3): BrokenSteps {
  return { mistake, caughtBy, parts: () => ({ ...realParts, step: makeStep() }) };
}

interface Given {
  readonly before: ServiceState;
  readonly event: RotationEvent;
  readonly context: StepContext;
}

function after(mistake: string, caughtBy: string, change: (step: Step, given: Given) => ServiceState): BrokenSteps {
  return broken(mistake, caughtBy, () => (before, event, context) => {
    const result = step(before, event, context);
    return { ...result, state: change(result, { before, event, context }) };
  });
}

function telling(mistake: string, caughtBy: string, change: (step: Step) => readonly Effect[]): BrokenSteps {
  return broken(mistake, caughtBy, () => (...given) => {
    const result = step(...given);
    return { ...result, effects: change(result) };
  });
}

function serving(
  mistake: string,
  caughtBy: string,
  change: (endpoints: readonly AssignedEndpoint[]) => readonly AssignedEndpoint[],
): BrokenSteps {
  const assign = (state: ServiceState): Assignment => withEndpoints(realParts.assign(state), change);
  return { mistake, caughtBy, parts: () => ({ ...realParts, assign }) };
}

export function withEndpoints(
  assignment: Assignment,
  change: (endpoints: readonly AssignedEndpoint[]) => readonly AssignedEndpoint[],
): Assignment {
  const ports = assignment.ports.map((port) => {
    const localities = port.localities.map((each) => ({ ...each, endpoints: change(each.endpoints) }));
    return { ...port, localities };
  });
  return { ...assignment, ports };
}

/** As if the policy said something else; what it does say stays in the state. */
function withPolicy(change: (policy: Policy) => Policy): Step3 {
  return (before, event, context) => {
    const { policy } = before;
    const { state, effects } = step(
      policy === undefined ? before : { ...before, policy: change(policy) },
      event,
      context,
    );
    const { policy: _, ...rest } = state;
    const said = event.kind === 'policy' ? event.policy : policy;
    return { state: said === undefined ? rest : { ...rest, policy: said }, effects };
  };
}

const quiet = { rollingOut: [], scaling: [] };

/** As if the fleet were another one while it is judged; what it is stays in the state. */
function withFleet(change: (fleet: Fleet) => Fleet): Step3 {
  return (before, event, context) => {
    if (event.kind !== 'judgement') return step(before, event, context);
    const { state, effects } = step({ ...before, fleet: change(before.fleet) }, event, context);
    return { state: { ...state, fleet: before.fleet }, effects };
  };
}

function withTrack(state: ServiceState, change: Partial<Track>): ServiceState {
  return { ...state, enforced: { ...state.enforced, ...change } };
}

function mapDecisions(state: ServiceState, change: (decision: Decision) => Decision): ServiceState {
  const map = ({ decisions }: Track): ReadonlyMap<BackendId, Decision> =>
    new Map([...decisions].map(([id, decision]) => [id, change(decision)]));
  return { ...state, enforced: { ...state.enforced, decisions: map(state.enforced) } };
}

function withVerdicts(event: RotationEvent, change: (verdict: Verdict) => Verdict): RotationEvent {
  if (event.kind !== 'judgement' || event.judgement.kind === 'unusable') return event;
  const verdicts = new Map([...event.judgement.verdicts].map(([id, verdict]) => [id, change(verdict)]));
  return { ...event, judgement: { ...event.judgement, verdicts } };
}

function inverted<V extends Verdict>(verdict: V): V {
  return verdict.kind === 'anomalous' ? { ...verdict, severity: 1 / verdict.severity } : verdict;
}

function heldInverted(state: ServiceState): ServiceState {
  const invert = (track: Track): Track => {
    const held = new Map([...track.held].map(([id, each]) => [id, { ...each, verdict: inverted(each.verdict) }]));
    return { ...track, held };
  };
  return { ...state, enforced: invert(state.enforced), shadow: invert(state.shadow) };
}

function effectInverted(effect: Effect): Effect {
  if (effect.kind !== 'transition' || effect.decision.cause.kind !== 'breaker') return effect;
  const { cause } = effect.decision;
  return { ...effect, decision: { ...effect.decision, cause: { ...cause, severity: 1 / cause.severity } } };
}
