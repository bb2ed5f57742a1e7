import { describe, expect, it } from 'vitest';
import { deviationOf } from '../../test/support/world.ts';
import { backendId } from '../model.ts';
import type { Baseline } from './baseline.ts';
import { judgeDeviation } from './deviation.ts';
import type { Reading, Role } from './subject.ts';

const at100: Baseline = { level: 100, agreements: 0 };

type Row = number | 'silent' | 'broken' | readonly [Role, number];

/** Judges a fleet p1, p2, ... with these values. */
function judge(
  rows: readonly Row[],
  options: { detector?: Parameters<typeof deviationOf>[0]; before?: Baseline } = {},
) {
  const subjects = rows.map((row, index) => ({
    id: backendId(`p${index + 1}`),
    role: Array.isArray(row) ? (row[0] as Role) : 'reference',
  }));
  const readings = new Map(rows.map((row, index) => [backendId(`p${index + 1}`), readingOf(row)] as const));
  const { judgement, baseline } = judgeDeviation(
    deviationOf(options.detector) as never,
    subjects as never,
    readings,
    options.before ?? at100,
    true,
  );
  if (judgement.kind === 'unusable') throw new Error('a deviation is never unusable');
  const verdicts = new Map([...judgement.verdicts].map(([id, verdict]) => [String(id), verdict]));
  const kinds = Object.fromEntries([...verdicts].map(([id, { kind }]) => [id, kind]));
  return { judgement, baseline, verdicts, kinds };
}

function readingOf(row: Row): Reading {
  if (row === 'silent') return { kind: 'missing', reason: 'no sample' };
  if (row === 'broken') return { kind: 'invalid', reason: 'several samples' };
  return { kind: 'value', value: typeof row === 'number' ? row : row[1] };
}

describe('one backend that deviates', () => {
  it('from its peers and from the baseline is anomalous, and says so', () => {
    const { verdicts } = judge([100, 100, 100, 40]);
    expect(verdicts.get('p4')).toEqual({
      kind: 'anomalous',
      severity: 1.2,
      value: 40,
      bound: 50,
      reason: 'value 40 is 60 % below the median of 3 peers 100 and 60 % below the baseline 100 (allowed 50 %)',
    });
  });
  it('by exactly what is allowed is normal', () => {
    expect(judge([100, 100, 100, 50]).kinds).toMatchObject({ p4: 'normal' });
    expect(judge([100, 100, 100, 49.9]).kinds).toMatchObject({ p4: 'anomalous' });
  });
  it('does not hide itself: it is no part of its own reference', () => {
    expect(judge([100, 100, 1e9]).kinds).toEqual({ p1: 'normal', p2: 'normal', p3: 'anomalous' });
  });
  it('does not hide another: the reference is a median', () => {
    expect(judge([100, 100, 100, 0, 1e9]).kinds).toMatchObject({ p3: 'normal', p4: 'anomalous', p5: 'anomalous' });
  });
  it('from its peers only is normal', () => {
    expect(judge([140, 140, 60, 140]).kinds).toMatchObject({ p3: 'normal' });
  });
});

describe('direction', () => {
  it.each([
    ['Both', 'anomalous', 'anomalous'],
    ['Above', 'normal', 'anomalous'],
    ['Below', 'anomalous', 'normal'],
  ] as const)('%s: low is %s, high is %s', (direction, low, high) => {
    expect(judge([100, 100, 100, 100, 10, 900], { detector: { direction } }).kinds).toMatchObject({
      p5: low,
      p6: high,
    });
  });
});

describe('a majority that turns bad', () => {
  it('to zero is fleet-wide, and the minority is normal', () => {
    const { judgement, kinds } = judge([0, 0, 0, 0, 0, 100]);
    expect(judgement).toMatchObject({ kind: 'fleet-wide', reason: 'the median of 6 backends is 0' });
    expect(kinds).toMatchObject({ p1: 'anomalous', p6: 'normal' });
  });
  it('to another level is fleet-wide, and the minority is normal', () => {
    const { judgement, kinds } = judge([300, 300, 300, 100]);
    expect(judgement).toMatchObject({
      kind: 'fleet-wide',
      reason: 'the median of 4 backends, 300, is 200 % above the baseline 100 (allowed 50 %)',
    });
    expect(kinds).toMatchObject({ p4: 'normal' });
  });
  it('to a level within what is allowed does not make the minority anomalous', () => {
    expect(judge([150, 150, 150, 60]).kinds).toEqual({ p1: 'normal', p2: 'normal', p3: 'normal', p4: 'normal' });
  });
  it('does not drag the baseline along', () => {
    expect(judge([300, 300, 300, 100]).baseline).toEqual(at100);
    expect(judge([140, 140, 140, 90]).baseline).toEqual(at100);
  });
});

describe('the reference', () => {
  it('is only those that serve: a suspect is judged against it and is no part of it', () => {
    const { kinds, baseline } = judge([100, 100, ['suspect', 0], ['suspect', 0], ['suspect', 0]]);
    expect(kinds).toEqual({
      p1: 'normal',
      p2: 'normal',
      p3: 'anomalous',
      p4: 'anomalous',
      p5: 'anomalous',
    });
    expect(baseline).toEqual(at100);
  });
  it('leaves out the excluded, who are not judged either', () => {
    const { kinds } = judge([100, 100, 100, ['excluded', 0], ['excluded', 0], ['excluded', 0], ['excluded', 0]]);
    expect(kinds).toEqual({ p1: 'normal', p2: 'normal', p3: 'normal' });
  });
  it('needs two peers to find anybody anomalous', () => {
    expect(judge([100, 40]).kinds).toMatchObject({ p2: 'insufficient' });
    expect(judge([40]).kinds).toEqual({ p1: 'insufficient' });
    expect(judge([]).kinds).toEqual({});
  });
  it('needs none to find one normal: who is near the baseline cannot deviate from both', () => {
    expect(judge([100, 55]).verdicts.get('p2')).toEqual({ kind: 'normal', value: 55, bound: 50 });
    expect(judge([100, ['suspect', 120]]).kinds).toEqual({ p1: 'normal', p2: 'normal' });
  });
  it('does without the silent and the broken, who get no verdict of their own', () => {
    const { kinds } = judge([100, 100, 0, 'silent', 'broken']);
    expect(kinds).toEqual({
      p1: 'normal',
      p2: 'normal',
      p3: 'anomalous',
      p4: 'insufficient',
      p5: 'error',
    });
  });
});

describe('without a baseline', () => {
  it('nobody is judged until the end of settle', () => {
    const subjects = ['p1', 'p2', 'p3'].map((id) => ({ id: backendId(id), role: 'reference' as const }));
    const readings = new Map(subjects.map(({ id }, index) => [id, readingOf(index === 0 ? 0 : 100)]));
    const detector = deviationOf() as never;
    const { judgement, baseline } = judgeDeviation(detector, subjects, readings, { agreements: 0 }, false);
    expect(judgement).toMatchObject({ kind: 'judged' });
    expect([...(judgement.kind === 'judged' ? judgement.verdicts.values() : [])].map(({ kind }) => kind)).toEqual([
      'insufficient',
      'insufficient',
      'insufficient',
    ]);
    expect(baseline.level).toBeUndefined();
  });
});

describe('severity', () => {
  it('is the deviation in units of what is allowed', () => {
    expect(judge([100, 100, 100, 300]).verdicts.get('p4')).toMatchObject({ severity: 4 });
  });
  it('is finite, also when nothing is allowed or the reference is zero', () => {
    const exact = judge([100, 100, 100, 101], { detector: { maxDeviationPercent: 0 } });
    expect(exact.verdicts.get('p4')).toMatchObject({ kind: 'anomalous', severity: 1000 });
    const overZero = judge([0, 0, 0, 100, 100, 100, 300]);
    expect(overZero.verdicts.get('p7')).toMatchObject({ kind: 'anomalous' });
    const far = judge([1e-300, 1e-300, 1e-300, 1e300], { before: { level: 1e-300, agreements: 0 } });
    expect(far.verdicts.get('p4')).toMatchObject({ severity: 1000 });
  });
});

it('negative levels deviate like positive ones', () => {
  const before: Baseline = { level: -100, agreements: 0 };
  expect(judge([-100, -100, -100, -20, -170], { before }).kinds).toMatchObject({ p4: 'anomalous', p5: 'anomalous' });
});

describe('reference: Mean', () => {
  const mean = (values: readonly Row[], allowed = 50) =>
    judge(values, { detector: { reference: 'Mean', maxDeviationPercent: allowed } });

  it('compares with the mean of the others, both ways, and says so', () => {
    expect(mean([100, 110, 120, 40]).verdicts.get('p4')).toMatchObject({
      kind: 'anomalous',
      bound: 55,
      reason: 'value 40 is 63.64 % below the mean of 3 peers 110 and 60 % below the baseline 100 (allowed 50 %)',
    });
    expect(mean([100, 100, 100, 160]).kinds).toMatchObject({ p4: 'anomalous', p1: 'normal' });
  });
  it('leaves out whom it judges: with it, as the original did, the mean of all is 325 and 250 % would hide it', () => {
    const { kinds } = mean([100, 100, 100, 1000], 250);
    expect(kinds).toEqual({ p1: 'normal', p2: 'normal', p3: 'normal', p4: 'anomalous' });
  });
  it('is moved by a second bad one, where a median is not', () => {
    const values = [100, 100, 100, 160, 400];
    expect(mean(values).kinds).toMatchObject({ p4: 'normal', p5: 'anomalous' });
    expect(judge(values).kinds).toMatchObject({ p4: 'anomalous', p5: 'anomalous' });
  });
  it('accuses no good one for what it is moved by: that is near the baseline', () => {
    expect(mean([100, 100, 100, 100, 9000]).kinds).toMatchObject({ p1: 'normal', p5: 'anomalous' });
  });
  it('is that of all references for who is on the way back', () => {
    expect(mean([100, 110, 120, ['suspect', 166]]).verdicts.get('p4')).toMatchObject({ kind: 'anomalous', bound: 165 });
  });
  it('leaves the fleet to the median', () => {
    expect(mean([100, 100, 100, 9000]).judgement.kind).toBe('judged');
    expect(mean([100, 300, 300, 300]).judgement.kind).toBe('fleet-wide');
  });
});
