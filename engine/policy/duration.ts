/**
 * Durations as people write them in a policy: integer seconds (`15`), or units from large to small (`500ms`, `1m30s`).
 * The string form is the subset that Gateway API fixed, so that one habit serves both.
 */

export type DurationText = number | string;

/** Every unit at most once is not demanded: `60s60s` is odd, but its meaning is plain. */
export const durationPattern = '^([0-9]{1,5}(h|m|s|ms)){1,4}$';

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Milliseconds, or undefined when the text is not a duration. */
export function parseDurationMs(text: DurationText): number | undefined {
  if (typeof text === 'number') return Number.isInteger(text) ? text * 1000 : undefined;
  if (!new RegExp(durationPattern).test(text)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/g))
    totalMs += Number(count) * (unitMs[unit ?? ''] ?? 0);
  return totalMs;
}

/** For values that the schema has already accepted. */
export function durationMs(text: DurationText): number {
  const parsed = parseDurationMs(text);
  if (parsed === undefined) throw new Error(`not a duration: ${text}`);
  return parsed;
}

/** The shortest text that reads back as the same duration: `90000` is `1m30s`. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.round(ms));
  let text = '';
  for (const [unit, size] of Object.entries(unitMs)) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}
