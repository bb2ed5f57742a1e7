/** Durations as PromQL writes them: `1h30m`, or a number of seconds. Not those of a policy: units and bounds differ. */

const unitMs: Readonly<Record<string, number>> = {
  y: 365 * 86_400_000,
  w: 7 * 86_400_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};

/** Milliseconds, or undefined when the text is not a finite duration. */
export function parsePromDurationMs(text: string): number | undefined {
  if (/^([0-9]+(ms|[ywdhms]))+$/.test(text)) {
    let totalMs = 0;
    for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|[ywdhms])/g))
      totalMs += Number(count) * (unitMs[unit ?? ''] ?? 0);
    return totalMs;
  }
  const seconds = Number(text.replaceAll('_', ''));
  return text !== '' && Number.isFinite(seconds) ? seconds * 1000 : undefined;
}
