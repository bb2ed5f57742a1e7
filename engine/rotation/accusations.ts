/** Whom the breakers of a track find anomalous, alone or all together, and whether they may act on it. */
import { describeCoverage } from '../breakers/coverage.ts';
import type { Verdict } from '../breakers/verdict.ts';
import type { Candidate } from '../budget/plan.ts';
import { type BackendId, members } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { describeCohort } from './cohort.ts';
import { isSuspect } from './decision.ts';
import { hasMoved, isPartial, verdictNow } from './evidence.ts';
import { type Circumstances, type CurrentJudgement, currentJudgements, guardAgainst } from './guards.ts';
import type { Refusal } from './hold.ts';
import type { ServiceState, TrackName } from './state.ts';
import { anomalousIn } from './streak.ts';
import { breakersOf } from './work.ts';

export interface Accusation extends Candidate {
  readonly by: Breaker;
  readonly verdict: Extract<Verdict, { kind: 'anomalous' }>;
  /** With `combine: All` the accusations of all other breakers of the track, in the order of the policy; else empty. */
  readonly agreed: readonly Accusation[];
  /** What is special about the guard. */
  readonly detail?: string | undefined;
}

export type Accusations = ReadonlyMap<BackendId, Accusation>;

/**
 * The accusation that counts against each backend, over all breakers of the track, whichever has just spoken: so that a
 * mild fault seen a moment earlier does not take the place that a severe one needs. The worst of those that may act,
 * else the worst of those that may not: a breaker that is held back does not shield from another that is not. With
 * `combine: All` there is an accusation only where all of them accuse, and what holds one of them back holds all.
 */
export function accusationsIn(
  state: ServiceState,
  track: TrackName,
  policy: Policy,
  facts: Circumstances,
  now: number,
): Accusations {
  const accusations = new Map<BackendId, Accusation>();
  const needed = policy.combine === 'All' ? breakersOf(policy, track).length : 1;
  for (const [id, found] of foundIn(state, track, policy, facts, now)) {
    if (found.length < needed) continue;
    const accusation = policy.combine === 'All' ? together(found) : worstOf(found);
    accusations.set(id, isSuspected(state, track, id) ? accusation : asMember(accusation, facts));
  }
  return accusations;
}

/** By backend what each breaker that accuses it says, in the order of the policy. Of most backends there is nothing. */
function foundIn(
  state: ServiceState,
  track: TrackName,
  policy: Policy,
  facts: Circumstances,
  now: number,
): ReadonlyMap<BackendId, readonly Accusation[]> {
  const found = new Map<BackendId, Accusation[]>();
  for (const judgement of currentJudgements(state, policy, track, now)) {
    for (const { id, ready } of members(state.fleet)) {
      const accusation = ready ? accuse(state, track, policy, judgement, id, facts) : undefined;
      if (accusation !== undefined) found.set(id, [...(found.get(id) ?? []), accusation]);
    }
  }
  return found;
}

/** One by one nobody of a bad cohort goes. Who is on its way back has its place out already. */
function asMember(accusation: Accusation, { cohort }: Circumstances): Accusation {
  if (accusation.guard !== undefined || cohort?.members.has(accusation.id) !== true) return accusation;
  return { ...accusation, guard: 'cohort', detail: describeCohort(cohort) };
}

function isSuspected(state: ServiceState, track: TrackName, id: BackendId): boolean {
  const decision = state[track].decisions.get(id);
  return decision !== undefined && isSuspect(decision);
}

function worstOf(found: readonly Accusation[]): Accusation {
  return found.reduce((worst, each) => (outweighs(each, worst) ? each : worst));
}

function together(found: readonly Accusation[]): Accusation {
  const worst = found.reduce((known, each) => (each.severity > known.severity ? each : known));
  const { guard, detail } = found.find((each) => each.guard !== undefined) ?? worst;
  return { ...worst, guard, detail, agreed: found.filter((each) => each !== worst) };
}

/** Whether the breaker has a part in it: what others said a moment ago is acted upon when one of them speaks. */
export function isAccuser({ by, agreed }: Accusation, speaker: Breaker): boolean {
  return [by, ...agreed.map((each) => each.by)].some(({ name }) => name === speaker.name);
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
  const suspected = isSuspected(state, track, id);
  // A suspect needs no confirmation. A fleet-wide judgement confirms nothing, but whom it concerns is shown as held.
  const isConfirmed = suspected || anomalousIn(breakerState.streaks.get(id)) >= breaker.confirm.atLeast;
  if (!isConfirmed && !hasMoved(last, id)) return undefined;
  const guard = guardAgainst(
    breakerState,
    id,
    policy.settle,
    suspected ? { ...facts, young: false, changing: undefined } : facts,
  );
  const accusation = { id, breaker: breaker.name, severity: verdict.severity, verdict, by: breaker, agreed: [] };
  // Who is on its way back has its place out already.
  if (guard !== undefined || suspected || last.coverage === undefined || !isPartial(last)) {
    return { ...accusation, guard };
  }
  return { ...accusation, guard: 'coverage', detail: describeCoverage(last.coverage) };
}

function outweighs(a: Accusation, b: Accusation): boolean {
  const [mayActA, mayActB] = [a.guard === undefined, b.guard === undefined];
  return mayActA === mayActB ? a.severity > b.severity : mayActA;
}

export function refusalOf({ id, breaker, verdict, guard, detail }: Accusation, cause: Refusal['cause']): Refusal {
  return { backend: id, breaker, verdict, cause, detail: cause === guard ? detail : undefined };
}
