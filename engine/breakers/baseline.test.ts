import { describe, expect, it } from 'vitest';
import { agreementsForNewLevel, type Baseline, baselineMoved, noBaseline, updateBaseline } from './baseline.ts';
import { ascending, median } from './statistics.ts';

const allowed = 0.5;

function after(before: Baseline, values: readonly number[], options: { settled?: boolean; eligible?: number } = {}) {
  return updateBaseline(before, {
    values,
    median: median(values.toSorted(ascending)) ?? 0,
    eligible: options.eligible ?? values.length,
    allowed,
    settled: options.settled ?? true,
  });
}

describe('the first level', () => {
  it('is the median at the end of settle', () => {
    expect(after(noBaseline, [90, 100, 120])).toEqual({ level: 100, agreements: 0 });
  });
  it('is not taken before', () => {
    expect(after(noBaseline, [100, 100], { settled: false })).toEqual(noBaseline);
  });
  it('waits until more than half of the fleet is seen: a few that answer first may be the bad ones', () => {
    expect(after(noBaseline, [7, 7], { eligible: 4 })).toEqual(noBaseline);
    expect(after(noBaseline, [100, 100, 100], { eligible: 4 })).toMatchObject({ level: 100 });
  });
});

describe('it follows the fleet', () => {
  const level100: Baseline = { level: 100, agreements: 0 };
  it('while every backend is within half the allowed deviation of the median', () => {
    expect(after(level100, [110, 120, 130])).toMatchObject({ level: 120 });
  });
  it('not while one is further away than that', () => {
    expect(after(level100, [100, 120, 160])).toMatchObject({ level: 100 });
  });
  it('not while one is silent: it may be the healthy one', () => {
    expect(after(level100, [120, 120, 120], { eligible: 4 })).toMatchObject({ level: 100 });
  });
});

describe('a new level', () => {
  const high = [300, 310, 320];
  function repeat(times: number, before: Baseline, values: readonly number[]): Baseline {
    return times === 0 ? before : repeat(times - 1, after(before, values), values);
  }
  const almost = repeat(agreementsForNewLevel - 1, { level: 100, agreements: 0 }, high);

  it('is taken after ten evaluations in which everyone agrees', () => {
    expect(almost).toEqual({ level: 100, agreements: 9 });
    expect(after(almost, high)).toEqual({ level: 310, agreements: 0 });
  });
  it('starts anew after a disagreement', () => {
    expect(after(almost, [100, 310, 320])).toEqual({ level: 100, agreements: 0 });
  });
  it('waits while somebody is silent', () => {
    expect(after(almost, high, { eligible: 4 })).toEqual(almost);
  });
  it('starts anew after a return to the old one', () => {
    expect(after(almost, [100, 100, 100])).toEqual({ level: 100, agreements: 0 });
  });
  it('of zero is away, and agreed like any other', () => {
    expect(repeat(agreementsForNewLevel, { level: 100, agreements: 0 }, [0, 0, 0])).toMatchObject({ level: 0 });
  });
});

describe('it is worth writing down', () => {
  it('when it moved by a quarter of the allowed deviation', () => {
    expect([112, 113, 88, 87].map((level) => baselineMoved(100, level, allowed))).toEqual([false, true, false, true]);
  });
  it('when it is the first', () => expect(baselineMoved(undefined, 100, allowed)).toBe(true));
  it('not when there is none', () => expect(baselineMoved(100, undefined, allowed)).toBe(false));
  it('not when it stands still, whatever is allowed', () => expect(baselineMoved(100, 100, 0)).toBe(false));
});
