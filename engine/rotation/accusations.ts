/** Serving backends under judgement: confirmed anomalies go to the one budget. */
import { type BackendId, members } from '../model.ts';
import { type Candidate, plan } from '../budget/plan.ts';
import type { Policy } from '../policy/policy.ts';
import { budgetOfService, servingIn } from './capacity.ts';
import { maxDecisions } from './context.ts';
import { type Conviction, convict } from './conviction.ts';
import { isOut } from './decision.ts';
import { currentJudgements, guardAgainst, isYoungFleet, velocityLeft } from './guards.ts';
import type { Refusal } from './hold.ts';
import type { ServiceState, TrackName } from './state.ts';
import { anomalousIn } from './streak.ts';
import type { Work } from './work.ts';

interface Accusation extends Candidate, Pick<Conviction, 'verdict'> {
  readonly by: Conviction['breaker'];
}

export function ejectConfirmed(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  correlated: boolean,
  work: Work,
): { readonly state: ServiceState; readonly refusals: readonly Refusal[] } {
  const { now, timing, globalVelocity } = work.context;
  const isShadow = track === 'shadow';
  const canReduce = work.context.canReduce || isShadow;
  const young = isYoungFleet(before, policy, now);
  const accusations = accusationsIn(before, track, policy, now);
  const { granted, held } = plan([...accusations.values()], {
    budget: budgetOfService(before),
    serving: servingIn(before, track).length,
    velocity: velocityLeft(before, policy, track, now, timing),
    globalVelocity: isShadow ? Number.POSITIVE_INFINITY : globalVelocity,
    room: maxDecisions - before[track].decisions.size,
    guard: ({ breaker }) => {
      const accuser = before.breakers.get(breaker);
      return accuser && guardAgainst(accuser, policy.settle, { correlated, young, canReduce });
    },
  });

  let state = before;
  for (const { id, by, verdict } of granted) {
    const record = before[track].decisions.get(id);
    // A serving backend that still has a record has been here before: it takes up its strikes where it left them.
    const retries = record === undefined ? 0 : record.retries + 1;
    state = convict(state, track, policy, { backend: id, breaker: by, verdict, kind: 'new', retries }, work);
  }
  const refusals = held.map(({ candidate, cause }) => ({
    backend: candidate.id,
    breaker: candidate.breaker,
    verdict: candidate.verdict,
    cause,
  }));
  return { state, refusals };
}

/**
 * The worst confirmed anomaly of each serving backend, over all breakers of the track, whichever has just spoken: so
 * that a mild fault seen a moment earlier does not use up the budget a severe one needs.
 */
function accusationsIn(
  state: ServiceState,
  track: TrackName,
  policy: Policy,
  now: number,
): ReadonlyMap<BackendId, Accusation> {
  const accusations = new Map<BackendId, Accusation>();
  for (const { breaker, state: breakerState, last } of currentJudgements(state, policy, track, now)) {
    for (const { id, ready } of members(state.fleet)) {
      const verdict = last.verdicts.get(id);
      if (!ready || verdict?.kind !== 'anomalous' || isOut(state[track].decisions.get(id))) continue;
      const isConfirmed = anomalousIn(breakerState.streaks.get(id)) >= breaker.confirm.atLeast;
      // A fleet-wide judgement confirms nothing, but whom it concerns is shown as held.
      if (!isConfirmed && last.kind !== 'fleet-wide') continue;
      const known = accusations.get(id);
      if (known === undefined || verdict.severity > known.severity) {
        accusations.set(id, { id, breaker: breaker.name, severity: verdict.severity, verdict, by: breaker });
      }
    }
  }
  return accusations;
}
