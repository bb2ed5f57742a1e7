/** A new, edited or removed policy. */
import type { Breaker, Policy } from '../policy/policy.ts';
import type { Decision } from './decision.ts';
import { startProbing } from './ramp.ts';
import { type BreakerState, emptyBreaker, type ServiceState, type TrackName } from './state.ts';
import { forget, put, sortedDecisions, trackOf, updateTrack, type Work } from './work.ts';

export function onPolicy(before: ServiceState, policy: Policy | undefined, work: Work): ServiceState {
  const { policy: old, ...rest } = before;
  let state: ServiceState = policy === undefined ? rest : { ...rest, policy };
  state = { ...state, breakers: carryOver(before, old, policy) };
  for (const track of ['enforced', 'shadow'] as const) {
    state = updateTrack(state, track, { held: new Map(), holding: new Map() });
    for (const decision of sortedDecisions(state[track])) state = withoutAccuser(state, track, decision, work);
  }
  return state;
}

/**
 * A breaker keeps its baseline and streaks through edits that leave what it measures alone; the count towards `settle`
 * starts anew with any edit of the policy.
 */
function carryOver(
  before: ServiceState,
  old: Policy | undefined,
  policy: Policy | undefined,
): ReadonlyMap<string, BreakerState> {
  const isSamePolicy = old === undefined || old.fingerprint === policy?.fingerprint;
  return new Map(
    policy?.breakers.map(({ name, fingerprint }) => {
      const known = before.breakers.get(name);
      if (known?.fingerprint !== fingerprint) return [name, emptyBreaker(fingerprint)] as const;
      return [name, isSamePolicy ? known : { ...known, evaluations: 0 }] as const;
    }) ?? [],
  );
}

/** What a breaker took out comes back when the breaker is gone or may no longer act. */
function withoutAccuser(state: ServiceState, track: TrackName, decision: Decision, work: Work): ServiceState {
  const { cause } = decision;
  if (cause.kind === 'manual') return state;
  const accuser = state.policy?.breakers.find(({ name }) => name === cause.breaker);
  if (isActing(state, track, accuser)) return state;
  // Nothing of the shadow is served, and a policy that only observes or is suspended must not shape traffic at all.
  if (track === 'shadow') return forget(state, track, decision, 'breaker-removed', work);
  if (state.policy?.enforcement === 'Suspended') return forget(state, track, decision, 'suspended', work);
  if (state.policy?.enforcement === 'Observe') return forget(state, track, decision, 'observe', work);
  if (decision.state === 'serving') return forget(state, track, decision, 'breaker-removed', work);
  if (decision.returning.kind === 'time') return state;
  const { now } = work.context;
  const isUnderway = decision.state === 'probing' || decision.state === 'ramping';
  const returning = { kind: 'time', note: 'breaker-removed' } as const;
  const next: Decision = isUnderway
    ? { ...decision, returning }
    : { ...startProbing(decision, now, returning), state: 'ramping' };
  return put(state, track, next, 'breaker-removed', work);
}

function isActing(state: ServiceState, track: TrackName, accuser: Breaker | undefined): boolean {
  return accuser !== undefined && state.policy !== undefined && trackOf(state.policy, accuser) === track;
}
