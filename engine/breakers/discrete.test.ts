import { describe, expect, it } from 'vitest';
import type { Sample, SampleValue } from '../metrics/source.ts';
import type { Detector } from '../policy/policy.ts';
import { backendId } from '../model.ts';
import { discreteCounts, judgeShare } from './discrete.ts';

type Discrete = Extract<Detector, { kind: 'discreteValueOutOfList' }>;

function judgeDiscrete(detector: Discrete, samples: readonly Sample[]) {
  const id = backendId('p1');
  const matched = { byBackend: new Map([[id, samples]]), ambiguous: new Map() };
  return judgeShare(detector, detector.tolerancePercent ?? 0, discreteCounts(detector, matched, id));
}

const good: Discrete = {
  kind: 'discreteValueOutOfList',
  query: 'q',
  key: 'code',
  list: { kind: 'good', values: ['200', '404'] },
  tolerancePercent: 50,
  minActivity: 2,
};
const bad: Discrete = { ...good, list: { kind: 'bad', values: ['500'] } };

const count = (code: string, value: number | SampleValue): Sample => ({
  labels: { code },
  value: typeof value === 'number' ? { kind: 'number', value } : value,
});

describe('the share of bad values', () => {
  it('beyond the tolerance is anomalous, with its reason', () => {
    expect(judgeDiscrete(good, [count('200', 1), count('500', 3)])).toEqual({
      kind: 'anomalous',
      severity: 1.5,
      value: 75,
      bound: 50,
      reason: '75 % of 4 have code out of the good values (tolerance 50 %)',
    });
  });
  it('at the tolerance is normal', () => {
    expect(judgeDiscrete(good, [count('200', 2), count('500', 2)])).toEqual({ kind: 'normal', value: 50, bound: 50 });
  });
  it('counts every value that is not good', () => {
    expect(judgeDiscrete(good, [count('404', 1), count('500', 2), count('302', 2)])).toMatchObject({ value: 80 });
  });
  it('counts only the bad values when those are listed', () => {
    expect(judgeDiscrete(bad, [count('302', 3), count('500', 1)])).toMatchObject({ kind: 'normal', value: 25 });
    expect(judgeDiscrete(bad, [count('302', 1), count('500', 3)])).toMatchObject({ kind: 'anomalous', value: 75 });
  });
  it('sums series with the same value', () => {
    expect(judgeDiscrete(good, [count('200', 1), count('200', 2), count('500', 1)])).toMatchObject({ value: 25 });
  });
  it('with no tolerance at all finds any bad one, with a finite severity', () => {
    const verdict = judgeDiscrete({ ...good, tolerancePercent: 0 }, [count('200', 1e9), count('500', 1)]);
    expect(verdict).toMatchObject({ kind: 'anomalous', severity: 1000 });
  });
});

describe('fractional counts stay fractional', () => {
  it('0.9 bad of 1.4 is 64 %, not none of one', () => {
    expect(judgeDiscrete({ ...good, minActivity: 1 }, [count('200', 0.5), count('500', 0.9)])).toMatchObject({
      kind: 'anomalous',
    });
  });
  it('1.9 is below an activity of 2', () => {
    expect(judgeDiscrete(good, [count('500', 1.9)])).toMatchObject({ kind: 'insufficient' });
  });
});

describe('too little to judge by', () => {
  it('is insufficient below minActivity', () => {
    expect(judgeDiscrete(good, [count('500', 1)])).toEqual({
      kind: 'insufficient',
      reason: 'activity 1 below 2',
    });
  });
  it('is insufficient without any activity, even if none is demanded', () => {
    expect(judgeDiscrete({ ...good, minActivity: 0 }, [count('500', 0)])).toMatchObject({ kind: 'insufficient' });
  });
  it.each([
    ['NaN', { kind: 'nan' }],
    ['infinite', { kind: 'infinite', sign: 1 }],
  ] as const)('is insufficient when a part of it is %s: the share of the rest would be a guess', (_, value) => {
    expect(judgeDiscrete(good, [count('200', value), count('500', 9)])).toMatchObject({ kind: 'insufficient' });
  });
});

describe('an answer to another question is an error', () => {
  it('when a count is negative', () => {
    expect(judgeDiscrete(good, [count('500', -3)])).toMatchObject({ kind: 'error' });
  });
  it('when it is a histogram', () => {
    expect(judgeDiscrete(good, [count('500', { kind: 'histogram' })])).toMatchObject({ kind: 'error' });
  });
  it('when the label is missing: that is not a bad value, the query lost it', () => {
    expect(judgeDiscrete(good, [{ labels: {}, value: { kind: 'number', value: 9 } }])).toEqual({
      kind: 'error',
      reason: 'a sample has no label code; keep it in the query',
    });
  });
});
