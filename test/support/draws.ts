/** Draws from the distributions that healthy backends are thought to follow. */
import type { Random } from './random.ts';

/** How many of `events` go wrong, each with probability `rate`: jumps from one to the next, so it costs as many as there are. */
export function drawBinomial(random: Random, events: number, rate: number): number {
  if (rate <= 0) return 0;
  if (rate > 0.5) return events - drawBinomial(random, events, 1 - rate);
  const perJump = Math.log1p(-rate);
  let count = 0;
  let at = -1;
  for (;;) {
    at += 1 + Math.floor(Math.log(1 - random.next()) / perJump);
    if (at >= events) return count;
    count += 1;
  }
}

/** A rate around `rate`; `overdispersion` 0 is always the same. */
export function drawRate(random: Random, rate: number, overdispersion: number): number {
  if (overdispersion === 0) return rate;
  const spread = (1 - overdispersion) / overdispersion;
  const bad = drawGamma(random, rate * spread);
  const good = drawGamma(random, (1 - rate) * spread);
  // Both may be too small for a number; then it is one of the two ends, which the mean decides.
  return bad + good === 0 ? (random.chance(rate) ? 1 : 0) : bad / (bad + good);
}

/** Marsaglia and Tsang (2000); below shape 1 by their boost. */
function drawGamma(random: Random, shape: number): number {
  if (shape < 1) return drawGamma(random, shape + 1) * (1 - random.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = drawNormal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < x * x * 0.5 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Around `middle`, as latencies are: `spread` is the standard deviation of the logarithm, about that of the value in shares of it. */
export function drawLogNormal(random: Random, middle: number, spread: number): number {
  return middle * Math.exp(spread * drawNormal(random));
}

function drawNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
