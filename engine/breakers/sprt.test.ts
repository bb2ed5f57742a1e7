import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, decisiveAt, eventsUntilGood, type Hypotheses, hypothesesFor, logLikelihoodRatio } from './sprt.ts';

const oracle = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/oracle/sprt.json'), 'utf8')) as {
  readonly looks: readonly (readonly [peerRate: number, bad: number, total: number, ratio: number])[];
  readonly fates: readonly (readonly [good: number, bad: number, rate: number, foundBad: number, half: number])[];
};

/** Looks after each event, over all that can happen. */
function fate(rates: Hypotheses, rate: number): { readonly foundBad: number; readonly half: number } {
  let undecided = new Map([[0, 1]]);
  let [foundBad, decided, half] = [0, 0, 0];
  for (let total = 1; decided < 1 - 1e-9 && total < 20_000; total++) {
    const after = new Map<number, number>();
    for (const [bad, chance] of undecided) {
      after.set(bad, (after.get(bad) ?? 0) + chance * (1 - rate));
      after.set(bad + 1, (after.get(bad + 1) ?? 0) + chance * rate);
    }
    undecided = new Map();
    for (const [bad, chance] of after) {
      const decision = decide(logLikelihoodRatio({ bad, total }, rates));
      if (decision === 'bad') foundBad += chance;
      if (decision === 'continue' && chance > 1e-13) undecided.set(bad, chance);
      else decided += chance;
    }
    if (half === 0 && decided >= 0.5) half = total;
  }
  return { foundBad, half };
}

it('agrees with likelihoods from the binomial distribution', () => {
  for (const [peerRate, bad, total, ratio] of oracle.looks) {
    expect(logLikelihoodRatio({ bad, total }, hypothesesFor(peerRate))).toBeCloseTo(ratio, 7);
  }
  expect(oracle.looks.length).toBe(200);
});

it.each(oracle.fates)('of %d against %d, a backend with %d: %d found bad, half decided after %d', (...row) => {
  const [good, bad, rate, foundBad, half] = row;
  const found = fate({ good, bad }, rate);
  expect(found.foundBad).toBeCloseTo(foundBad, 4);
  expect(found.half).toBe(half);
});

it('is wrong about a good one, or a bad one, in about 5 % at most', () => {
  for (const [good, bad, rate, foundBad] of oracle.fates) {
    if (rate === good) expect(foundBad).toBeLessThan(0.053);
    if (rate === bad) expect(foundBad).toBeGreaterThan(0.947);
  }
});

describe('the two rates', () => {
  it.each([
    [0, 0.005, 0.055],
    [0.005, 0.005, 0.055],
    [0.01, 0.01, 0.06],
    [0.02, 0.02, 0.1],
    [0.3, 0.3, 0.65],
  ])('of peers with %d are %d and %d', (peerRate, good, bad) => {
    expect(hypothesesFor(peerRate).good).toBe(good);
    expect(hypothesesFor(peerRate).bad).toBeCloseTo(bad, 12);
  });
  it('are rates, the bad one the larger, whatever the peers do', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1 - 1e-9, noNaN: true }), (peerRate) => {
        const { good, bad } = hypothesesFor(peerRate);
        expect(good).toBeGreaterThan(0);
        expect(bad).toBeGreaterThan(good);
        expect(bad).toBeLessThan(1);
      }),
    );
  });
});

describe('what is still needed', () => {
  it('is as many good ones as decide it, and no fewer', () => {
    const peerRate = fc.double({ min: 0, max: 0.9, noNaN: true });
    fc.assert(
      fc.property(peerRate, fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 100 }), (rate, bad, good) => {
        const rates = hypothesesFor(rate);
        const now = logLikelihoodRatio({ bad, total: bad + good }, rates);
        const needed = eventsUntilGood(now, rates);
        const after = (more: number): string =>
          decide(logLikelihoodRatio({ bad, total: bad + good + more }, rates) - 1e-9);
        expect(after(needed)).toBe('good');
        if (needed > 1) expect(after(needed - 1)).not.toBe('good');
      }),
    );
  });
  it('is none once it is decided', () => {
    expect(eventsUntilGood(-decisiveAt - 1, hypothesesFor(0))).toBe(0);
    expect(eventsUntilGood(0, hypothesesFor(0))).toBe(58);
  });
});
