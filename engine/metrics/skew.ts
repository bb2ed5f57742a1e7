/**
 * How far a source's clock is from ours, learned from the Date header of its answers. The header is cut to whole
 * seconds, so one answer gives an interval of a second and more; intervals of many answers are intersected, as NTP
 * does, and the truth is in what is left.
 */
import type { EpochMs } from '../model.ts';

/** Source clock minus ours lies between the two. */
export interface SkewBounds {
  readonly lowMs: number;
  readonly highMs: number;
  /** Our clock when these bounds were last narrowed. */
  readonly atMs: EpochMs;
}

/** Servers and proxies cache the header's text for a while. */
const headerSlackMs = 250;
/** Clocks drift apart between answers: 200 ppm, more than quartz does. */
const driftPerMs = 200e-6;

export function observeSkew(
  before: SkewBounds | undefined,
  dateHeader: string | undefined,
  sentAtMs: EpochMs,
  receivedAtMs: EpochMs,
): SkewBounds | undefined {
  const dateMs = Date.parse(dateHeader ?? '');
  if (Number.isNaN(dateMs) || receivedAtMs < sentAtMs) return before;
  const seen: SkewBounds = {
    lowMs: dateMs - receivedAtMs - headerSlackMs,
    highMs: dateMs + 1000 - sentAtMs + headerSlackMs,
    atMs: receivedAtMs,
  };
  if (before === undefined) return seen;
  const driftMs = Math.abs(receivedAtMs - before.atMs) * driftPerMs;
  const lowMs = Math.max(seen.lowMs, before.lowMs - driftMs);
  const highMs = Math.min(seen.highMs, before.highMs + driftMs);
  // Nothing in common: one of the clocks was set. What was known is void.
  return lowMs <= highMs ? { lowMs, highMs, atMs: receivedAtMs } : seen;
}

/** 0 while the answers are consistent with equal clocks: a correction below what can be known would be noise. */
export function skewMs(bounds: SkewBounds | undefined): number {
  if (bounds === undefined || (bounds.lowMs <= 0 && bounds.highMs >= 0)) return 0;
  return Math.round((bounds.lowMs + bounds.highMs) / 2);
}
