/** A new, edited or removed policy. */
import type { Breaker, Policy, RampPolicy } from '../policy/policy.ts';
import { accusersOf, type Decision, isReturning } from './decision.ts';
import { rampByTime, weightOf } from './ramp.ts';
import { type BreakerState, emptyBreaker, type ServiceState, type TrackName } from './state.ts';
import { isSparedIn } from './stateful.ts';
import { guidanceOf } from './unguided.ts';
import { forget, isJudged, put, sortedDecisions, trackOf, updateTrack, type Work } from './work.ts';

export function onPolicy(before: ServiceState, policy: Policy | undefined, work: Work): ServiceState {
  const { policy: old, ...rest } = before;
  let state: ServiceState = policy === undefined ? rest : { ...rest, policy };
  // Read again, or after a restart of ours: the same policy is no edit.
  const isSame = old === undefined || old.fingerprint === policy?.fingerprint;
  state = { ...state, breakers: carryOver(before, policy, isSame) };
  for (const track of ['enforced', 'shadow'] as const) {
    if (!isSame) state = updateTrack(state, track, { held: new Map(), holding: new Map() });
    for (const decision of sortedDecisions(state[track])) {
      state = withoutAccuser(state, track, onNewRamp(before, state, decision, work), work);
    }
  }
  return state;
}

/**
 * A breaker keeps its baseline and streaks through edits that leave what it measures alone; the count towards `settle`
 * starts anew with any edit of the policy.
 */
function carryOver(
  before: ServiceState,
  policy: Policy | undefined,
  isSame: boolean,
): ReadonlyMap<string, BreakerState> {
  return new Map(
    policy?.breakers.map(({ name, fingerprint }) => {
      const known = before.breakers.get(name);
      if (known?.fingerprint !== fingerprint) return [name, emptyBreaker(fingerprint)] as const;
      return [name, isSame ? known : { ...known, evaluations: 0 }] as const;
    }) ?? [],
  );
}

function onNewRamp(before: ServiceState, state: ServiceState, decision: Decision, work: Work): Decision {
  const moved = onRamp(decision, guidanceOf(before).activator.ramp, guidanceOf(state).activator.ramp);
  if (moved === decision) return decision;
  const { now, epoch } = work.context;
  return { ...moved, sinceMs: now, evidenceFromMs: now, epoch, seq: work.seq };
}

/**
 * The place on a ramp is a weight, not the number of a step: on an edited ramp it is the first step with at least the
 * weight it had, or an edit would take traffic away. What the weight was before says nothing about another one.
 */
export function onRamp(decision: Decision, before: RampPolicy, after: RampPolicy): Decision {
  const weight = weightOf(decision, before);
  if (!isReturning(decision) || weightOf(decision, after) === weight) return decision;
  return { ...decision, step: after.weights.findIndex((each) => each >= weight) };
}

/** What a breaker took out comes back when the breaker is gone or may no longer act. */
function withoutAccuser(before: ServiceState, track: TrackName, decision: Decision, work: Work): ServiceState {
  const state =
    before[track].decisions.get(decision.backend) === decision
      ? before
      : updateTrack(before, track, { decisions: new Map(before[track].decisions).set(decision.backend, decision) });
  const { cause } = decision;
  if (cause.kind === 'manual') {
    return decision.state === 'serving' && !isJudged(state, track)
      ? forget(state, track, decision, 'breaker-removed', work)
      : state;
  }
  // Of several that had to agree one is enough: it still says so, and can acquit.
  const names = accusersOf(cause);
  const isAccused = state.policy?.breakers.some((each) => names.includes(each.name) && isActing(state, track, each));
  if (isAccused === true && !isSparedIn(state, decision)) return state;
  // Nothing of the shadow is served, and a policy that only observes or is suspended must not shape traffic at all.
  if (track === 'shadow') return forget(state, track, decision, 'breaker-removed', work);
  if (state.policy?.enforcement === 'Suspended') return forget(state, track, decision, 'suspended', work);
  if (state.policy?.enforcement === 'Observe') return forget(state, track, decision, 'observe', work);
  if (decision.state === 'serving') return forget(state, track, decision, 'breaker-removed', work);
  if (decision.returning.kind === 'time') return state;
  const returning = rampByTime(decision, work.context.now, 'breaker-removed');
  return put(state, track, { ...returning, state: 'ramping' }, 'breaker-removed', work);
}

function isActing({ policy }: ServiceState, track: TrackName, accuser: Breaker): boolean {
  return policy !== undefined && trackOf(policy, accuser) === track;
}
