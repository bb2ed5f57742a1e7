/**
 * The rate of bad events a fleet is known to have: the baseline of `ratio`.
 *
 * Peers cannot tell a fleet in trouble from a backend in trouble. While a dependency fails, all fail, some more than
 * others for reasons of their own, and those would be found. So the rate of the fleet is compared with what it was: twice
 * that and a percentage point more, and improbable as chance, is `fleet-wide`.
 *
 * A rate in one window of few requests says little, so it is not taken over but approached, a tenth of the way each
 * evaluation, and only while the fleet agrees on it. A rate that is worse becomes the known one when the fleet has agreed on
 * it for so long that it is no incident any more.
 */
import type { Baseline } from './baseline.ts';
import { type BetaBinomial, upperTail } from './beta-binomial.ts';
import type { Counts } from './counts.ts';

/** Of the way from what is known to what is seen, in one evaluation. */
const pace = 0.1;

/**
 * Evaluations a fleet must agree on a worse rate before that is how it is, each in which it does not takes one back: ten
 * minutes of the default period. A level of a gauge takes ten evaluations (baseline.ts); errors do not become normal so
 * quickly.
 */
export const agreementsForWorseRate = 120;

/** What is rare need not be improbable, and what is improbable need not matter: a rate must be this, too, to be worse. */
export function worseThan(rate: number): number {
  return Math.max(2 * rate, rate + 0.01);
}

/** Never 0, or the first error of a fleet that had none would be infinitely improbable. */
export function rateOf({ bad, total }: Counts): number {
  return (bad + 0.5) / (total + 1);
}

/** How probable at least so many bad ones are where `rate` is usual. */
export function tailOf({ bad, total }: Counts, rate: number, sensitivity: number): number {
  // Who is not worse than the others cannot be improbably bad, and need not be summed.
  if (bad <= rate * total) return 1;
  const overdispersion = Math.min(0.5, Math.max(0.0001, sensitivity));
  const expected: BetaBinomial = { events: total, rate, overdispersion };
  return upperTail(expected, bad);
}

export interface FleetRate {
  /** Of those that speak for the fleet. */
  readonly counts: Counts;
  readonly isWorse: boolean;
  /** Nobody fails more than the rest, and enough were seen. */
  readonly agreed: boolean;
  /** The breaker has seen its `settle` evaluations. */
  readonly settled: boolean;
}

export function updateKnownRate(baseline: Baseline, { counts, isWorse, agreed, settled }: FleetRate): Baseline {
  const { level } = baseline;
  const rate = rateOf(counts);
  if (level === undefined) return agreed ? { level: rate, agreements: 0 } : baseline;
  // What is seen while settling is what is going to be known, or one odd window at its start would be.
  if (settled && isWorse) {
    // Healthy pods differ, and in some windows one stands out. Were all to begin anew each time, a fleet that runs at
    // another rate since its last release would be held for hours.
    const agreements = agreed ? baseline.agreements + 1 : Math.max(0, baseline.agreements - 1);
    return agreements < agreementsForWorseRate ? { level, agreements } : { level: rate, agreements: 0 };
  }
  return { level: agreed ? level + (rate - level) * pace : level, agreements: 0 };
}

/** True when `current` is worth writing down: what counts as worse moved by a quarter. */
export function knownRateMoved(stored: number | undefined, current: number | undefined): boolean {
  if (current === undefined) return false;
  if (stored === undefined) return true;
  return Math.abs(worseThan(current) - worseThan(stored)) >= worseThan(stored) / 4;
}
