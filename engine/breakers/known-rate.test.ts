import { describe, expect, it } from 'vitest';
import { type Baseline, noBaseline } from './baseline.ts';
import { agreementsForWorseRate, knownRateMoved, updateKnownRate, worseThan } from './known-rate.ts';

const seen = (bad: number, change: Partial<Parameters<typeof updateKnownRate>[1]> = {}) => ({
  counts: { bad, total: 999.5 },
  isWorse: false,
  agreed: true,
  settled: true,
  ...change,
});
const at = (level: number, agreements = 0) => ({ level, agreements });

describe('what a fleet is known to fail', () => {
  it('is the first rate on which it agrees', () => {
    expect(updateKnownRate(noBaseline, seen(9, { agreed: false }))).toEqual(noBaseline);
    expect(updateKnownRate(noBaseline, seen(9.505)).level).toBeCloseTo(0.01, 9);
  });
  it('follows by a tenth, up and down', () => {
    expect(updateKnownRate(at(0.02), seen(29.515)).level).toBeCloseTo(0.021, 9);
    expect(updateKnownRate(at(0.02), seen(9.505)).level).toBeCloseTo(0.019, 9);
  });
  it('stays while somebody fails more than the rest', () => {
    expect(updateKnownRate(at(0.02), seen(30, { agreed: false }))).toEqual(at(0.02));
  });
  it('stays while the fleet fails more than is known', () => {
    expect(updateKnownRate(at(0.02), seen(500, { isWorse: true }))).toEqual(at(0.02, 1));
  });
  it('follows while settling, whatever is seen: one odd window at the start would be known for good', () => {
    expect(updateKnownRate(at(0.02), seen(500, { isWorse: true, settled: false })).level).toBeGreaterThan(0.05);
  });
  it('is another one when the fleet has agreed on it for very long, and each disagreement takes one back', () => {
    let known: Baseline = at(0.02);
    const evaluate = (times: number, agreed: boolean) => {
      for (let time = 0; time < times; time += 1) {
        known = updateKnownRate(known, seen(499.75, { isWorse: true, agreed }));
      }
    };
    evaluate(agreementsForWorseRate - 1, true);
    evaluate(30, false);
    evaluate(30, true);
    expect(known).toEqual(at(0.02, agreementsForWorseRate - 1));
    evaluate(2 * agreementsForWorseRate, false);
    expect(known).toEqual(at(0.02));
    evaluate(agreementsForWorseRate - 1, true);
    expect(known.level).toBe(0.02);
    evaluate(1, true);
    expect(known.level).toBeCloseTo(0.5, 2);
  });
});

it('worse is twice as much, and a percentage point more: 0.01 % and 0.02 % are the same to a caller', () => {
  expect([worseThan(0.0001), worseThan(0.01), worseThan(0.1)]).toEqual([0.0101, 0.02, 0.2]);
});

it('is written down when what counts as worse moved by a quarter', () => {
  expect(knownRateMoved(undefined, undefined)).toBe(false);
  expect(knownRateMoved(undefined, 0.001)).toBe(true);
  expect(knownRateMoved(0.001, 0.003)).toBe(false);
  expect(knownRateMoved(0.001, 0.004)).toBe(true);
  expect(knownRateMoved(0.1, 0.12)).toBe(false);
  expect(knownRateMoved(0.1, 0.07)).toBe(true);
});
