/**
 * The beta-binomial distribution: how many of `events` go wrong at a backend whose own rate is drawn anew around that of
 * its peers. A binomial would take every difference between two healthy pods for a fault once there are enough requests;
 * `overdispersion` is how much healthy pods differ: 0 would be binomial, 1 all or nothing.
 */

export interface BetaBinomial {
  readonly events: number;
  /** Mean rate of the peers, above 0 and below 1. */
  readonly rate: number;
  /** Above 0 and below 1. */
  readonly overdispersion: number;
}

/**
 * Beyond this many events the sum is taken over this many, at the same share. The noise of counting is then under 2 % of the spread
 * between backends (of the variance, at an overdispersion of 0.005), and a million requests are judged as quickly as ten
 * thousand.
 */
const mostEvents = 10_000;

/** Terms that change the sum by less than this share of it are not worth adding. */
const precision = 1e-12;

/**
 * P(X >= bad). With alpha = rate (1 - rho) / rho and beta = (1 - rate) (1 - rho) / rho:
 *
 *   P(X = j) = C(m, j) B(j + alpha, m - j + beta) / B(alpha, beta)
 *
 * summed, each term from the one before. Counts may be fractions, as `increase()` gives them: `bad` is
 * rounded down and `events` to the nearest, so that rounding never makes anybody more suspicious.
 */
export function upperTail({ events, rate, overdispersion }: BetaBinomial, bad: number): number {
  const scale = Math.min(1, mostEvents / events);
  const m = Math.max(1, Math.round(events * scale));
  const from = Math.min(m, Math.floor(bad * scale));
  if (from <= 0) return 1;
  const spread = (1 - overdispersion) / overdispersion;
  const alpha = rate * spread;
  const beta = (1 - rate) * spread;
  const probability = (j: number): number =>
    Math.exp(logChoose(m, j) + logBeta(j + alpha, m - j + beta) - logBeta(alpha, beta));
  /** From the probability of j to that of j + 1. */
  const ratio = (j: number): number => ((m - j) / (j + 1)) * ((j + alpha) / (m - j - 1 + beta));

  // Away from the middle, where the terms fall: towards it a first term of nearly 0 would stay 0.
  if (from > m * rate)
    return Math.min(
      1,
      fallingSum(probability(from), m - from + 1, (step) => ratio(from + step)),
    );
  return Math.max(0, 1 - fallingSum(probability(from - 1), from, (step) => 1 / ratio(from - 2 - step)));
}

/** A term, and those after it, `count` in all, each the one before times `ratio(step)`. */
function fallingSum(first: number, count: number, ratio: (step: number) => number): number {
  let term = first;
  let sum = 0;
  for (let step = 0; step < count; step += 1) {
    sum += term;
    const next = ratio(step);
    term *= next;
    // What is left is less than a falling geometric series.
    if (next < 1 && term < precision * sum * (1 - next)) break;
  }
  return sum;
}

function logChoose(n: number, k: number): number {
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/**
 * ln of the gamma function, for positive arguments. Stirling's series after the recurrence has moved the argument to 10 or
 * more, where the terms kept are good for 14 digits (Abramowitz and Stegun 6.1.15 and 6.1.41).
 */
export function logGamma(x: number): number {
  let shift = 1;
  let z = x;
  while (z < 10) {
    shift *= z;
    z += 1;
  }
  const w = 1 / (z * z);
  const series = (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w * (1 / 1188 - (w * 691) / 360_360))))) / z;
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - Math.log(shift);
}
