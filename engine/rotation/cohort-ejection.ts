/**
 * onCohort: EjectWithinBudget. A bad version, zone or node goes as a whole or not at all: also those of it that nobody has
 * found anomalous themselves, because it is the cohort that is accused. In return more is asked than of a single backend:
 * the flags must be confirmed, all of it must fit the budget and the velocity, backend by backend, and the rest of the fleet
 * must be seen to be normal, or it would be the wrong half.
 */
import { describeCoverage } from '../breakers/coverage.ts';
import { outOf } from '../budget/arithmetic.ts';
import { describeHeld } from '../budget/held.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { type Backend, type BackendId, members } from '../model.ts';
import { type Accusation, type Accusations, isAccuser } from './accusations.ts';
import { apartGroups } from './apart.ts';
import { budgetOfService, servingIn } from './capacity.ts';
import { type Cohort, describeCohort, isBadBy, nameOf } from './cohort.ts';
import { maxDecisions } from './context.ts';
import { type Conviction, convict } from './conviction.ts';
import { awaitsEvidence, cohortNameOf, type Decision, isOut } from './decision.ts';
import { strikesOf } from './ejection.ts';
import { isPartial, verdictNow } from './evidence.ts';
import { type Circumstances, currentJudgements, flaggedIn, globalVelocityLeft, velocityLeft } from './guards.ts';
import type { ServiceState, TrackName } from './state.ts';
import { isSpared } from './stateful.ts';
import { breakersOf, sortedDecisions, updateTrack, type Work } from './work.ts';

/** Of the rest that serves, so many must be judged normal. */
const normalShare = 0.8;

interface Outcome {
  readonly state: ServiceState;
  /** Those that are left, against a cohort that stays in with the reason why. */
  readonly accusations: Accusations;
}

export function ejectCohort(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  speaker: Breaker,
  accusations: Accusations,
  facts: Circumstances,
  work: Work,
): Outcome {
  if (policy.budget.onCohort !== 'EjectWithinBudget') return { state: before, accusations };
  const { cohort } = facts;
  const attempt = cohort && ejectWhole(before, track, policy, speaker, accusations, cohort, work);
  if (attempt !== undefined) return attempt;
  // A group is found apart by one breaker; where all must agree, that is none.
  if (policy.combine === 'All' && breakersOf(policy, track).length > 1) return { state: before, accusations };
  const { now, timing } = work.context;
  const flagged = flaggedIn(before, policy, track, now, timing);
  // Of all breakers, whoever speaks: what is held for one must not come and go with the turns of the others.
  const apart = currentJudgements(before, policy, track, now).flatMap(({ breaker }) =>
    apartGroups(before, breaker, policy.settle, facts, flagged),
  );
  let outcome: Outcome = { state: before, accusations };
  for (const group of apart) {
    const found = ejectWhole(outcome.state, track, policy, speaker, group.accusations, group.cohort, work);
    if (found === undefined) continue;
    // Who is bad beside that, within its group, goes or stays for that.
    const left = [...outcome.accusations].filter(([id]) => !isOut(found.state[track].decisions.get(id)));
    outcome = { state: found.state, accusations: new Map([...found.accusations, ...left]) };
  }
  return outcome;
}

/** Undefined: nobody accuses the cohort. */
function ejectWhole(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  speaker: Breaker,
  accusations: Accusations,
  cohort: Cohort,
  work: Work,
): Outcome | undefined {
  const serving = servingIn(before, track);
  // By identity, so that the order of the fleet decides nothing.
  const going = serving.filter(({ id }) => cohort.members.has(id)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const inService = new Set(going.map(({ id }) => id));
  const accused = [...accusations.values()].filter(({ id, guard }) => guard === 'cohort' && inService.has(id));
  if (accused.length === 0) return undefined;
  const obstacle =
    (going.some((backend) => isSpared(backend, policy)) ? describeHeld('stateful') : undefined) ??
    obstacleTo(before, track, accused, cohort, serving) ??
    lackOfRoom(before, track, policy, going, serving.length, work);
  // Another breaker accuses; it will speak again.
  const isSpoken = accused.some((accusation) => isAccuser(accusation, speaker));
  if (obstacle !== undefined || !isSpoken) {
    const detail = `${describeCohort(cohort)}; it stays in as a whole: ${obstacle ?? 'its breaker has not spoken again yet'}`;
    const explained = accused.map((accusation) => [accusation.id, { ...accusation, detail }] as const);
    const others = [...accusations].filter(([, { guard }]) => guard !== 'cohort');
    return { state: before, accusations: new Map([...others, ...explained]) };
  }

  let state = joinThoseOut(before, track, cohort, work);
  for (const { id } of going) {
    state = convict(state, track, policy, convictionOf(before, track, id, speaker, accusations.get(id), cohort), work);
  }
  return { state, accusations: new Map([...accusations].filter(([id]) => !isOut(state[track].decisions.get(id)))) };
}

/** What speaks against it, whatever the budget. */
function obstacleTo(
  state: ServiceState,
  track: TrackName,
  accused: readonly Accusation[],
  cohort: Cohort,
  serving: readonly Backend[],
): string | undefined {
  const out = [...state[track].decisions.values()].filter(isOutByBreaker).map(({ backend }) => backend);
  const confirmed = new Set([...accused.map(({ id }) => id), ...out]);
  if (!isBadBy(cohort, confirmed)) return 'too few of the flags are confirmed';
  const rest = members(state.fleet).filter(({ id }) => !cohort.members.has(id));
  if (cohort.flaggedElsewhere > 0) return `${cohort.flaggedElsewhere} of the rest are flagged, too`;
  const judges = [...new Set(accused.map(({ by }) => by.name))].flatMap(
    (name) => state.breakers.get(name)?.usable ?? [],
  );
  const partial = judges.find(isPartial)?.coverage;
  if (partial !== undefined) return describeCoverage(partial);
  const inService = new Set(serving.map(({ id }) => id));
  const judged = rest.filter(({ id }) => inService.has(id));
  const normal = judged.filter(({ id }) =>
    judges.some((judgement) => verdictNow(state, track, judgement, id)?.kind === 'normal'),
  );
  if (judged.length > 0 && normal.length >= normalShare * judged.length) return undefined;
  return `${normal.length} of the ${judged.length} others that serve are judged normal, it takes 80 %`;
}

/** R8: each of it counts. A mistake about a cohort is the largest one there is. */
function lackOfRoom(
  state: ServiceState,
  track: TrackName,
  policy: Policy,
  going: readonly Backend[],
  serving: number,
  work: Work,
): string | undefined {
  const { now, timing } = work.context;
  const budget = budgetOfService(state);
  const { maxOut } = budget;
  const count = going.length;
  const out = outOf(budget, serving);
  if (out + count > maxOut) return `${count} more would be out, the budget has ${Math.max(0, maxOut - out)} left`;
  const velocity = velocityLeft(state, policy, track, now, timing);
  if (count > velocity) return `${count} would go, the velocity has ${velocity} left`;
  const globalVelocity = globalVelocityLeft(track, work);
  if (count > globalVelocity) return `${count} would go, maxEjectionsPerMinute has ${globalVelocity} left`;
  const unknown = going.filter(({ id }) => !state[track].decisions.has(id)).length;
  return state[track].decisions.size + unknown > maxDecisions ? 'the record of decisions is full' : undefined;
}

/** Those that went before it was known what they have in common come back with it. */
function joinThoseOut(before: ServiceState, track: TrackName, cohort: Cohort, work: Work): ServiceState {
  const decisions = new Map(before[track].decisions);
  for (const decision of sortedDecisions(before[track])) {
    const { backend, cause } = decision;
    const isLate = cohort.members.has(backend) && (decision.state === 'ejected' || awaitsEvidence(decision));
    if (!isLate || cause.kind === 'manual') continue;
    const joined = { ...cause, cohort: nameOf(cohort) };
    decisions.set(backend, { ...decision, cause: joined, epoch: work.context.epoch, seq: work.seq });
  }
  return updateTrack(before, track, { decisions });
}

function convictionOf(
  state: ServiceState,
  track: TrackName,
  backend: BackendId,
  speaker: Breaker,
  accusation: Accusation | undefined,
  cohort: Cohort,
): Conviction {
  const common = { backend, kind: 'new', cohort: nameOf(cohort) } as const;
  const record = state[track].decisions.get(backend);
  const together = `with ${describeCohort(cohort)}`;
  if (accusation?.guard === 'cohort') {
    const { by: breaker, verdict, agreed } = accusation;
    const reason = `${verdict.reason}; ${together}`;
    return { ...common, breaker, agreed, verdict: { ...verdict, reason }, retries: strikesOf(record) };
  }
  // It is not accused itself: no strike, and the numbers are those of the cohort, in percent.
  const [value, bound] = [(cohort.flagged / cohort.members.size) * 100, 50];
  const verdict = { kind: 'anomalous', severity: 1, value, bound, reason: `not flagged itself; ${together}` } as const;
  return { ...common, breaker: speaker, agreed: [], verdict, retries: record?.retries ?? 0 };
}

function isOutByBreaker(decision: Decision): boolean {
  return isOut(decision) && decision.cause.kind === 'breaker' && decision.returning.kind === 'evidence';
}

/**
 * One probe speaks for a cohort: while one of it is on its way back the others wait, so that a bad version gets no more than
 * a trickle. Once one has come back there is nothing left to wait for.
 */
export function waitsForCohort(state: ServiceState, track: TrackName, decision: Decision): boolean {
  const cohort = cohortNameOf(decision);
  if (cohort === undefined) return false;
  const ready = new Set(members(state.fleet).flatMap((member) => (member.ready ? [member.id] : [])));
  const others = [...state[track].decisions.values()].filter(
    (other) => other.backend !== decision.backend && cohortNameOf(other) === cohort,
  );
  // One that is not ready, or is starved, gets too little traffic, and would never be through.
  const isProbed = others.some((other) => awaitsEvidence(other) && !other.starved && ready.has(other.backend));
  return isProbed && !others.some((other) => other.state === 'serving');
}
