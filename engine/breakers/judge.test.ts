import { describe, expect, it } from 'vitest';
import { breakerOf, deviationOf, evidenceOf, samplesOf, type Values } from '../../test/support/world.ts';
import { backendId } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import { noBaseline } from './baseline.ts';
import { type Evidence, judge } from './judge.ts';
import type { Role, Subject } from './subject.ts';
import type { Verdict } from './verdict.ts';

const samplesIn = (values: Values) => evidenceOf(values).samples;

/** Nobody here is on its way back. */
const window = { startMs: 0, endMs: 5_000 };

function subjects(count: number, but: Readonly<Record<string, Role>> = {}): readonly Subject[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `p${index + 1}`;
    return { id: backendId(name), role: but[name] ?? 'reference' };
  });
}

function kindsOf(change: Partial<Breaker>, who: readonly Subject[], evidence: Evidence) {
  const context = { breaker: breakerOf(change), subjects: who, baseline: noBaseline, settled: true, window };
  const { judgement } = judge(context, evidence);
  if (judgement.kind === 'unusable') return judgement;
  return Object.fromEntries([...judgement.verdicts].map(([id, verdict]) => [id, verdict.kind]));
}

describe('evidence that cannot be used', () => {
  it('judges nobody and leaves the baseline alone', () => {
    const baseline = { level: 7, agreements: 3 };
    const context = { breaker: breakerOf(), subjects: subjects(3), baseline, settled: true, window };
    expect(judge(context, { kind: 'unusable', reason: 'timeout' })).toEqual({
      judgement: { kind: 'unusable', reason: 'timeout' },
      baseline,
    });
  });
});

describe('a threshold in two windows', () => {
  const breaker = breakerOf({
    detector: { kind: 'threshold', query: 'q', longQuery: 'l', operator: '>', value: 5 },
    suspectLookbackMs: 1_000,
  });
  const judged = (who: readonly Subject[], short: Values, long?: Values) => {
    const evidence = { ...evidenceOf(short), ...(long === undefined ? {} : { long: samplesIn(long) }) };
    const { judgement } = judge({ breaker, subjects: who, baseline: noBaseline, settled: true, window }, evidence);
    return judgement.kind === 'judged' ? judgement.verdicts.get(backendId('p1')) : undefined;
  };
  it.each([
    ['the short one', { p1: undefined }, { p1: 9 }, 'no sample'],
    ['the long one', { p1: 9 }, { p1: undefined }, 'longQuery: no sample'],
    ['the long one, which is NaN', { p1: 9 }, { p1: 'NaN' }, 'longQuery: value is NaN'],
    ['the long one, which was not asked', { p1: 9 }, undefined, 'longQuery: not asked'],
  ] as const)('without a value of %s is insufficient', (_, short, long, reason) => {
    expect(judged(subjects(1), short, long)).toEqual({ kind: 'insufficient', reason });
  });
  it('judges a suspect by the short one alone, and says how far that looked back', () => {
    const suspect = subjects(1, { p1: 'suspect' });
    expect(judged(suspect, { p1: 4 }, { p1: 9 })).toMatchObject({ kind: 'normal', lookbackMs: 1_000 });
    expect(judged(suspect, { p1: 9 })).toMatchObject({ kind: 'anomalous', lookbackMs: 1_000 });
    expect(judged(subjects(1), { p1: 4 }, { p1: 9 })).not.toHaveProperty('lookbackMs');
  });
});

describe('who is judged', () => {
  it('references and suspects, never the excluded nor anybody else', () => {
    const who = subjects(3, { p2: 'suspect', p3: 'excluded' });
    expect(kindsOf({}, who, evidenceOf({ p1: 0, p2: 9, p3: 9, stranger: 9 }))).toEqual({
      p1: 'normal',
      p2: 'anomalous',
    });
  });
  it.each([
    [undefined, 'insufficient'],
    ['NaN', 'insufficient'],
    ['+Inf', 'insufficient'],
    ['-Inf', 'insufficient'],
    ['histogram', 'error'],
    [[...samplesOf('p1', 9), ...samplesOf('p1', 9)], 'error'],
  ] as const)('a value of %s is %s', (value, kind) => {
    expect(kindsOf({}, subjects(1), evidenceOf({ p1: value }))).toEqual({ p1: kind });
  });
  it('for discrete values too, an ambiguous match is an error and silence is insufficient', () => {
    const detector = {
      kind: 'discreteValueOutOfList',
      query: 'q',
      key: 'code',
      list: { kind: 'good', values: ['200'] },
      tolerancePercent: 50,
      minActivity: 2,
    } as const;
    const bad = { labels: { code: '500' }, value: { kind: 'number', value: 9 } } as const;
    const evidence: Evidence = {
      kind: 'samples',
      samples: {
        byBackend: new Map([
          [backendId('p1'), [bad]],
          [backendId('p2'), [bad]],
        ]),
        ambiguous: new Map([[backendId('p2'), 'two pods of this name']]),
      },
    };
    expect(kindsOf({ detector }, subjects(3), evidence)).toEqual({
      p1: 'anomalous',
      p2: 'error',
      p3: 'insufficient',
    });
  });
});

describe('activity: a sample counts only if the backend did that much', () => {
  const activity = { query: 'requests', min: 10 };
  const evidence = (values: Values, done?: Values): Evidence => ({
    ...evidenceOf(values),
    ...(done === undefined ? {} : { activity: samplesIn(done) }),
  });

  it('at least min counts, less does not', () => {
    expect(kindsOf({ activity }, subjects(2), evidence({ p1: 9, p2: 9 }, { p1: 10, p2: 9.9 }))).toEqual({
      p1: 'anomalous',
      p2: 'insufficient',
    });
  });
  it('unknown activity does not', () => {
    expect(kindsOf({ activity }, subjects(2), evidence({ p1: 9, p2: 9 }, { p1: 'NaN' }))).toEqual({
      p1: 'insufficient',
      p2: 'insufficient',
    });
    expect(kindsOf({ activity }, subjects(1), evidence({ p1: 9 }))).toEqual({ p1: 'insufficient' });
  });
  it('ambiguous activity is an error', () => {
    const twice = [...samplesOf('p1', 50), ...samplesOf('p1', 50)];
    expect(kindsOf({ activity }, subjects(1), evidence({ p1: 9 }, { p1: twice }))).toEqual({ p1: 'error' });
  });
  it('the idle are no reference for the others', () => {
    const change = { activity, detector: deviationOf() };
    const values = { p1: 100, p2: 100, p3: 0, p4: 0, p5: 0 };
    const done = { p1: 99, p2: 99, p3: 0, p4: 0, p5: 0 };
    expect(kindsOf(change, subjects(5), evidence(values, done))).toEqual({
      p1: 'insufficient',
      p2: 'insufficient',
      p3: 'insufficient',
      p4: 'insufficient',
      p5: 'insufficient',
    });
  });
});

describe('a custom service', () => {
  const detector = { kind: 'customService', service: 'judge', port: 8080 } as const;
  const anomalous: Verdict = { kind: 'anomalous', severity: 2, value: 1, bound: 0, reason: 'said so' };

  it('gives verdicts; who is not in its answer has none', () => {
    const verdicts = new Map([
      [backendId('p1'), anomalous],
      [backendId('stranger'), anomalous],
    ]);
    expect(kindsOf({ detector }, subjects(2), { kind: 'verdicts', verdicts })).toEqual({
      p1: 'anomalous',
      p2: 'insufficient',
    });
  });
  it('gives no samples', () => {
    expect(kindsOf({ detector }, subjects(1), evidenceOf({ p1: 9 }))).toMatchObject({ kind: 'unusable' });
  });
});

describe('onNoData', () => {
  const clears = (onNoData: Breaker['onNoData'], who: readonly Subject[], values: Values) => {
    const context = { breaker: breakerOf({ onNoData }), subjects: who, baseline: noBaseline, settled: true, window };
    const { judgement } = judge(context, evidenceOf(values));
    if (judgement.kind !== 'judged') throw new Error(judgement.kind);
    return [...judgement.verdicts].filter(([, verdict]) => 'clearsStreak' in verdict).map(([id]) => String(id));
  };
  const four = { p1: 0, p2: 9, p3: 0, p4: 0 };

  it('Hold: silence changes nothing', () => {
    expect(clears('Hold', subjects(5), four)).toEqual([]);
  });
  it('Healthy: silence clears a streak while 80 % of the fleet is seen', () => {
    expect(clears('Healthy', subjects(5), four)).toEqual(['p5']);
  });
  it('Healthy: not below 80 %, then it is the metrics that are broken', () => {
    expect(clears('Healthy', subjects(6), four)).toEqual([]);
  });
  it('Healthy: never for a suspect, for whom silence is no evidence', () => {
    expect(clears('Healthy', subjects(5, { p5: 'suspect' }), four)).toEqual([]);
  });
  it('Healthy: an error is not silence', () => {
    expect(clears('Healthy', subjects(5), { ...four, p5: 'histogram' })).toEqual([]);
  });
});
