/** Confirmation: a fault must show in `atLeast` of the last `of` evaluations. */
import type { BackendId, EpochMs } from '../model.ts';
import type { Verdict } from '../breakers/verdict.ts';
import type { Breaker } from '../policy/policy.ts';
import type { StreakEntry } from './state.ts';

/**
 * Adds a verdict. Only normal and anomalous ones count; silence changes nothing. Entries grow stale after twice the
 * time their number takes, so that an anomaly from before an outage of the metrics does not confirm one hours later.
 */
export function addToStreak(
  streak: readonly StreakEntry[],
  verdict: Verdict,
  breaker: Breaker,
  moment: Pick<StreakEntry, 'atMs' | 'windowStartMs'>,
): readonly StreakEntry[] {
  if (verdict.kind === 'insufficient' && verdict.clearsStreak === true) return [];
  if (verdict.kind !== 'normal' && verdict.kind !== 'anomalous') return streak;
  const staleMs = 2 * breaker.confirm.of * breaker.evaluationPeriodMs;
  const fresh = streak.filter(({ atMs }) => moment.atMs - atMs <= staleMs);
  return [...fresh, { ...moment, anomalous: verdict.kind === 'anomalous' }].slice(-breaker.confirm.of);
}

export function anomalousIn(streak: readonly StreakEntry[] | undefined): number {
  return streak?.filter((entry) => entry.anomalous).length ?? 0;
}

/** Streaks after one evaluation: of serving backends only, and only of what they did since they serve. */
export function updateStreaks(
  streaks: ReadonlyMap<BackendId, readonly StreakEntry[]>,
  verdicts: ReadonlyMap<BackendId, Verdict>,
  servesSinceMs: (backend: BackendId) => EpochMs | undefined,
  breaker: Breaker,
  moment: Pick<StreakEntry, 'atMs' | 'windowStartMs'>,
): ReadonlyMap<BackendId, readonly StreakEntry[]> {
  const next = new Map<BackendId, readonly StreakEntry[]>();
  for (const backend of new Set([...streaks.keys(), ...verdicts.keys()])) {
    const sinceMs = servesSinceMs(backend);
    if (sinceMs === undefined) continue;
    const verdict = verdicts.get(backend);
    const streak = (streaks.get(backend) ?? []).filter(({ windowStartMs }) => windowStartMs >= sinceMs);
    const updated = verdict === undefined ? streak : addToStreak(streak, verdict, breaker, moment);
    if (updated.length > 0) next.set(backend, updated);
  }
  return next;
}
