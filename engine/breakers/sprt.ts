/**
 * Wald's sequential probability ratio test, for a probe: is its rate of bad events that of its peers, or far above it?
 *
 * A probe gets a trickle, and a test with a fixed sample would either wait too long for a clear case or decide a hard one
 * on too little. This one looks after each portion of events and stops as soon as it knows: after a handful when half fail,
 * after sixty that are all good. Two rates are compared,
 *
 *     p0 = max(rate of the peers, 0.5 %)        good: no worse than they are
 *     p1 = max(5 p0, p0 + 5 points)             bad: what it was taken out for, or worse
 *
 * by the logarithm of their likelihoods, bad ln(p1 / p0) + good ln((1 - p1) / (1 - p0)). At ln((1 - a) / a) it is bad, at
 * minus that it is good, in between more events are needed; a = 5 % is the chance to be wrong, either way. It is blind to
 * what lies between p0 and p1: the ordinary test finds that, as soon as there are events enough for it.
 *
 * Source: A. Wald, Sequential Tests of Statistical Hypotheses (1945). p0 and p1 are such that a typical case takes some 30
 * to 120 requests; a floor of p0, since nobody can wait for the one error in a million that peers without errors have.
 */
import type { Counts } from './counts.ts';

export interface Hypotheses {
  /** Rate of bad events of a good one, above 0. */
  readonly good: number;
  /** Of a bad one; above `good`, below 1. */
  readonly bad: number;
}

/** Chance that a good one is taken for bad, and a bad one for good. */
const risk = 0.05;
/** From here on it is bad; at minus this, good. */
export const decisiveAt = Math.log((1 - risk) / risk);

const leastGoodRate = 0.005;

/** `peerRate`: share of bad events of the healthy peers, 0 to below 1. */
export function hypothesesFor(peerRate: number): Hypotheses {
  const good = Math.max(peerRate, leastGoodRate);
  // Five times 30 % is no rate. Above a ninth: half way to all bad.
  return { good, bad: Math.min(Math.max(5 * good, good + 0.05), (1 + good) / 2) };
}

/** Positive: speaks for bad. Counts may be fractions. */
export function logLikelihoodRatio({ bad, total }: Counts, rates: Hypotheses): number {
  return bad * Math.log(rates.bad / rates.good) + (total - bad) * Math.log((1 - rates.bad) / (1 - rates.good));
}

export type SprtDecision = 'good' | 'bad' | 'continue';

export function decide(logLikelihood: number): SprtDecision {
  if (logLikelihood >= decisiveAt) return 'bad';
  return logLikelihood <= -decisiveAt ? 'good' : 'continue';
}

/** How many more events, if all are good, until it is decided so. */
export function eventsUntilGood(logLikelihood: number, rates: Hypotheses): number {
  const each = Math.log((1 - rates.good) / (1 - rates.bad));
  return Math.max(0, Math.ceil((logLikelihood + decisiveAt) / each));
}
