import { describe, expect, it } from 'vitest';
import { backendOf, breakerOf, deviationOf, evidenceOf, type Value } from '../../test/support/world.ts';
import { groupKeyOf } from '../group-key.ts';
import { backendId } from '../model.ts';
import type { Detector } from '../policy/policy.ts';
import { type Baseline, noBaseline } from './baseline.ts';
import { judge } from './judge.ts';
import type { Role, Subject } from './subject.ts';
import { beginTrial } from './trial.ts';
import type { GroupJudgement } from './verdict.ts';

const window = { startMs: 0, endMs: 0 };

/** Values of the backends by version; those of `none` have no label. `a1` is the first of a. */
type Versions = Readonly<Record<string, readonly (Value | readonly [Role, Value])[]>>;

interface Options {
  readonly detector?: Detector;
  readonly baseline?: Baseline;
  readonly settle?: number;
  readonly settled?: boolean;
}

function look(versions: Versions, options: Options = {}) {
  const { detector = deviationOf({ maxDeviationPercent: 50 }), settle = 0, settled = true } = options;
  const values: Record<string, Value> = {};
  const subjects = Object.entries(versions).flatMap(([version, list]) =>
    list.map((item, index): Subject => {
      const name = `${version}${index + 1}`;
      const [role, value] = isWithRole(item) ? item : (['reference', item] as const);
      values[name] = value;
      const backend = backendOf(name, version === 'none' ? { labels: {} } : { labels: { version } });
      return { id: backendId(name), role, group: groupKeyOf(backend, ['version']) };
    }),
  );
  const breaker = breakerOf({ detector, groupBy: ['version'] });
  const baseline = options.baseline ?? noBaseline;
  const result = judge({ breaker, subjects, baseline, settled, settle, window }, evidenceOf(values));
  const { judgement } = result;
  if (judgement.kind === 'unusable') throw new Error(judgement.reason);
  const { verdicts, groups = [] } = judgement;
  return {
    judgement,
    baseline: result.baseline,
    kinds: Object.fromEntries([...verdicts].map(([id, { kind }]) => [id, kind])),
    reasonOf: (name: string) => {
      const verdict = verdicts.get(backendId(name));
      return verdict !== undefined && verdict.kind !== 'normal' ? verdict.reason : undefined;
    },
    group: (version: string) => groups.find(({ key }) => key === `version=${version}`) as GroupJudgement,
  };
}

function isWithRole(item: Value | readonly [Role, Value]): item is readonly [Role, Value] {
  return Array.isArray(item) && typeof item[0] === 'string';
}

const levels = (known: Readonly<Record<string, number>>): Baseline => ({
  agreements: 0,
  groups: new Map(Object.entries(known).map(([version, level]) => [`version=${version}`, { agreements: 0, level }])),
});

describe('a backend is compared with those of its group', () => {
  const canary = { stable: [100, 100, 100, 100], canary: [180, 180, 180, 180] };

  it('so a slower version is no outlier', () => {
    expect(new Set(Object.values(look(canary).kinds))).toEqual(new Set(['normal']));
  });
  it('and one that differs from its own version is found, although others are like it', () => {
    const { kinds, reasonOf } = look(
      { ...canary, canary: [180, 180, 180, 100] },
      { detector: deviationOf({ maxDeviationPercent: 40 }) },
    );
    expect(kinds).toMatchObject({ canary1: 'normal', canary4: 'anomalous', stable1: 'normal' });
    expect(reasonOf('canary4')).toBe(
      'in group version=canary: value 100 is 44.44 % below the median of 3 peers 180 and 44.44 % below the baseline 180 (allowed 40 %)',
    );
  });
  it('each with its own baseline', () => {
    expect(look(canary).baseline.groups).toEqual(
      new Map([
        ['version=canary', { level: 180, agreements: 0, seen: 0 }],
        ['version=stable', { level: 100, agreements: 0, seen: 0 }],
      ]),
    );
  });
});

describe('who cannot be judged says why', () => {
  it('a group of two is not pooled with the rest, however odd its backends are', () => {
    const { kinds, reasonOf } = look({ stable: [100, 100, 100], canary: [900, 900] });
    expect(kinds).toMatchObject({ canary1: 'insufficient', canary2: 'insufficient', stable1: 'normal' });
    expect(reasonOf('canary1')).toBe('its group version=canary has 2 of the 3 backends it needs');
  });
  it('a backend without the label', () => {
    const { kinds, reasonOf } = look({ stable: [100, 100, 100], none: [900, ['excluded', 900]] });
    expect(kinds).toEqual({ stable1: 'normal', stable2: 'normal', stable3: 'normal', none1: 'insufficient' });
    expect(reasonOf('none1')).toBe('no group: its pod has no label version');
  });
  it('nobody at all: every group is too small', () => {
    const { judgement } = look({ a: [1, 2], b: [3], c: [4] });
    expect(judgement).toMatchObject({
      kind: 'judged',
      reason: 'nobody is judged: the largest of 3 groups, version=a, has 2 of the 3 backends it needs',
    });
  });
  it('nobody at all: no pod has the label', () => {
    expect(look({ none: [1, 2, 3] }).judgement).toMatchObject({
      reason: 'nobody is judged: no group: its pod has no label version',
    });
  });
  it('nobody at all: they are all silent', () => {
    expect(look({ a: [undefined, 'NaN', undefined], b: [1] }).judgement).toMatchObject({
      reason: 'nobody is judged: group version=a: no sample',
    });
  });
  it('and while one group can be judged, nothing is said of all', () => {
    expect(look({ a: [1, 1, 1], b: [1] }).judgement).not.toHaveProperty('reason');
  });
});

describe('baselines', () => {
  it('of a group that vanished are forgotten, those of one that is small for a moment are not', () => {
    const { baseline } = look(
      { stable: [100, 100, 100], canary: [180] },
      { baseline: levels({ canary: 180, old: 70 }) },
    );
    expect([...(baseline.groups ?? [])].map(([key, { level }]) => [key, level])).toEqual([
      ['version=canary', 180],
      ['version=stable', 100],
    ]);
  });
  it('of a group that comes later begin after `settle` evaluations of its own', () => {
    let baseline = levels({ stable: 100 });
    const seen: (number | undefined)[] = [];
    for (const value of [900, 500, 180, 185]) {
      ({ baseline } = look({ stable: [100, 100, 100], canary: [value, value, value] }, { baseline, settle: 3 }));
      seen.push(baseline.groups?.get('version=canary')?.level);
    }
    expect(seen).toEqual([undefined, undefined, 180, 185]);
  });
});

describe('fleet-wide', () => {
  const baseline = levels({ stable: 100, canary: 180 });
  it('is a matter of the group that moved', () => {
    const { judgement, kinds, group } = look(
      { stable: [300, 300, 310, 300], canary: [180, 180, 900, 180] },
      { baseline },
    );
    expect(judgement.kind).toBe('judged');
    expect(group('stable')).toMatchObject({
      kind: 'fleet-wide',
      reason: 'the median of 4 backends, 300, is 200 % above the baseline 100 (allowed 50 %)',
    });
    expect(group('canary').kind).toBe('judged');
    expect(kinds).toMatchObject({ canary3: 'anomalous', canary1: 'normal', stable1: 'anomalous' });
  });
  it('is a matter of the fleet once every group that can be judged has moved', () => {
    const { judgement } = look({ stable: [300, 300, 300], canary: [900, 900, 900], new: [1] }, { baseline });
    expect(judgement).toMatchObject({
      kind: 'fleet-wide',
      reason:
        'group version=canary: the median of 3 backends, 900, is 400 % above the baseline 180 (allowed 50 %); so have 1 more of the groups',
    });
  });
});

describe('a group as a whole against the rest', () => {
  const four = (value: Value) => [value, value, value, value];
  const counts = (bad: number) => [bad, bad, bad, bad];

  it('by continuousValueDeviation: the medians, beyond the allowed deviation', () => {
    const { group, kinds } = look({ stable: [...four(100), ...four(100)], canary: four(160) });
    expect(new Set(Object.values(kinds))).toEqual(new Set(['normal']));
    expect(group('canary').againstRest).toEqual({
      kind: 'anomalous',
      severity: 1.2,
      value: 160,
      bound: 150,
      reason: 'the median of 4 backends 160 is 60 % above the median of the other 8 100 (allowed 50 %)',
    });
    expect(group('stable').againstRest.kind).toBe('insufficient');
  });
  it.each([
    ['Above', 160, 'anomalous'],
    ['Above', 40, 'normal'],
    ['Below', 160, 'normal'],
    ['Below', 40, 'anomalous'],
    ['Both', 150, 'normal'],
  ] as const)('with direction %s, %d is %s', (direction, value, kind) => {
    const detector = deviationOf({ maxDeviationPercent: 50, direction });
    expect(look({ a: four(100), b: four(value), c: four(100) }, { detector }).group('b').againstRest.kind).toBe(kind);
  });
  it('by outlier: so many standard errors, and minRatio times, away', () => {
    const detector: Detector = { kind: 'outlier', query: 'q', direction: 'Above', minRatio: 1.2 };
    const calm = [98, 99, 100, 100, 101, 102, 100, 100, 99, 101];
    const wild = [40, 60, 80, 100, 100, 120, 140, 160, 100, 100];
    expect(look({ stable: calm, canary: four(121) }, { detector }).group('canary').againstRest).toMatchObject({
      kind: 'anomalous',
      reason: 'the median of 4 backends, 121 is above 120: the median of the other 10 is 100',
    });
    expect(look({ stable: calm, canary: four(119) }, { detector }).group('canary').againstRest.kind).toBe('normal');
    expect(look({ stable: wild, canary: four(170) }, { detector }).group('canary').againstRest.kind).toBe('normal');
    expect(look({ stable: wild, canary: four(260) }, { detector }).group('canary').againstRest.kind).toBe('anomalous');
  });
  it('by outlier, with a rest of three or four: twice its median', () => {
    const detector: Detector = { kind: 'outlier', query: 'q', direction: 'Both', minRatio: 1.2 };
    const against = (value: number) =>
      look({ a: four(100), b: [value, value, value] }, { detector }).group('b').againstRest.kind;
    expect([199, 200, 51, 50].map(against)).toEqual(['normal', 'anomalous', 'normal', 'anomalous']);
  });
  it('cannot be told where the rest is zero, too small, smaller, has moved, or is not there', () => {
    const detector: Detector = { kind: 'outlier', query: 'q', direction: 'Both', minRatio: 1.2 };
    const reasonOf = ({ againstRest }: GroupJudgement) =>
      againstRest.kind === 'insufficient' ? againstRest.reason : againstRest.kind;
    expect(reasonOf(look({ a: four(0), b: [1, 1, 1] }, { detector }).group('b'))).toMatch(/no scale/);
    expect(reasonOf(look({ a: [1], b: [1] }).group('a'))).toBe('1 backends in the rest to compare with, needs 2');
    expect(reasonOf(look({ a: four(1), b: [1, 1, 1] }).group('a'))).toBe(
      'the rest, 3 backends, is smaller than the group itself',
    );
    expect(reasonOf(look({ a: four(1) }).group('a'))).toBe('the rest, 0 backends, is smaller than the group itself');
    const moved = look({ a: four(900), b: four(100) }, { baseline: levels({ a: 100, b: 100 }) });
    expect(reasonOf(moved.group('b'))).toBe('the rest, 0 backends, is smaller than the group itself');
    expect(moved.group('a').againstRest.kind).toBe('anomalous');
  });
  it('is told by most of the group, not by the few that answer first', () => {
    const { group } = look({ a: [...four(1), 1], b: [9, 9, undefined, undefined] });
    expect(group('b').againstRest).toEqual({
      kind: 'insufficient',
      reason: '2 of its 4 serving backends have data',
    });
  });
  it('is no difference where the rest shows 0: anything would be infinitely far from a rest that is idle', () => {
    // Not settled yet: a group known to show 0 has moved, and is no part of the rest.
    const { group } = look({ a: [...four(0), 0], b: four(100) }, { settle: 3 });
    expect(group('b').againstRest).toEqual({
      kind: 'insufficient',
      reason: 'the median of the backends is 0: there is no scale to measure by',
    });
  });
  it('leaves out who is on the way back, on either side', () => {
    const { group } = look({ a: [...four(100), ['suspect', 900]], b: [...four(100), ['suspect', 900]] });
    expect(group('b').againstRest).toMatchObject({ kind: 'normal', value: 100 });
  });

  describe('by ratio: the counts of the group together', () => {
    const detector: Detector = {
      kind: 'ratio',
      bad: 'bad',
      total: 'total',
      minRequests: 30,
      minBad: 5,
      sensitivity: 0.005,
    };
    function ratios(stable: readonly number[], canary: readonly number[], total = 1000) {
      const names = [...stable.map((_, i) => `stable${i}`), ...canary.map((_, i) => `canary${i}`)];
      const bad = [...stable, ...canary];
      const subjects = names.map((name): Subject => {
        const backend = backendOf(name, { labels: { version: name.replace(/\d+$/, '') } });
        return { id: backendId(name), role: 'reference', group: groupKeyOf(backend, ['version']) };
      });
      const samplesOf = (values: readonly number[]) =>
        evidenceOf(Object.fromEntries(names.map((name, index) => [name, values[index]]))).samples;
      const evidence = {
        kind: 'samples',
        samples: samplesOf(bad),
        total: samplesOf(names.map(() => total)),
      } as const;
      const breaker = breakerOf({ detector, groupBy: ['version'] });
      const { judgement } = judge({ breaker, subjects, baseline: noBaseline, settled: true, window }, evidence);
      if (judgement.kind === 'unusable') throw new Error(judgement.reason);
      return {
        canary: judgement.groups?.find(({ key }) => key === 'version=canary')?.againstRest,
        kinds: new Set([...judgement.verdicts.values()].map(({ kind }) => kind)),
      };
    }

    it('finds a version in which all fail alike, and accuses no single backend', () => {
      const { canary, kinds } = ratios([...counts(5), ...counts(5)], counts(60));
      expect(kinds).toEqual(new Set(['normal']));
      expect(canary).toMatchObject({
        kind: 'anomalous',
        value: 6,
        reason: expect.stringMatching(/^240 of 4000 are bad, 6 %, where 8 peers have 0\.5\d* % \(probability /),
      });
    });
    it('even where no single backend has the requests to be judged', () => {
      const { canary, kinds } = ratios([0, 0, 0, 0, 0], counts(5), 20);
      expect(kinds).toEqual(new Set(['insufficient']));
      expect(canary?.kind).toBe('anomalous');
    });
    it('lets a version differ as much as a pod may', () => {
      expect(ratios([...counts(50), ...counts(50)], counts(60)).canary?.kind).toBe('normal');
      expect(ratios([...counts(5), ...counts(5)], counts(9)).canary?.kind).toBe('normal');
    });
    it('takes no chance for a difference: twice the share in a few requests', () => {
      const stable = counts(2);
      expect(ratios([...stable, ...stable], [4, 4, 4, 5], 30).canary).toMatchObject({
        kind: 'normal',
      });
      expect(ratios([...stable, ...stable], [8, 8, 8, 10], 30).canary?.kind).toBe('anomalous');
    });
    it('needs requests on both sides', () => {
      expect(ratios([0, 0, 0, 0], counts(1), 2).canary).toEqual({
        kind: 'insufficient',
        reason: '8 requests, needs 30',
      });
    });
  });
});

it('with onNoData: Healthy the groups are still told', () => {
  const subjects = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'].map((name): Subject => {
    return { id: backendId(name), role: 'reference', group: { kind: 'known', key: 'version=a' } };
  });
  const breaker = breakerOf({ detector: deviationOf(), groupBy: ['version'], onNoData: 'Healthy' });
  const context = { breaker, subjects, baseline: levels({ a: 1 }), settled: true, window };
  const { judgement } = judge(context, evidenceOf({ a1: 1, a2: 1, a3: 1, a4: 1, a5: 1 }));
  expect(judgement).toMatchObject({ kind: 'judged', groups: [{ key: 'version=a' }] });
});

it('a detector that compares nobody judges as without groups', () => {
  const detector: Detector = { kind: 'threshold', query: 'q', operator: '>', value: 5 };
  expect(look({ a: [9], none: [9, 1] }, { detector })).toMatchObject({
    judgement: { kind: 'judged' },
    kinds: { a1: 'anomalous', none1: 'anomalous', none2: 'normal' },
  });
});

describe('those on their way back, where events are counted', () => {
  const detector: Detector = {
    kind: 'ratio',
    bad: 'bad',
    total: 'total',
    minRequests: 30,
    minBad: 5,
    sensitivity: 0.005,
  };
  const earlier = { ...beginTrial(true, 0), total: 7 };
  const of = (version: string, index: number, role: Role = 'reference'): Subject => ({
    id: backendId(`${version}${index}`),
    role,
    group: { kind: 'known', key: `version=${version}` },
    ...(role === 'suspect' ? { trial: earlier } : {}),
  });
  const subjects = [of('a', 1), of('a', 2), of('a', 3, 'suspect'), of('b', 1), of('b', 2), of('b', 3, 'suspect')];

  it('are counted in their group; where that cannot be, what was counted before stays', () => {
    const totals = { a1: 1000, a2: 1000, a3: 50, b1: 1, b2: 1, b3: 50 };
    const evidence = {
      kind: 'samples',
      samples: evidenceOf({}).samples,
      total: evidenceOf(totals).samples,
    } as const;
    const breaker = breakerOf({ detector, groupBy: ['version'] });
    const context = { breaker, subjects, baseline: noBaseline, settled: true, window: { startMs: 1, endMs: 2 } };
    const { judgement } = judge(context, evidence);
    if (judgement.kind !== 'judged') throw new Error(judgement.kind);
    expect(judgement.trials?.get(backendId('a3'))).toMatchObject({ total: 57 });
    expect(judgement.trials?.get(backendId('b3'))).toEqual(earlier);
    expect(judgement.probePercent).toBeGreaterThan(0);
  });
});

it('who went out with its whole group is judged by the rest', () => {
  const stable = Array.from(
    { length: 5 },
    (_, index): Subject => ({
      id: backendId(`s${index}`),
      role: 'reference',
      group: { kind: 'known', key: 'version=stable' },
    }),
  );
  const canary = (role: Role, isOutWithGroup: boolean, name: string): Subject => ({
    id: backendId(name),
    role,
    group: { kind: 'known', key: 'version=canary' },
    ...(isOutWithGroup ? { isOutWithGroup } : {}),
  });
  const kindOf = (value: number, isOutWithGroup: boolean) => {
    const subjects = [
      ...stable,
      canary('suspect', isOutWithGroup, 'c1'),
      canary('excluded', isOutWithGroup, 'c2'),
      canary('excluded', isOutWithGroup, 'c3'),
    ];
    const breaker = breakerOf({ detector: deviationOf(), groupBy: ['version'] });
    const evidence = evidenceOf({ ...Object.fromEntries(stable.map(({ id }) => [id, 100])), c1: value });
    const baseline = levels({ stable: 100, canary: 400 });
    const { judgement, baseline: after } = judge({ breaker, subjects, baseline, settled: true, window }, evidence);
    expect(after.groups?.get('version=canary')?.level).toBe(400);
    return judgement.kind === 'judged' ? judgement.verdicts.get(backendId('c1'))?.kind : judgement.kind;
  };
  expect([kindOf(400, false), kindOf(400, true), kindOf(100, true)]).toEqual(['normal', 'anomalous', 'normal']);
});
