/** Serving backends that are accused: confirmed anomalies go to the one budget. */
import { plan } from '../budget/plan.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { type Accusations, isAccuser, refusalOf } from './accusations.ts';
import { budgetOfService, servingIn } from './capacity.ts';
import { maxDecisions } from './context.ts';
import { convict } from './conviction.ts';
import { type Decision, isOut } from './decision.ts';
import { globalVelocityLeft, velocityLeft } from './guards.ts';
import type { Refusal } from './hold.ts';
import type { ServiceState, TrackName } from './state.ts';
import type { Work } from './work.ts';

/**
 * All accusations compete for the budget, but only those of the breaker that has just spoken are acted upon: what another
 * one said a moment ago may be over, and it will speak again.
 */
export function ejectConfirmed(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  speaker: Breaker,
  accusations: Accusations,
  work: Work,
): { readonly state: ServiceState; readonly refusals: readonly Refusal[] } {
  const { now, timing } = work.context;
  const serving = [...accusations.values()].filter(({ id }) => !isOut(before[track].decisions.get(id)));
  const { granted, held } = plan(serving, {
    budget: budgetOfService(before),
    serving: servingIn(before, track).length,
    velocity: velocityLeft(before, policy, track, now, timing),
    globalVelocity: globalVelocityLeft(track, work),
    room: maxDecisions - before[track].decisions.size,
  });

  let state = before;
  const refusals = held.map(({ candidate, cause }): Refusal => refusalOf(candidate, cause));
  for (const accusation of granted) {
    const { id: backend, by: breaker, verdict, agreed } = accusation;
    if (isAccuser(accusation, speaker)) {
      const retries = strikesOf(before[track].decisions.get(backend));
      state = convict(state, track, policy, { backend, breaker, verdict, kind: 'new', retries, agreed }, work);
      continue;
    }
    const cause = before[track].held.get(backend)?.cause;
    if (cause !== undefined) refusals.push(refusalOf(accusation, cause));
  }
  return { state, refusals };
}

/** A serving backend that still has a record has been here before: it takes up its strikes where it left them. */
export function strikesOf(record: Decision | undefined): number {
  if (record === undefined) return 0;
  return record.cause.kind === 'manual' ? record.retries : record.retries + 1;
}
