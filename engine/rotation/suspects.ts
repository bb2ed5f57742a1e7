/** Probing and ramping backends under judgement, and what becomes of their strikes. */
import type { Breaker, Policy } from '../policy/policy.ts';
import { type Accusations, refusalOf } from './accusations.ts';
import { convict } from './conviction.ts';
import { awaitsEvidence, type Decision } from './decision.ts';
import { verdictNow } from './evidence.ts';
import type { Circumstances } from './guards.ts';
import type { Refusal } from './hold.ts';
import { stepIsOver, stepUp } from './ramp.ts';
import type { ServiceState, TrackName } from './state.ts';
import { forget, sortedDecisions, trackOf, updateTrack, type Work } from './work.ts';

/**
 * One fresh anomaly sends a suspect out again, without budget or velocity: its place was never given back. One fresh
 * normal verdict of its accuser, while nobody accuses it, allows a step up.
 */
export function judgeSuspects(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  speaker: Breaker,
  accusations: Accusations,
  facts: Circumstances,
  work: Work,
): { readonly state: ServiceState; readonly refusals: readonly Refusal[] } {
  const judgement = before.breakers.get(speaker.name)?.usable;
  const { ramp } = policy.activator;
  const refusals: Refusal[] = [];
  let state = before;
  for (const decision of sortedDecisions(before[track])) {
    const { backend } = decision;
    if (!awaitsEvidence(decision) || judgement === undefined) continue;
    const accusation = accusations.get(backend);
    if (accusation?.guard !== undefined) {
      refusals.push(refusalOf(accusation, accusation.guard));
    } else if (accusation?.by.name === speaker.name) {
      const { verdict } = accusation;
      const conviction = {
        backend,
        breaker: speaker,
        verdict,
        kind: 'repeated',
        retries: decision.retries + 1,
      } as const;
      state = convict(state, track, policy, conviction, work);
    } else if (accusation === undefined && judgement.kind === 'judged' && !facts.correlated) {
      const isNormal = verdictNow(before, track, judgement, backend)?.kind === 'normal';
      const mayAcquit = (accuserOf(decision, policy, track) ?? speaker).name === speaker.name;
      if (isNormal && mayAcquit && stepIsOver(decision, ramp, work.context.now)) {
        state = stepUp(state, track, decision, ramp, work);
      }
    }
  }
  return { state, refusals };
}

/** The breaker whose acquittal is needed; `undefined`: any of the track will do, a person took it out. */
function accuserOf({ cause }: Decision, policy: Policy, track: TrackName): Breaker | undefined {
  if (cause.kind === 'manual') return undefined;
  return breakersOf(policy, track).find(({ name }) => name === cause.breaker);
}

function breakersOf(policy: Policy, track: TrackName): readonly Breaker[] {
  return policy.breakers.filter((breaker) => trackOf(policy, breaker) === track);
}

/**
 * resetAfter: strikes are forgotten after this much judged health, by the clock of one breaker. Time without verdicts
 * heals nothing.
 */
export function forgiveStrikes(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  speaker: Breaker,
  work: Work,
): ServiceState {
  const judgement = before.breakers.get(speaker.name)?.usable;
  if (judgement === undefined) return before;
  let state = before;
  for (const decision of sortedDecisions(before[track])) {
    if (decision.state !== 'serving') continue;
    const verdict = verdictNow(before, track, judgement, decision.backend);
    const healer = accuserOf(decision, policy, track) ?? breakersOf(policy, track)[0];
    let { healthyMs } = decision;
    if (verdict?.kind === 'anomalous') healthyMs = 0;
    else if (verdict?.kind === 'normal' && healer?.name === speaker.name) healthyMs += speaker.evaluationPeriodMs;
    if (healthyMs === decision.healthyMs) continue;
    state =
      healthyMs >= policy.activator.resetAfterMs
        ? forget(state, track, decision, 'recovered', work)
        : updateTrack(state, track, {
            decisions: new Map(state[track].decisions).set(decision.backend, { ...decision, healthyMs }),
          });
  }
  return state;
}
