/** The few statistics the detectors share. Inputs are finite numbers; NaN and infinities never get this far. */

/** Middle of the sorted values, mean of the two middle ones for an even count; undefined for none. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return undefined;
  if (sorted.length % 2 === 1) return upper;
  const lower = sorted[middle - 1] ?? upper;
  // Halves first: the sum of two large values would overflow to Infinity.
  return lower / 2 + upper / 2;
}

/** Signed relative distance of `value` from `reference`: 0.3 is 30 % above. From a zero reference it is infinite. */
export function relativeDeviation(value: number, reference: number): number {
  if (value === reference) return 0;
  return (value - reference) / Math.abs(reference);
}

/** Rounds for people: at most four significant digits, no exponent for ordinary sizes. */
export function human(value: number): string {
  return String(Number(value.toPrecision(4)));
}
