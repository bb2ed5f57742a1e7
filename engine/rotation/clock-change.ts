/**
 * A clock that was set back leaves moments of the past in the future. States keep their duration, so that they begin
 * now at the latest: what is left of them is then at most the whole duration, and not the size of the jump on top. What
 * was seen in that future is void.
 */
import type { EpochMs } from '../model.ts';
import type { Decision } from './decision.ts';
import type { Shape } from './shape.ts';
import type { BreakerState, LastJudgement, ServiceState, Track } from './state.ts';

export function notLaterThan(now: EpochMs, state: ServiceState): ServiceState {
  // Time went on as usual since the last step, so nothing can lie after it. Before the first step, who knows.
  if (state.asOfMs !== undefined && state.asOfMs <= now) return state;
  const { belowFloorSinceMs, freeze } = state;
  return {
    ...state,
    enforced: trackUpTo(now, state.enforced),
    shadow: trackUpTo(now, state.shadow),
    breakers: mapValues(state.breakers, (breaker) => breakerUpTo(now, breaker)),
    peaks: state.peaks.map((peak) => ({ ...peak, atMs: Math.min(now, peak.atMs) })),
    shape: shapeUpTo(now, state.shape),
    evidenceFrom: mapValues(state.evidenceFrom, (atMs) => Math.min(now, atMs)),
    ...(freeze === undefined ? {} : { freeze: { ...freeze, sinceMs: Math.min(now, freeze.sinceMs) } }),
    ...(belowFloorSinceMs === undefined ? {} : { belowFloorSinceMs: Math.min(now, belowFloorSinceMs) }),
  };
}

function shapeUpTo(now: EpochMs, { moves, changingSinceMs, announcedSinceMs }: Shape): Shape {
  return {
    moves: moves.map((move) => ({ ...move, atMs: Math.min(now, move.atMs) })),
    ...(changingSinceMs === undefined ? {} : { changingSinceMs: Math.min(now, changingSinceMs) }),
    ...(announcedSinceMs === undefined ? {} : { announcedSinceMs: Math.min(now, announcedSinceMs) }),
  };
}

function trackUpTo(now: EpochMs, track: Track): Track {
  return {
    ...track,
    decisions: [...track.decisions.values()].some((decision) => isLater(now, decision))
      ? mapValues(track.decisions, (decision) => decisionUpTo(now, decision))
      : track.decisions,
    ejections: track.ejections.map((ejection) => ({ ...ejection, atMs: Math.min(now, ejection.atMs) })),
    evictions: track.evictions.map((eviction) => ({ ...eviction, atMs: Math.min(now, eviction.atMs) })),
    held: mapValues(track.held, (held) => ({ ...held, sinceMs: Math.min(now, held.sinceMs) })),
  };
}

function isLater(now: EpochMs, { sinceMs, outSinceMs, evidenceFromMs }: Decision): boolean {
  return Math.max(sinceMs, outSinceMs, evidenceFromMs) > now;
}

function decisionUpTo(now: EpochMs, decision: Decision): Decision {
  const { sinceMs, outSinceMs, evidenceFromMs } = decision;
  return {
    ...decision,
    sinceMs: Math.min(now, sinceMs),
    outSinceMs: Math.min(now, outSinceMs),
    evidenceFromMs: Math.min(now, evidenceFromMs),
  };
}

function breakerUpTo(now: EpochMs, breaker: BreakerState): BreakerState {
  const { last, usable, heardAtMs, ...rest } = breaker;
  const isPast = (judgement: LastJudgement | undefined): judgement is LastJudgement =>
    judgement !== undefined && judgement.receivedAtMs <= now;
  return {
    ...rest,
    ...(heardAtMs === undefined ? {} : { heardAtMs: Math.min(now, heardAtMs) }),
    ...(isPast(last) ? { last } : {}),
    ...(isPast(usable) ? { usable } : {}),
    streaks: mapValues(breaker.streaks, (streak) => streak.filter(({ atMs }) => atMs <= now)),
    apart: mapValues(breaker.apart, (streak) => streak.filter(({ atMs }) => atMs <= now)),
    trials: new Map([...breaker.trials].filter(([, { countedToMs }]) => countedToMs <= now)),
  };
}

function mapValues<K, V, W>(map: ReadonlyMap<K, V>, change: (value: V) => W): ReadonlyMap<K, W> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
