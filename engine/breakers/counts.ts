/** How many of what a backend did in a window were bad. */
import type { BackendId } from '../model.ts';
import { type MatchedSamples, singleReading } from './readings.ts';
import { human } from './statistics.ts';

/** Counts may be fractions, as `increase()` extrapolates: they are never rounded, or 0.9 errors would become none. */
export interface Counts {
  readonly bad: number;
  readonly total: number;
}

export type CountReading =
  | ({ readonly kind: 'counts' } & Counts)
  | { readonly kind: 'insufficient' | 'error'; readonly reason: string };

/** Two windows over the same time end at moments a little apart, and are extrapolated each by itself. */
const slack = 1.05;

/** Beyond this no count is exact, and the sum of a fleet may be no number any more. */
export const mostCounted = Number.MAX_SAFE_INTEGER;
export const tooMany = 'more events than can be counted';

/** A series of bad events begins with the first bad event: while there is a total, none means none bad. */
export function ratioCounts(bad: MatchedSamples, total: MatchedSamples | undefined, id: BackendId): CountReading {
  const whole = total === undefined ? { kind: 'missing' as const, reason: 'no total' } : singleReading(total, id);
  if (whole.kind !== 'value') return withoutCounts(whole, 'total');
  const isSilent = bad.byBackend.get(id) === undefined && !bad.ambiguous.has(id);
  const part = isSilent ? { kind: 'value' as const, value: 0 } : singleReading(bad, id);
  if (part.kind !== 'value') return withoutCounts(part, 'bad');
  if (part.value < 0 || whole.value < 0) return { kind: 'error', reason: 'a count is negative' };
  if (whole.value > mostCounted) return { kind: 'error', reason: tooMany };
  if (part.value > whole.value * slack + 1) {
    const reason = `${human(part.value)} bad of ${human(whole.value)} in all: the two queries do not count the same`;
    return { kind: 'error', reason };
  }
  return { kind: 'counts', bad: Math.min(part.value, whole.value), total: whole.value };
}

function withoutCounts(
  { kind, reason }: { readonly kind: 'missing' | 'invalid'; readonly reason: string },
  which: string,
): CountReading {
  return { kind: kind === 'invalid' ? 'error' : 'insufficient', reason: `${which}: ${reason}` };
}
