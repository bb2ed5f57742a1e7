import { describe, expect, it } from 'vitest';
import { maxSeverity } from './subject.ts';
import { judgeThreshold, judgeWindows } from './threshold.ts';

const threshold = (operator: '>' | '>=' | '<' | '<=' | '==' | '!=', value: number) =>
  ({ kind: 'threshold', query: 'q', operator, value }) as const;

describe('the operator names the relation that is anomalous', () => {
  it.each([
    ['>', [6], [5, 4]],
    ['>=', [6, 5], [4]],
    ['<', [4], [5, 6]],
    ['<=', [4, 5], [6]],
    ['==', [5], [4, 6]],
    ['!=', [4, 6], [5]],
  ] as const)('%s 5', (operator, anomalous, normal) => {
    const kindOf = (value: number) => judgeThreshold(threshold(operator, 5), value).kind;
    expect(anomalous.map(kindOf)).toEqual(anomalous.map(() => 'anomalous'));
    expect(normal.map(kindOf)).toEqual(normal.map(() => 'normal'));
  });
});

describe('severity', () => {
  const severityOf = (value: number, bound: number) => {
    const verdict = judgeThreshold(threshold('>', bound), value);
    return verdict.kind === 'anomalous' ? verdict.severity : 0;
  };
  it('grows with the distance in units of the bound', () => {
    expect([severityOf(10, 5), severityOf(20, 5)]).toEqual([2, 4]);
  });
  it('of a zero bound counts units of one', () => {
    expect(severityOf(3, 0)).toBe(4);
  });
  it('stays finite', () => {
    expect(severityOf(1e300, 1e-300)).toBe(maxSeverity);
  });
});

describe('in two windows', () => {
  const verdict = (short: number, long: number) => judgeWindows(threshold('>', 5), short, long);
  it('both must be beyond the bound: one alone is a blip, or is over', () => {
    expect([verdict(9, 7), verdict(9, 4), verdict(4, 9), verdict(4, 4)].map(({ kind }) => kind)).toEqual([
      'anomalous',
      'normal',
      'normal',
      'normal',
    ]);
  });
  it('is ranked and shown by the short one, and a normal one by the window that is within the bound', () => {
    expect(verdict(7, 30)).toEqual({
      kind: 'anomalous',
      severity: 1.4,
      value: 7,
      bound: 5,
      reason: 'value 7 > 5, and 30 over the long window',
    });
    expect([verdict(9, 4), verdict(3, 9)]).toMatchObject([{ value: 4 }, { value: 3 }]);
  });
});

it('says value, relation and bound', () => {
  expect(judgeThreshold(threshold('>', 5), 7)).toEqual({
    kind: 'anomalous',
    severity: 1.4,
    value: 7,
    bound: 5,
    reason: 'value 7 > 5',
  });
});
