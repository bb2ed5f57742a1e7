/**
 * The base of the budget: B = min(current size, highest number of ready backends in the last 10 minutes).
 *
 * The original computed the floor from the pods still in traffic, so that every ejection lowered it: 50 % of 10, then
 * 50 % of 5, down to one. B counts the fleet whether in traffic or not, and does not shrink with our own ejections. The
 * peak keeps a wave of unready pods from lowering the floor just when capacity is short; the current size lowers it
 * when the fleet is really scaled in.
 */
import type { EpochMs } from '../model.ts';

/** `ready` backends were there until `atMs`, and no later count has exceeded it. */
export interface Peak {
  readonly atMs: EpochMs;
  readonly ready: number;
}

/**
 * Peaks in falling order; the last one is the current count. It held until now, however long ago it was recorded:
 * otherwise a fleet that was quiet for an hour would have no memory of its size at the moment it collapses.
 */
export function recordReady(peaks: readonly Peak[], ready: number, now: EpochMs, windowMs: number): readonly Peak[] {
  const current = peaks.at(-1);
  const earlier = current === undefined ? peaks : [...peaks.slice(0, -1), { ...current, atMs: now }];
  const standing = earlier.filter((peak) => now - peak.atMs <= windowMs && peak.ready > ready);
  return [...standing, { atMs: now, ready }];
}

export function baseOf(size: number, peaks: readonly Peak[]): number {
  return Math.min(size, Math.max(0, ...peaks.map(({ ready }) => ready)));
}
