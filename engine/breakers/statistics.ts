/** The few statistics the detectors share. Inputs are finite numbers; NaN and infinities never get this far. */

/**
 * Middle of sorted values, mean of the two middle ones for an even count; undefined for none. Without the one at index
 * `without`, if given: a leave-one-out median for every backend from one sorted list.
 */
export function median(sorted: readonly number[], without = sorted.length): number | undefined {
  const count = sorted.length - (without < sorted.length ? 1 : 0);
  const at = (place: number): number | undefined => sorted[place < without ? place : place + 1];
  const upper = count === 0 ? undefined : at(count >> 1);
  if (upper === undefined || count % 2 === 1) return upper;
  const lower = at((count >> 1) - 1) ?? upper;
  // Halves first: the sum of two large values would overflow to Infinity.
  return lower / 2 + upper / 2;
}

/**
 * Leave-one-out means: `means(place)` is that of all values but the one at `place`, `means()` that of all. From sums of
 * either side and never by taking one value off the total, where an enormous one would leave nothing of the others.
 */
export function meansWithout(values: readonly number[]): (without?: number) => number | undefined {
  const sums = (list: readonly number[], count: number): readonly number[] => {
    const found = [0];
    // Shares first: the sum of two large values would overflow to Infinity.
    for (const value of list) found.push((found.at(-1) ?? 0) + value / count);
    return found;
  };
  const others = values.length - 1;
  const before = sums(values, others);
  const after = sums(values.toReversed(), others).toReversed();
  const whole = sums(values, values.length).at(-1);
  return (without = values.length) => {
    if (without >= values.length) return values.length === 0 ? undefined : whole;
    return others === 0 ? undefined : (before[without] ?? 0) + (after[without + 1] ?? 0);
  };
}

/** For `toSorted`: numbers by size, not by their text. */
export function ascending(a: number, b: number): number {
  return a - b;
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
