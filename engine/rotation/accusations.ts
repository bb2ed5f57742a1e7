/** Whom the breakers of a track find anomalous, and whether they may act on it. */
import type { Verdict } from '../breakers/verdict.ts';
import type { Candidate } from '../budget/plan.ts';
import { type BackendId, members } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { awaitsEvidence } from './decision.ts';
import { verdictNow } from './evidence.ts';
import { type Circumstances, type CurrentJudgement, currentJudgements, guardAgainst } from './guards.ts';
import type { Refusal } from './hold.ts';
import type { ServiceState, TrackName } from './state.ts';
import { anomalousIn } from './streak.ts';

export interface Accusation extends Candidate {
  readonly by: Breaker;
  readonly verdict: Extract<Verdict, { kind: 'anomalous' }>;
}

export type Accusations = ReadonlyMap<BackendId, Accusation>;

/**
 * The accusation that counts against each backend, over all breakers of the track, whichever has just spoken: so that a
 * mild fault seen a moment earlier does not take the place that a severe one needs. The worst of those that may act,
 * else the worst of those that may not: a breaker that is held back does not shield from another that is not.
 */
export function accusationsIn(
  state: ServiceState,
  track: TrackName,
  policy: Policy,
  facts: Circumstances,
  now: number,
): Accusations {
  const accusations = new Map<BackendId, Accusation>();
  for (const judgement of currentJudgements(state, policy, track, now)) {
    for (const { id, ready } of members(state.fleet)) {
      if (!ready) continue;
      const accusation = accuse(state, track, policy, judgement, id, facts);
      const known = accusations.get(id);
      if (accusation !== undefined && (known === undefined || outweighs(accusation, known))) {
        accusations.set(id, accusation);
      }
    }
  }
  return accusations;
}

function accuse(
  state: ServiceState,
  track: TrackName,
  policy: Policy,
  { breaker, state: breakerState, last }: CurrentJudgement,
  id: BackendId,
  facts: Circumstances,
): Accusation | undefined {
  const verdict = verdictNow(state, track, last, id);
  if (verdict?.kind !== 'anomalous') return undefined;
  const decision = state[track].decisions.get(id);
  const isSuspect = decision !== undefined && awaitsEvidence(decision);
  // A suspect needs no confirmation. A fleet-wide judgement confirms nothing, but whom it concerns is shown as held.
  const isConfirmed = isSuspect || anomalousIn(breakerState.streaks.get(id)) >= breaker.confirm.atLeast;
  if (!isConfirmed && last.kind !== 'fleet-wide') return undefined;
  const guard = guardAgainst(
    breakerState,
    policy.settle,
    isSuspect ? { ...facts, young: false, changing: undefined } : facts,
  );
  return { id, breaker: breaker.name, severity: verdict.severity, guard, verdict, by: breaker };
}

function outweighs(a: Accusation, b: Accusation): boolean {
  const [mayActA, mayActB] = [a.guard === undefined, b.guard === undefined];
  return mayActA === mayActB ? a.severity > b.severity : mayActA;
}

export function refusalOf({ id, breaker, verdict }: Accusation, cause: Refusal['cause']): Refusal {
  return { backend: id, breaker, verdict, cause };
}
