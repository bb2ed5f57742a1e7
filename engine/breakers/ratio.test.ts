import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawBinomial, drawRate } from '../../test/support/draws.ts';
import { randomFrom } from '../../test/support/random.ts';
import { backendId } from '../model.ts';
import { type Baseline, noBaseline } from './baseline.ts';
import type { CountReading } from './counts.ts';
import { agreementsForWorseRate } from './known-rate.ts';
import { judgeRatio, type RatioSettings } from './ratio.ts';
import type { Role, Subject } from './subject.ts';

const usual: RatioSettings = { minRequests: 30, minBad: 5, sensitivity: 0.005 };

/** `[bad, total]`, what is no count, or a count with a role. */
type Row = readonly [bad: number, total: number, role?: Role] | Exclude<CountReading, { kind: 'counts' }>;

function isRow(row: Row): row is Extract<Row, readonly unknown[]> {
  return Array.isArray(row);
}

/** Judges backends p1, p2, ... with these counts. */
function judge(rows: readonly Row[], settings: RatioSettings = usual, before: Baseline = noBaseline) {
  const subjects = rows.map(
    (row, index): Subject => ({
      id: backendId(`p${index + 1}`),
      role: (isRow(row) ? row[2] : undefined) ?? 'reference',
    }),
  );
  const readings = new Map(
    rows.map((row, index) => [
      backendId(`p${index + 1}`),
      isRow(row) ? { kind: 'counts' as const, bad: row[0], total: row[1] } : row,
    ]),
  );
  const { judgement, baseline } = judgeRatio(settings, subjects, readings, before, true);
  if (judgement.kind === 'unusable') throw new Error('counts are never unusable');
  const of = (kind: string) => [...judgement.verdicts].filter(([, verdict]) => verdict.kind === kind).map(([id]) => id);
  return {
    judgement,
    baseline,
    verdicts: judgement.verdicts,
    anomalous: of('anomalous'),
    insufficient: of('insufficient'),
  };
}

const many = (count: number, row: Row): readonly Row[] => Array.from({ length: count }, () => row);

describe('who fails more than the others', () => {
  it('is anomalous, and says so', () => {
    const { anomalous, verdicts } = judge([...many(9, [1, 100]), [30, 100]]);
    expect(anomalous).toEqual(['p10']);
    expect(verdicts.get(backendId('p10'))).toMatchObject({
      kind: 'anomalous',
      value: 30,
      bound: expect.closeTo(2.109, 3) as number,
      severity: expect.closeTo(14.2, 1) as number,
      reason: expect.stringMatching(
        /^30 of 100 are bad, 30 %, where 9 peers have 1\.054 % \(probability \d\.\de-\d+; bound 2\.1\d+ %\)$/,
      ) as string,
    });
  });
  it.each([
    ['one of three', 3, 1],
    ['two of five', 5, 2],
    ['four of ten', 10, 4],
    ['nine of twenty', 20, 9],
  ])('is found though others fail as well: %s', (_, size, bad) => {
    const { judgement, anomalous } = judge([...many(size - bad, [0, 100]), ...many(bad, [25, 100])]);
    expect(judgement.kind).toBe('judged');
    expect(anomalous).toHaveLength(bad);
  });
  it('is normal with fewer bad events than count', () => {
    expect(judge([...many(9, [0, 40]), [4, 40]]).anomalous).toEqual([]);
    expect(judge([...many(9, [0, 40]), [4, 40]], { ...usual, minBad: 3 }).anomalous).toEqual(['p10']);
  });
  it('is normal when the difference is sure, and does not matter', () => {
    expect(judge([...many(9, [1_000, 1_000_000]), [5_000, 1_000_000]]).anomalous).toEqual([]);
  });
  it('is normal when the difference may be chance', () => {
    expect(judge([...many(9, [3, 60]), [8, 60]]).anomalous).toEqual([]);
  });
  it('is never who fails less', () => {
    expect(judge([...many(9, [40, 100]), [0, 100]]).anomalous).toEqual([]);
  });
});

describe('nobody is anomalous', () => {
  it('with fewer than three that can be judged', () => {
    const { anomalous, insufficient } = judge([
      [0, 100],
      [90, 100],
      [20, 29],
    ]);
    expect([anomalous, insufficient]).toEqual([[], ['p3', 'p1', 'p2']]);
  });
  it('but who comes back is judged by two', () => {
    expect(judge([...many(2, [0, 100]), [0, 100, 'suspect']]).insufficient).toEqual(['p1', 'p2']);
    expect(judge([...many(2, [0, 100]), [20, 100, 'suspect']]).anomalous).toEqual(['p3']);
  });
  it('when all fail alike', () => {
    expect(judge(many(10, [50, 100])).anomalous).toEqual([]);
  });
  it('when more than half are suspect: that is fleet-wide', () => {
    const { judgement } = judge([...many(8, [0, 1_000]), ...many(12, [500, 1_000])]);
    expect(judgement.kind).toBe('fleet-wide');
  });
});

describe('a fleet that fails far more than it is known to', () => {
  const known = (level: number): Baseline => ({ level, agreements: 0 });
  const kindOf = (level: number, rows: readonly Row[]) => judge(rows, usual, known(level)).judgement.kind;

  it('is fleet-wide, and whoever fails more than is known is shown, whatever the others do', () => {
    const { judgement, verdicts, anomalous } = judge(
      [...many(6, [20, 100]), ...many(3, [60, 100]), [0, 100]],
      usual,
      known(0.001),
    );
    expect(judgement).toMatchObject({
      kind: 'fleet-wide',
      reason: expect.stringMatching(
        /^1\d\.\d+ % of the events are bad even where they are fewest, where 0\.1 % are known/,
      ),
    });
    expect(anomalous).toEqual(many(9, [0, 0]).map((_, index) => `p${index + 1}`));
    expect(verdicts.get(backendId('p7'))).toMatchObject({
      value: 60,
      bound: expect.closeTo(1.1, 9) as number,
      reason: expect.stringMatching(/^60 of 100 are bad, 60 %, where the fleet is known for 0\.1 % \(bound 1\.1 %\)$/),
    });
    expect(verdicts.get(backendId('p10'))).toMatchObject({ kind: 'normal', value: 0 });
  });
  it('finds none of those that a dependency hits harder', () => {
    const unequal = [...many(7, [20, 100]), ...many(3, [60, 100])];
    expect([judge(unequal).anomalous.length, judge(unequal).judgement.kind]).toEqual([3, 'judged']);
    expect(kindOf(0.001, unequal)).toBe('fleet-wide');
    expect(kindOf(0.2, unequal)).toBe('judged');
  });
  it.each([
    ['one of three', 3, 1],
    ['two of five', 5, 2],
    ['one of four', 4, 1],
    ['two of four', 4, 2],
    ['five of ten', 10, 5],
    ['nine of twenty', 20, 9],
  ])('is not one in which %s fail', (_, size, bad) => {
    for (const share of [5, 20, 60, 100]) {
      expect(kindOf(0.001, [...many(size - bad, [0, 100]), ...many(bad, [share, 100])])).toBe('judged');
    }
  });
  it.each([
    ['too little to matter', 0.0001, [20, 100_000]],
    ['less than twice as much', 0.05, [9, 100]],
    ['perhaps chance', 0.01, [1, 40]],
  ] as const)('is not one that fails %s', (_, level, row) => {
    expect(kindOf(level, many(5, row))).toBe('judged');
  });
  it('needs requests', () => {
    expect(kindOf(0.001, many(5, [20, 29]))).toBe('judged');
  });
  it('is seen with two that can be judged, though neither can be judged by the other', () => {
    expect(kindOf(0.001, many(2, [30, 100]))).toBe('fleet-wide');
  });
  it('is known from the first, though somebody is broken', () => {
    const level = (rows: readonly Row[], before = noBaseline) => judge(rows, usual, before).baseline.level;
    expect(level([...many(4, [1, 100]), [50, 100]])).toBeCloseTo(3.5 / 301, 9);
    expect(level([...many(4, [1, 100]), [50, 100]], known(0.5))).toBe(0.5);
    expect(level([[1, 100], ...many(2, [1, 20])])).toBeUndefined();
  });
});

it('who probes is judged by the others, and is no part of what they are judged by', () => {
  const { anomalous, judgement } = judge([...many(4, [1, 100]), ...many(6, [60, 100, 'suspect'])]);
  expect(judgement.kind).toBe('judged');
  expect(anomalous).toEqual(['p5', 'p6', 'p7', 'p8', 'p9', 'p10']);
});

it('who is out or young has no verdict, and what is no count says why', () => {
  const { verdicts } = judge([
    ...many(3, [0, 100]),
    [50, 100, 'excluded'],
    { kind: 'error', reason: 'two pods of this name' },
    { kind: 'insufficient', reason: 'no sample' },
  ]);
  expect([...verdicts].map(([id, { kind }]) => `${id} ${kind}`).toSorted()).toEqual([
    'p1 normal',
    'p2 normal',
    'p3 normal',
    'p5 error',
    'p6 insufficient',
  ]);
});

const fleet = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 200 }))
    .map(([bad, total]): Row => [Math.min(bad, total), total]),
  { minLength: 1, maxLength: 30 },
);

it('the order of the fleet decides nothing', () => {
  fc.assert(
    fc.property(fleet, fc.infiniteStream(fc.nat()), (rows, random) => {
      const shuffled = rows
        .map((row, index) => ({ row, index, key: random.next().value ?? 0 }))
        .toSorted((a, b) => a.key - b.key);
      const anomalousAt = (places: readonly number[], found: readonly string[]) =>
        found.map((id) => places[Number(id.slice(1)) - 1] ?? -1).toSorted((a, b) => a - b);
      const straight = judge(rows);
      const other = judge(shuffled.map(({ row }) => row));
      expect(
        anomalousAt(
          shuffled.map(({ index }) => index),
          other.anomalous,
        ),
      ).toEqual(
        anomalousAt(
          rows.map((_, index) => index),
          straight.anomalous,
        ),
      );
      expect(other.judgement.kind).toBe(straight.judgement.kind);
    }),
  );
});

it('nobody is anomalous who fails no more than the rest of the fleet', () => {
  fc.assert(
    fc.property(fleet, (rows) => {
      for (const id of judge(rows).anomalous) {
        const index = Number(id.slice(1)) - 1;
        const [bad, total] = rows[index] as readonly [number, number];
        const least = Math.min(...rows.map((row) => (isRow(row) && row[1] >= 30 ? row[0] / row[1] : 1)));
        expect(bad / total).toBeGreaterThan(2 * least);
      }
    }),
  );
});

it('a fleet that fails more since its last release is known for it in the end, though its pods differ', () => {
  const random = randomFrom(5);
  for (let fleets = 0; fleets < 10; fleets += 1) {
    const rates = Array.from({ length: 10 }, () => drawRate(random, 0.05, 0.0025));
    let known: Baseline = { level: 0.002, agreements: 0 };
    for (let time = 0; time < 2 * agreementsForWorseRate; time += 1) {
      known = judge(
        rates.map((rate): Row => [drawBinomial(random, 300, rate), 300]),
        usual,
        known,
      ).baseline;
    }
    expect(known.level).toBeGreaterThan(0.03);
  }
});

it('a healthy fleet has a false alarm in at most one window of twenty', () => {
  const random = randomFrom(7);
  const windows = 2_000;
  let alarms = 0;
  for (let window = 0; window < windows; window += 1) {
    const size = random.int(3, 30);
    const requests = random.pick([40, 100, 500]);
    const rate = random.pick([0.001, 0.01, 0.05]);
    // Rates that differ by half as much as the default assumes; drawn by mixing, which needs no gamma variates.
    const rows = Array.from({ length: size }, (): Row => {
      const own = rate * (1 + (random.chance(0.5) ? 1 : -1) * Math.sqrt(0.0025 * (1 / rate - 1)) * 0.5);
      const chance = Math.max(0, Math.min(1, own));
      let bad = 0;
      for (let request = 0; request < requests; request += 1) if (random.chance(chance)) bad += 1;
      return [bad, requests];
    });
    if (judge(rows).anomalous.length > 0) alarms += 1;
  }
  expect(alarms / windows).toBeLessThan(0.05);
});
