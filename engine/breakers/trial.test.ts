import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakerOf, countsOf } from '../../test/support/fixtures.ts';
import { backendId } from '../model.ts';
import type { Detector } from '../policy/policy.ts';
import { noBaseline } from './baseline.ts';
import { judge } from './judge.ts';
import { decisiveAt } from './sprt.ts';
import type { Subject } from './subject.ts';
import { beginTrial, type Trial } from './trial.ts';
import type { Verdict } from './verdict.ts';

type Pair = readonly [bad: number, total: number];

const ratio = { kind: 'ratio', bad: 'b', total: 't', minRequests: 30, minBad: 5, sensitivity: 0.005 } as const;
const probe = beginTrial(true, 0);
const id = backendId('p9');

interface Look {
  readonly verdict: Verdict | undefined;
  readonly trial: Trial | undefined;
  readonly probePercent: number | undefined;
}

/** p9 is on its way back, p1 to p3 are its peers. The window begins after the last that was counted unless said. */
function look(trial: Trial, suspect: Pair, peer: Pair = [0, 1_000], startMs = trial.countedToMs, breaker = {}): Look {
  const peers = ['p1', 'p2', 'p3'];
  const subjects: readonly Subject[] = [
    ...peers.map((name) => ({ id: backendId(name), role: 'reference' as const })),
    { id, role: 'suspect', trial },
  ];
  const evidence = countsOf({ ...Object.fromEntries(peers.map((name) => [name, peer])), p9: suspect });
  const window = { startMs, endMs: startMs + 60_000 };
  const { judgement } = judge(
    { breaker: breakerOf({ detector: ratio, ...breaker }), subjects, baseline: noBaseline, settled: true, window },
    evidence,
  );
  if (judgement.kind !== 'judged') throw new Error(judgement.kind);
  return {
    verdict: judgement.verdicts.get(id),
    trial: judgement.trials?.get(id),
    probePercent: judgement.probePercent,
  };
}

/** Windows one after the other; the last verdict. */
function looks(first: Trial, windows: readonly Pair[], peer?: Pair): Look {
  let [trial, last]: [Trial, Look | undefined] = [first, undefined];
  for (const window of windows) {
    last = look(trial, window, peer);
    trial = last.trial ?? trial;
  }
  if (last === undefined) throw new Error('nothing was looked at');
  return last;
}

const times = (count: number, pair: Pair): readonly Pair[] => Array.from({ length: count }, () => pair);

describe('a probe', () => {
  it('adds windows up until it is good', () => {
    expect(looks(probe, times(5, [0, 10])).verdict).toEqual({
      kind: 'insufficient',
      reason: '50 of about 58 requests since it probes, 0 bad (log-likelihood -2.578, good at -2.944, bad at 2.944)',
    });
    expect(looks(probe, times(6, [0, 10])).verdict).toMatchObject({ kind: 'normal', value: 0 });
  });
  it('is bad after a handful when half of them fail, far below what the ordinary test needs', () => {
    expect(looks(probe, [[1, 2]]).verdict?.kind).toBe('insufficient');
    expect(looks(probe, times(2, [1, 2])).verdict).toEqual({
      kind: 'anomalous',
      severity: expect.closeTo(23.75, 1) as number,
      value: 50,
      bound: expect.closeTo(2.105, 3) as number,
      reason:
        '2 of 4 are bad since it probes, 50 %, where the peers have 0.01666 % (log-likelihood 4.693, good at -2.944, bad at 2.944)',
    });
  });
  it('is measured by its peers, not by perfection', () => {
    const windows = times(6, [1, 10]);
    expect(looks(probe, windows, [0, 100]).verdict?.kind).toBe('anomalous');
    expect(looks(probe, windows, [10, 100]).verdict?.kind).toBe('normal');
  });
  it('is not convicted of a minute in which its peers failed as well', () => {
    const { trial } = look(probe, [4, 20], [200, 1_000]);
    expect(look(trial ?? probe, [0, 20], [0, 1_000]).verdict?.kind).toBe('normal');
    expect(look(probe, [4, 40], [0, 1_000]).verdict?.kind).toBe('anomalous');
  });
  it('is anomalous for the ordinary test, too, which knows smaller differences', () => {
    const { verdict, trial } = look(probe, [40, 2_000], [1, 2_000]);
    expect(trial?.logLikelihood).toBeLessThan(0);
    expect(verdict).toMatchObject({ kind: 'anomalous', value: 2 });
  });
  it('lives on no more credit than what made it good', () => {
    const { trial } = looks(probe, times(50, [0, 1_000]));
    expect(trial?.logLikelihood).toBe(-decisiveAt);
    expect(look(trial ?? probe, [4, 10]).verdict?.kind).toBe('anomalous');
  });
  it('is not judged where nobody says what is usual', () => {
    expect(look(probe, [0, 100], [0, 0]).verdict?.kind).toBe('insufficient');
    expect(look(probe, [3, 3], [0, 5]).trial).toBeUndefined();
  });
  it('is judged by peers that have too little each, but enough together', () => {
    expect(looks(probe, times(6, [0, 10]), [0, 10]).verdict?.kind).toBe('normal');
  });
});

describe('windows that overlap', () => {
  it('are not counted: the same events again are no further evidence', () => {
    const { trial } = look(probe, [0, 20]);
    for (const startMs of [0, 5_000, 59_999]) {
      const again = look(trial ?? probe, [0, 20], [0, 1_000], startMs);
      expect(again.trial).toEqual(trial);
      expect(again.verdict).toMatchObject({ kind: 'insufficient', reason: expect.stringMatching(/^20 of about 58/) });
    }
    expect(look(trial ?? probe, [0, 20], [0, 1_000], 60_000).trial).toMatchObject({ total: 40, countedToMs: 120_000 });
  });
  it('leave, however often and when one looks, no event counted twice', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(gaps, (gapsMs) => {
        // One event a second: a window of a minute tells 60, and n seconds can hold no more than n.
        let [trial, startMs] = [probe, 0];
        for (const gapMs of gapsMs) {
          startMs += gapMs;
          trial = look(trial, [0, 60], [0, 1_000], startMs).trial ?? trial;
          expect(trial.total).toBeLessThanOrEqual((startMs + 60_000) / 1_000);
        }
        expect(trial.total).toBeGreaterThanOrEqual(60);
      }),
    );
  });
});

describe('a step further up', () => {
  const step = beginTrial(false, 0);

  it('is judged by the ordinary test, over all that was counted where a window has too few', () => {
    expect(looks(step, times(2, [0, 12])).verdict).toEqual({ kind: 'insufficient', reason: '24 requests, needs 30' });
    expect(looks(step, times(3, [0, 12])).verdict?.kind).toBe('normal');
    expect(looks(step, times(3, [4, 12])).verdict?.kind).toBe('anomalous');
    expect(looks(step, [[2, 2]]).verdict?.kind).toBe('insufficient');
  });
  it('is judged by its window where that has enough: what was good before must not hide what is bad now', () => {
    const { trial } = looks(step, times(30, [0, 100]));
    expect(look(trial ?? step, [30, 100], [0, 1_000], 5_000).verdict?.kind).toBe('anomalous');
  });
});

describe('the weight of a probe', () => {
  it('is such that the test of a good one takes three windows', () => {
    expect(look(probe, [0, 1], [0, 1_000]).probePercent).toBeCloseTo((58 / 3 / 1_000) * 100, 9);
    expect(look(probe, [0, 1], [0, 100]).probePercent).toBeCloseTo((58 / 3 / 100) * 100, 9);
  });
  it('is enough for twice the activity that gives a say', () => {
    const detector: Detector = { kind: 'threshold', query: 'q', operator: '>', value: 5 };
    const { judgement } = judge(
      {
        breaker: breakerOf({ detector, activity: { query: 'a', min: 10 } }),
        subjects: ['p1', 'p2', 'p3'].map((name) => ({ id: backendId(name), role: 'reference' })),
        baseline: noBaseline,
        settled: true,
        window: { startMs: 0, endMs: 5_000 },
      },
      {
        ...countsOf({ p1: [0, 100], p2: [0, 200], p3: [0, 900] }),
        activity: countsOf({ p1: [100, 0], p2: [200, 0], p3: [900, 0] }).samples,
      },
    );
    expect(judgement).toMatchObject({ kind: 'judged', probePercent: 10 });
  });
});

it('a discrete value without a tolerance is tried in the same way', () => {
  const detector: Detector = {
    kind: 'discreteValueOutOfList',
    query: 'q',
    key: 'code',
    list: { kind: 'good', values: ['200'] },
    minActivity: 2,
  };
  const sample = (value: number) => [{ labels: { code: '200' }, value: { kind: 'number' as const, value } }];
  const byBackend = new Map(
    ['p1', 'p2', 'p3', 'p9'].map((name) => [backendId(name), sample(name === 'p9' ? 20 : 500)]),
  );
  const subjects: readonly Subject[] = [
    ...['p1', 'p2', 'p3'].map((name) => ({ id: backendId(name), role: 'reference' as const })),
    { id, role: 'suspect', trial: probe },
  ];
  const { judgement } = judge(
    {
      breaker: breakerOf({ detector }),
      subjects,
      baseline: noBaseline,
      settled: true,
      window: { startMs: 0, endMs: 1 },
    },
    { kind: 'samples', samples: { byBackend, ambiguous: new Map() } },
  );
  expect(judgement).toMatchObject({ kind: 'judged' });
  expect(judgement.kind === 'judged' && judgement.trials?.get(id)).toMatchObject({ total: 20, bad: 0 });
});
