/** The rules that say: this is not an outlier, do not act. */
import { velocityLimit } from '../budget/arithmetic.ts';
import type { HeldCause } from '../budget/held.ts';
import { type BackendId, type EpochMs, members } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { budgetOfService } from './capacity.ts';
import type { Timing } from './context.ts';
import { isYoung } from './roles.ts';
import { type BreakerState, type LastJudgement, type ServiceState, type TrackName } from './state.ts';
import { trackOf } from './work.ts';

/** More of the fleet in warm-up than this: the references are too few to be trusted. */
const maxYoungShare = 0.3;

export function isYoungFleet(state: ServiceState, policy: Policy, now: EpochMs): boolean {
  const fleet = members(state.fleet);
  const young = fleet.filter((backend) => isYoung(backend, policy, now)).length;
  return young > maxYoungShare * fleet.length;
}

/**
 * holdAbovePercent: backends ejected by this track's breakers in the last 5 min, or anomalous now to one of them,
 * confirmed or not, each once, over B. When a shared dependency fails, its victims turn bad within seconds of each
 * other; those already out are counted too, because a failure that arrives staggered is still one failure.
 */
export function isCorrelated(
  state: ServiceState,
  policy: Policy,
  track: TrackName,
  now: EpochMs,
  timing: Timing,
): boolean {
  const present = new Set(members(state.fleet).map(({ id }) => id));
  const bad = new Set<BackendId>();
  for (const ejection of state[track].ejections) {
    const isRecent = now - ejection.atMs <= timing.recentEjectionMs;
    if (ejection.kind !== 'manual' && isRecent && present.has(ejection.backend)) bad.add(ejection.backend);
  }
  for (const { last } of currentJudgements(state, policy, track, now)) {
    for (const [backend, verdict] of last.verdicts) if (verdict.kind === 'anomalous') bad.add(backend);
  }
  return bad.size * 100 > policy.budget.holdAbovePercent * budgetOfService(state).base;
}

export interface CurrentJudgement {
  readonly breaker: Breaker;
  readonly state: BreakerState;
  readonly last: LastJudgement;
}

/** The latest judgement of each breaker of a track, unless it is too old to speak of now. */
export function currentJudgements(
  state: ServiceState,
  policy: Policy,
  track: TrackName,
  now: EpochMs,
): readonly CurrentJudgement[] {
  const current: CurrentJudgement[] = [];
  for (const breaker of policy.breakers) {
    const breakerState = state.breakers.get(breaker.name);
    const last = breakerState?.last;
    if (trackOf(policy, breaker) !== track || breakerState === undefined || last === undefined) continue;
    if (now - last.receivedAtMs > 2 * breaker.evaluationPeriodMs) continue;
    current.push({ breaker, state: breakerState, last });
  }
  return current;
}

/** New ejections this Service may still make in the velocity window. */
export function velocityLeft(
  state: ServiceState,
  policy: Policy,
  track: TrackName,
  now: EpochMs,
  timing: Timing,
): number {
  const used = state[track].ejections.filter(
    ({ kind, atMs }) => kind !== 'repeated' && now - atMs <= timing.velocityWindowMs,
  ).length;
  return Math.max(0, velocityLimit(budgetOfService(state).base, policy.budget) - used);
}

/** Guards that stop whatever a breaker wants, in the order in which they are reported. */
export function guardAgainst(
  breaker: BreakerState,
  settle: number,
  facts: { readonly correlated: boolean; readonly young: boolean; readonly canReduce: boolean },
): HeldCause | undefined {
  if (breaker.last?.kind === 'fleet-wide') return 'fleet-wide';
  if (breaker.evaluations <= settle) return 'settling';
  if (facts.correlated) return 'hold-above';
  if (facts.young) return 'young-fleet';
  if (!facts.canReduce) return 'store-down';
  return undefined;
}
