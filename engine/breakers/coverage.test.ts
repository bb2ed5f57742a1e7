import { describe, expect, it } from 'vitest';
import { breakerOf, evidenceOf, type Values } from '../../test/support/world.ts';
import type { Sample } from '../metrics/source.ts';
import { backendId } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import { noBaseline } from './baseline.ts';
import { type Coverage, describeCoverage, isCovered } from './coverage.ts';
import { type Evidence, judge } from './judge.ts';
import type { Role, Subject } from './subject.ts';

describe('how many may be silent', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 4],
    [9, 8],
    [10, 8],
    [14, 12],
    [100, 80],
  ])('of %d it takes %d', (of, needed) => {
    expect(isCovered({ seen: needed, of })).toBe(true);
    expect(isCovered({ seen: needed - 1, of })).toBe(false);
  });
  it('nobody is no gap', () => expect(isCovered({ seen: 0, of: 0 })).toBe(true));
  it('is told with what it takes', () =>
    expect(describeCoverage({ seen: 3, of: 6 })).toBe('3 of 6 backends have data, it takes 5'));
});

describe('a breaker has seen', () => {
  const subjects = (roles: Readonly<Record<string, Role>>): readonly Subject[] =>
    Object.entries(roles).map(([name, role]) => ({ id: backendId(name), role }));
  const four = subjects({ p1: 'reference', p2: 'reference', p3: 'reference', p4: 'reference' });

  function seenBy(evidence: Evidence, breaker: Breaker = breakerOf(), among = four): Coverage | undefined {
    const window = { startMs: 5_000, endMs: 10_000 };
    const { judgement } = judge({ breaker, subjects: among, baseline: noBaseline, settled: true, window }, evidence);
    return judgement.kind === 'unusable' ? undefined : judgement.coverage;
  }
  const samples = (values: Values) => evidenceOf(values).samples;

  it('who has a series, whatever it says', () => {
    expect(seenBy(evidenceOf({ p1: 1, p2: 'NaN', p3: '+Inf' }))).toEqual({ seen: 3, of: 4 });
  });
  it('nobody of an empty answer, and says nothing of one that failed', () => {
    expect(seenBy(evidenceOf({}))).toEqual({ seen: 0, of: 4 });
    expect(seenBy({ kind: 'unusable', reason: 'timeout' })).toBeUndefined();
  });
  it('not whom it may mean: an ambiguous match is no data', () => {
    const { byBackend } = samples({ p1: 1, p2: 1, p3: 1, p4: 1 });
    const ambiguous = new Map([[backendId('p1'), 'fits several']]);
    expect(seenBy({ kind: 'samples', samples: { byBackend, ambiguous } })).toEqual({ seen: 3, of: 4 });
  });
  it('who is idle by its activity, without a value', () => {
    const breaker = breakerOf({ activity: { query: 'requests', min: 10 } });
    const activity = samples({ p1: 20, p2: 0, p3: 3 });
    expect(seenBy({ ...evidenceOf({ p1: 1 }), activity }, breaker)).toEqual({ seen: 3, of: 4 });
  });
  it('by the total of a ratio, not by its bad events', () => {
    const breaker = breakerOf({
      detector: { kind: 'ratio', bad: 'b', total: 't', minRequests: 30, minBad: 5, sensitivity: 0.005 },
    });
    expect(seenBy({ ...evidenceOf({ p1: 3 }), total: samples({ p1: 9, p2: 9, p3: 9, p4: 9 }) }, breaker)).toEqual({
      seen: 4,
      of: 4,
    });
    const bad = samples({ p1: 3, p2: 3, p3: 3, p4: 3 });
    expect(seenBy({ kind: 'samples', samples: bad, total: samples({ p1: 9 }) }, breaker)).toEqual({ seen: 1, of: 4 });
  });
  it('by the events that are split by a label', () => {
    const split: readonly Sample[] = ['200', '500'].map((code) => ({
      labels: { pod: 'p1', code },
      value: { kind: 'number', value: 9 },
    }));
    const detector = {
      kind: 'discreteValueOutOfList',
      query: 'q',
      key: 'code',
      list: { kind: 'bad', values: ['500'] },
      minActivity: 2,
    } as const;
    expect(seenBy(evidenceOf({ p1: split, p2: split }), breakerOf({ detector }))).toEqual({ seen: 2, of: 4 });
  });
  it('of a custom service whom it says anything of', () => {
    const breaker = breakerOf({ detector: { kind: 'customService', service: 'judge', port: 80 } });
    const evidence: Evidence = {
      kind: 'verdicts',
      verdicts: new Map([
        [backendId('p1'), { kind: 'normal', value: 0, bound: 1 }],
        [backendId('p2'), { kind: 'insufficient', reason: 'no requests' }],
        [backendId('p3'), { kind: 'insufficient', reason: 'not listed', unseen: true }],
      ]),
    };
    expect(seenBy(evidence, breaker)).toEqual({ seen: 2, of: 4 });
  });
  it('and counts those who serve, are ready and warm', () => {
    const roles = { p1: 'reference', p2: 'suspect', p3: 'excluded', p4: 'reference' } as const;
    expect(seenBy(evidenceOf({ p1: 1, p2: 1 }), breakerOf(), subjects(roles))).toEqual({ seen: 1, of: 2 });
  });
});
