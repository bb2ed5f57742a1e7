/** Probing and ramping backends under judgement, and what becomes of their strikes. */
import type { BackendId, EpochMs } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { type Accusations, isAccuser, refusalOf } from './accusations.ts';
import { convict } from './conviction.ts';
import { awaitsEvidence, cohortNameOf, isSuspect } from './decision.ts';
import { hasMoved, isPartial, verdictNow } from './evidence.ts';
import { type Circumstances, currentJudgements } from './guards.ts';
import type { Refusal } from './hold.ts';
import { judgesOf } from './judges.ts';
import { stepIsOver, stepUp } from './ramp.ts';
import type { LastJudgement, ServiceState, TrackName } from './state.ts';
import { forget, sortedDecisions, updateTrack, type Work } from './work.ts';

/**
 * One fresh anomaly sends a suspect out again, without budget or velocity: its place was never given back. One fresh
 * normal verdict of its accuser, while nobody accuses it, allows a step up. With `combine: All` the breakers judge as one
 * here too: out again when all find it anomalous, up when one finds it normal.
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
    if (!isSuspect(decision) || judgement === undefined) continue;
    const accusation = accusations.get(backend);
    if (accusation?.guard !== undefined) {
      refusals.push(refusalOf(accusation, accusation.guard));
    } else if (accusation !== undefined && isAccuser(accusation, speaker)) {
      const { by: breaker, verdict, agreed } = accusation;
      const retries = decision.retries + 1;
      const cohort = cohortNameOf(decision);
      const conviction = { backend, breaker, verdict, kind: 'repeated', retries, agreed, cohort } as const;
      state = convict(state, track, policy, conviction, work);
    } else if (accusation === undefined && awaitsEvidence(decision) && maySpeakFor(judgement, backend, facts)) {
      const isNormal = verdictNow(before, track, judgement, backend)?.kind === 'normal';
      const mayAcquit = judgesOf(before, track, decision).includes(speaker);
      if (isNormal && mayAcquit && stepIsOver(decision, ramp, work.context.now)) {
        state = stepUp(state, track, decision, ramp, work);
      }
    }
  }
  return { state, refusals };
}

function maySpeakFor(judgement: LastJudgement, backend: BackendId, facts: Circumstances): boolean {
  return !hasMoved(judgement, backend) && !isPartial(judgement) && !facts.correlated && !facts.frozen;
}

/** With `combine: All` one breaker that finds it normal speaks for it, whatever the others say. */
function isDefended(state: ServiceState, track: TrackName, policy: Policy, backend: BackendId, now: EpochMs): boolean {
  if (policy.combine !== 'All') return false;
  const judgements = currentJudgements(state, policy, track, now);
  return judgements.some(({ last }) => verdictNow(state, track, last, backend)?.kind === 'normal');
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
    const isHealer = judgesOf(before, track, decision)[0] === speaker;
    let { healthyMs } = decision;
    const isIll =
      verdict?.kind === 'anomalous' && !isDefended(before, track, policy, decision.backend, work.context.now);
    if (isIll) healthyMs = 0;
    else if (isHealer && (verdict?.kind === 'normal' || verdict?.kind === 'anomalous')) {
      healthyMs += speaker.evaluationPeriodMs;
    }
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
