/** The rules that say: this is not an outlier, do not act. */
import { velocityLimit } from '../budget/arithmetic.ts';
import type { HeldCause } from '../budget/held.ts';
import { type BackendId, type EpochMs, members } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { budgetOfService } from './capacity.ts';
import { type Cohort, cohortOf } from './cohort.ts';
import type { Timing } from './context.ts';
import { cohortNameOf, isOut } from './decision.ts';
import { hasMoved, verdictNow } from './evidence.ts';
import { isYoung } from './roles.ts';
import type { ShapeCause } from './shape.ts';
import { isSpared } from './stateful.ts';
import type { BreakerState, LastJudgement, ServiceState, TrackName } from './state.ts';
import { trackOf, type Work } from './work.ts';

/** More of the fleet in warm-up than this: the references are too few to be trusted. */
const maxYoungShare = 0.3;

export function isYoungFleet(state: ServiceState, policy: Policy, now: EpochMs): boolean {
  const fleet = members(state.fleet);
  const young = fleet.filter((backend) => isYoung(backend, policy, now)).length;
  return young > maxYoungShare * fleet.length;
}

export function sparedIn(state: ServiceState, policy: Policy): ReadonlySet<BackendId> {
  return new Set(members(state.fleet).flatMap((backend) => (isSpared(backend, policy) ? [backend.id] : [])));
}

/**
 * Whom this track's breakers flag: ejected by them in the last 5 min, or anomalous now to one of them, confirmed or not.
 * Those already out are counted too, because a failure that arrives staggered is still one failure.
 */
export function flaggedIn(
  state: ServiceState,
  policy: Policy,
  track: TrackName,
  now: EpochMs,
  timing: Timing,
): ReadonlySet<BackendId> {
  const present = new Set(members(state.fleet).map(({ id }) => id));
  const flagged = new Set<BackendId>();
  for (const ejection of state[track].ejections) {
    const isRecent = now - ejection.atMs <= timing.recentEjectionMs;
    if (ejection.kind !== 'manual' && isRecent && present.has(ejection.backend)) flagged.add(ejection.backend);
  }
  for (const { last } of currentJudgements(state, policy, track, now)) {
    for (const id of present) if (verdictNow(state, track, last, id)?.kind === 'anomalous') flagged.add(id);
  }
  return flagged;
}

/**
 * holdAbovePercent: backends ejected by this track's breakers in the last 5 min, or anomalous now to one of them,
 * confirmed or not, each once, over B. When a shared dependency fails, its victims turn bad within seconds of each
 * other.
 */
export function isCorrelated(
  state: ServiceState,
  policy: Policy,
  track: TrackName,
  now: EpochMs,
  timing: Timing,
): boolean {
  const flagged = flaggedIn(state, policy, track, now, timing);
  return flagged.size * 100 > policy.budget.holdAbovePercent * budgetOfService(state).base;
}

/** The version, zone or node that is bad as a whole; who was taken out with one belongs to it for as long as that lasts. */
export function cohortIn(
  state: ServiceState,
  policy: Policy,
  track: TrackName,
  now: EpochMs,
  timing: Timing,
): Cohort | undefined {
  const flagged = new Set(flaggedIn(state, policy, track, now, timing));
  for (const decision of state[track].decisions.values()) {
    const isOfOne = cohortNameOf(decision) !== undefined && decision.returning.kind === 'evidence';
    if (isOfOne && isOut(decision)) flagged.add(decision.backend);
  }
  return cohortOf(members(state.fleet), flagged);
}

export interface CurrentJudgement {
  readonly breaker: Breaker;
  readonly state: BreakerState;
  readonly last: LastJudgement;
}

/**
 * What each breaker of a track knows: its last usable judgement, unless that is too old to speak of now. A failed query
 * in between takes nothing back, or an outage of the metrics would lift a guard in the middle of an incident.
 */
export function currentJudgements(
  state: ServiceState,
  policy: Policy,
  track: TrackName,
  now: EpochMs,
): readonly CurrentJudgement[] {
  const current: CurrentJudgement[] = [];
  for (const breaker of policy.breakers) {
    const breakerState = state.breakers.get(breaker.name);
    const last = breakerState?.usable;
    if (trackOf(policy, breaker) !== track || breakerState === undefined || last === undefined) continue;
    if (now - last.receivedAtMs > 2 * breaker.evaluationPeriodMs) continue;
    current.push({ breaker, state: breakerState, last });
  }
  return current;
}

/** New ejections this Service may still make in the velocity window. */
export function velocityLeft(
  state: ServiceState,
  { budget }: Pick<Policy, 'budget'>,
  track: TrackName,
  now: EpochMs,
  timing: Timing,
): number {
  const used = state[track].ejections.filter(
    ({ kind, atMs }) => kind !== 'repeated' && now - atMs <= timing.velocityWindowMs,
  ).length;
  return Math.max(0, velocityLimit(budgetOfService(state).base, budget) - used);
}

/** R8: new ejections that all Services together may still make in this minute, after those of this very step. */
export function globalVelocityLeft(track: TrackName, { context, effects }: Work): number {
  if (track === 'shadow') return Number.POSITIVE_INFINITY;
  const gone = effects.filter(
    (effect) => effect.kind === 'transition' && effect.track === track && effect.from === 'serving',
  );
  return Math.max(0, context.globalVelocity - gone.length);
}

/** What holds everyone back at a moment, whichever breaker accuses. */
export interface Circumstances {
  readonly correlated: boolean;
  /** Too much of the fleet is in warm-up: refuses new ejections only. */
  readonly young: boolean;
  /** The fleet is changing its shape: refuses new ejections only. */
  readonly changing?: ShapeCause | undefined;
  /** Whom the policy does not let go, whatever they do. */
  readonly spared: ReadonlySet<BackendId>;
  /** What is bad as a whole: refuses new ejections of its members one by one. */
  readonly cohort: Cohort | undefined;
  readonly canReduce: boolean;
  /** A person wants nothing to change. */
  readonly frozen: boolean;
}

/** Guards that stop whatever a breaker wants, in the order in which they are reported. */
export function guardAgainst(
  breaker: BreakerState,
  backend: BackendId,
  settle: number,
  facts: Omit<Circumstances, 'cohort'>,
): HeldCause | undefined {
  if (facts.frozen) return 'frozen';
  if (facts.spared.has(backend)) return 'stateful';
  if (breaker.usable !== undefined && hasMoved(breaker.usable, backend)) return 'fleet-wide';
  return guardOfFleet(breaker, settle, facts);
}

/** Those that are the same for every backend. */
export function guardOfFleet(
  breaker: BreakerState,
  settle: number,
  facts: Omit<Circumstances, 'cohort'>,
): HeldCause | undefined {
  if (facts.frozen) return 'frozen';
  if (breaker.usable?.kind === 'fleet-wide') return 'fleet-wide';
  if (breaker.evaluations <= settle) return 'settling';
  if (facts.correlated) return 'hold-above';
  if (facts.young) return 'young-fleet';
  if (facts.changing !== undefined) return facts.changing;
  if (!facts.canReduce) return 'store-down';
  return undefined;
}
