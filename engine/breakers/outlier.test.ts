import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backendId } from '../model.ts';
import { type Baseline, noBaseline } from './baseline.ts';
import { judgeOutlier } from './outlier.ts';
import type { Reading, Role, Subject } from './subject.ts';

type Row = number | 'silent' | 'broken' | readonly [Role, number];

interface Options {
  readonly direction?: 'Both' | 'Above' | 'Below';
  readonly minRatio?: number;
  readonly before?: Baseline;
}

/** Judges p1, p2, ... with these values; the baseline is theirs unless there is one before. */
function judge(rows: readonly Row[], { direction = 'Above', minRatio = 1.2, before = noBaseline }: Options = {}) {
  const id = (index: number) => backendId(`p${index + 1}`);
  const subjects = rows.map((row, index): Subject => ({ id: id(index), role: roleOf(row) }));
  const readings = new Map(rows.map((row, index) => [id(index), readingOf(row)]));
  const { judgement, baseline } = judgeOutlier({ direction, minRatio }, subjects, readings, before, true);
  if (judgement.kind !== 'judged') throw new Error('an outlier is judged or nothing is');
  const anomalous = [...judgement.verdicts].flatMap(([who, { kind }]) => (kind === 'anomalous' ? [who] : []));
  return { verdicts: judgement.verdicts, baseline, anomalous };
}

function roleOf(row: Row): Role {
  return typeof row === 'object' ? row[0] : 'reference';
}

function readingOf(row: Row): Reading {
  if (row === 'silent') return { kind: 'missing', reason: 'no sample' };
  if (row === 'broken') return { kind: 'invalid', reason: 'several samples' };
  return { kind: 'value', value: typeof row === 'number' ? row : row[1] };
}

const around100 = [98, 102, 99, 101, 100, 97, 103, 100, 101];

it('agrees with scipy about who is an outlier', () => {
  const { rows } = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/oracle/outlier.json'), 'utf8')) as {
    readonly rows: readonly (readonly [values: readonly number[], outliers: readonly number[]])[];
  };
  for (const [values, outliers] of rows) {
    expect(judge(values).anomalous).toEqual(outliers.map((place) => `p${place + 1}`));
  }
  expect(rows.flatMap(([, outliers]) => outliers).length).toBeGreaterThan(100);
});

describe('one far from the others', () => {
  it('is anomalous, and says so', () => {
    expect(judge([...around100, 300]).verdicts.get(backendId('p10'))).toEqual({
      kind: 'anomalous',
      severity: expect.closeTo(7.94, 2) as number,
      value: 300,
      bound: expect.closeTo(125.6, 1) as number,
      reason:
        'value 300 is above 125.6: the median of 10 backends is 100.5, their spread 5.025, allowed 5 times; the baseline is 100.5',
    });
  });
  it('counts on the side that is looked at only', () => {
    expect(judge([...around100, 10]).anomalous).toEqual([]);
    expect(judge([...around100, 10], { direction: 'Below' }).anomalous).toEqual(['p10']);
    expect(judge([...around100, 300], { direction: 'Below' }).anomalous).toEqual([]);
    expect(judge([...around100, 300, 10], { direction: 'Both' }).anomalous).toEqual(['p10', 'p11']);
  });
  it('must be minRatio away, however narrow the spread', () => {
    expect(judge([...around100, 130], { minRatio: 1.5 }).anomalous).toEqual([]);
    expect(judge([...around100, 151], { minRatio: 1.5 }).anomalous).toEqual(['p10']);
  });
  it('must be further away in a smaller group', () => {
    const seven = [98, 102, 99, 101, 100, 97];
    expect(judge([...seven, 144]).anomalous).toEqual([]);
    expect(judge([...seven, 150]).anomalous).toEqual(['p7']);
    expect(judge([98, 102, 99, 101, 165]).anomalous).toEqual([]);
    expect(judge([98, 102, 99, 101, 175]).anomalous).toEqual(['p5']);
  });
  it('among three or four is twice the others', () => {
    expect(judge([100, 110, 208]).anomalous).toEqual([]);
    expect(judge([100, 110, 210]).anomalous).toEqual(['p3']);
  });
});

describe('a majority that turns bad', () => {
  it('by failing fast does not make the healthy rest an outlier', () => {
    const { baseline } = judge(around100);
    const failing = [...Array.from({ length: 7 }, () => 1), 99, 101];
    expect(judge(failing, { before: baseline }).anomalous).toEqual([]);
    // Without its past nobody could tell.
    expect(judge(failing).anomalous).toEqual(['p8', 'p9']);
  });
});

describe('nobody is anomalous', () => {
  it('before there is a baseline', () => {
    const subjects = around100.map((_, index): Subject => ({ id: backendId(`p${index}`), role: 'reference' }));
    const readings = new Map(subjects.map(({ id }, index) => [id, readingOf(index === 0 ? 900 : 100)]));
    const settings = { direction: 'Above', minRatio: 1.2 } as const;
    const { judgement } = judgeOutlier(settings, subjects, readings, noBaseline, false);
    expect(
      judgement.kind === 'judged' && [...judgement.verdicts.values()].every(({ kind }) => kind === 'insufficient'),
    ).toBe(true);
  });
  it('among two, or around nothing', () => {
    expect(judge([100, 900]).anomalous).toEqual([]);
    expect(judge([0, 0, 0, 0, 0, 7]).anomalous).toEqual([]);
  });
  it('who has no usable value', () => {
    const { verdicts } = judge([...around100, 'silent', 'broken', ['excluded', 900]]);
    expect([...verdicts].slice(9).map(([id, { kind }]) => `${id} ${kind}`)).toEqual(['p10 insufficient', 'p11 error']);
  });
});

it('who comes back is judged by the others, and is no part of what they are judged by', () => {
  expect(judge([100, 101, ['suspect', 300]], { before: { level: 100, agreements: 0 } }).anomalous).toEqual(['p3']);
  expect(judge([...around100, ...Array.from({ length: 20 }, (): Row => ['suspect', 300])]).anomalous).toHaveLength(20);
});

const values = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 30 });

it('the order of the fleet and the unit of the value decide nothing', () => {
  fc.assert(
    fc.property(
      values,
      fc.constantFrom(0.5, 2, 1024),
      fc.constantFrom('Both', 'Above', 'Below'),
      (given, unit, direction) => {
        const { anomalous } = judge(given, { direction });
        expect(
          judge(
            given.map((value) => value * unit),
            { direction },
          ).anomalous,
        ).toEqual(anomalous);
        const reversed = judge(given.toReversed(), { direction }).anomalous.map(
          (id) => `p${given.length + 1 - Number(id.slice(1))}`,
        );
        expect(reversed.toReversed()).toEqual(anomalous);
      },
    ),
  );
});

it('at most half of a fleet is anomalous on one side', () => {
  fc.assert(
    fc.property(values, fc.constantFrom('Above', 'Below'), (given, direction) => {
      expect(judge(given, { direction }).anomalous.length).toBeLessThanOrEqual(given.length / 2);
    }),
  );
});
