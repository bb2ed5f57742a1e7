import { describe, expect, it } from 'vitest';
import { type Answer, type ContenderRecording, type View, verdicts } from './recording.ts';
import type { Fault, Scenario } from './scenario.ts';
import { scoreOf } from './score.ts';

const well = { zone: 'a', version: 'v1', joinsAtS: 0, errorShare: 0 };
const fault: Fault = { blame: 'pod', pods: [0], fromS: 10, untilS: 30, symptoms: { errorShare: 1 } };
const scenario: Scenario = {
  ...{
    name: 'test',
    title: '',
    story: '',
    lesson: '',
    requestsPerSecond: 1,
    envoys: 1,
    lengthS: 60,
    acts: [],
    policy: {},
  },
  pods: [well, well, well, well],
  faults: [fault],
};
const view = (atS: number, shares: View['shares'], envoy = 0): View => ({ atMs: atS * 1000, envoy, shares });
const all = [1, 1, 1, 1];
const seen = (...views: readonly View[]): ContenderRecording => ({ answers: [], views });
const score = (recording: ContenderRecording, change: Partial<Scenario> = {}): ReturnType<typeof scoreOf> =>
  scoreOf({ ...scenario, ...change }, recording);

describe('answers', () => {
  it('are bad unless they are good', () => {
    const answers = verdicts.map((_, verdict): Answer => [0, 0, verdict]);
    expect(score({ answers, views: [view(0, all)] })).toMatchObject({ answers: 5, bad: 4, badPercent: 80, slow: 1 });
  });

  it('that nobody gave are no share of anything', () => {
    expect(score(seen(view(0, all)))).toMatchObject({ answers: 0, bad: 0, badPercent: 0 });
  });
});

describe('a broken pod', () => {
  const out = view(13, [0, 1, 1, 1]);

  it('is taken out so long after its fault', () => {
    expect(score(seen(view(0, all), out))).toMatchObject({ broken: 1, ejected: 1, secondsToEject: 3 });
  });

  it('that stays in is told, and has no time', () => {
    expect(score(seen(view(0, all)))).toMatchObject({ broken: 1, ejected: 0, secondsToEject: null });
  });

  it('of several counts by the last that was found', () => {
    const both = { faults: [{ ...fault, pods: [0, 1] }] };
    expect(score(seen(view(0, all), out, view(15, [0, 0, 1, 1])), both)).toMatchObject({
      ejected: 2,
      secondsToEject: 5,
    });
  });

  it('that was out before it broke, and is when it breaks again, was found when it was', () => {
    const again = { faults: [fault, { ...fault, fromS: 40, untilS: 50 }] };
    expect(score(seen(view(0, all), out, view(45, all)), again)).toMatchObject({ broken: 1, secondsToEject: 3 });
  });

  it('costs nothing while it is broken, and capacity when it is well and not in full use', () => {
    const recording = seen(view(0, all), out, view(35, [0.25, 1, 1, 1]), view(39, all));
    // Out from 30 to 35, a quarter from 35 to 39.
    expect(score(recording).healthySecondsLost).toBeCloseTo(5 + 3);
    expect(score(recording).secondsToRecover).toBeCloseTo(9);
  });

  it('that is not back at the end has not recovered', () => {
    expect(score(seen(view(0, all), out)).secondsToRecover).toBeNull();
  });
});

describe('a false ejection', () => {
  const wrong = view(20, [1, 0, 1, 1]);

  it('is that of a pod that is not broken, and lasts until it is asked again', () => {
    expect(score(seen(view(0, all), wrong, view(24, [1, 0.05, 1, 1])))).toMatchObject({
      falseEjections: 1,
      longestFalseSeconds: 4,
    });
  });

  it('is counted for each proxy that errs, and takes nobody out while most of them do not', () => {
    const two = seen(view(0, all), view(0, all, 1), view(0, all, 2), wrong, view(21, [1, 0, 1, 1], 1));
    expect(score(two)).toMatchObject({ falseEjections: 2, minServing: 3 });
    expect(score(seen(view(0, all), view(0, all, 1), wrong))).toMatchObject({ falseEjections: 1, minServing: 4 });
  });

  it('is not that of a pod that was broken a moment ago, but it is one long after', () => {
    expect(score(seen(view(0, all), view(34, [0, 1, 1, 1]))).falseEjections).toBe(0);
    expect(score(seen(view(0, all), view(50, [0, 1, 1, 1]))).falseEjections).toBe(1);
  });

  it('is that of a pod which fails with all others, or is only cold', () => {
    for (const blame of ['shared', 'cold'] as const) {
      const recording = seen(view(0, all), view(13, [0, 1, 1, 1]));
      expect(score(recording, { faults: [{ ...fault, blame }] })).toMatchObject({ broken: 0, falseEjections: 1 });
    }
  });
});

describe('the fewest that serve', () => {
  it('are those that nobody took out, of those that are there', () => {
    const joining = { pods: [well, well, well, { ...well, joinsAtS: 20 }] };
    const recording = seen(view(0, [1, 1, 1, null]), view(12, [0, 1, 1, null]), view(20, [0, 1, 1, 1]));
    expect(score(recording, joining)).toMatchObject({ minServing: 2, floor: 2 });
  });

  it('count those that have a part of their traffic', () => {
    expect(score(seen(view(0, all), view(12, [0.05, 0, 1, 1]))).minServing).toBe(3);
  });
});
