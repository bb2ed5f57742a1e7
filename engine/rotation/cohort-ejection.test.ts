import { describe, expect, it } from 'vitest';
import {
  backendOf,
  breakerOf,
  deviationOf,
  policyOf,
  type PolicyChange,
  type World,
  world,
} from '../../test/support/world.ts';

const errors = breakerOf();
const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 'seconds', operator: '>', value: 5 } });

/** p1..p3 of version v2, the rest of v1. */
function canary(change: PolicyChange = {}, size = 10): World {
  const fleet = Array.from({ length: size }, (_, index) => {
    const name = `p${String(index + 1).padStart(2, '0')}`;
    return backendOf(name, { labels: { 'pod-template-hash': index < 3 ? 'v2' : 'v1' } });
  });
  return world({ fleet, policy: policyOf(change) });
}

const v2 = ['p01', 'p02', 'p03'] as const;

describe('onCohort: Report', () => {
  it('takes nobody of a bad version out, and says which version', () => {
    const w = canary();
    w.evaluations(5, w.bad(...v2));
    expect([w.out(), w.held('p01')]).toEqual([[], 'cohort']);
    const held = w.effects.filter((effect) => effect.kind === 'held');
    expect(held).toHaveLength(3);
    expect(held[0]).toMatchObject({ cause: 'cohort', detail: 'version v2: 3 of 3 flagged', reason: 'value 9 > 5' });
  });
  it('is what a policy of an older version means', () => {
    const { onCohort: _, ...older } = policyOf().budget;
    const w = canary({ budget: older });
    w.evaluations(5, w.bad(...v2));
    expect(w.out()).toEqual([]);
  });
  it('does not hold one that is bad alone, nor one of the rest', () => {
    const w = canary({ budget: { maxEjectedPercent: 50 } });
    w.evaluations(2, w.bad('p01'));
    expect(w.out()).toEqual(['p01']);
    const mixed = canary({ budget: { maxEjectedPercent: 50 } }, 20);
    mixed.evaluations(2, mixed.bad(...v2, 'p04'));
    expect(mixed.out()).toEqual(['p01', 'p02', 'p03']);
  });
  it('lets go who is bad beside a bad cohort', () => {
    const fleet = Array.from({ length: 12 }, (_, index) => backendOf(`p${index}`, { zone: index < 5 ? 'a' : 'b' }));
    const w = world({ fleet, policy: policyOf() });
    w.evaluations(2, w.bad('p0', 'p1', 'p2', 'p3', 'p9'));
    expect([w.out(), w.held('p0'), w.held('p9')]).toEqual([['p9'], 'cohort', undefined]);
  });
  it('leaves out who went before it was known: it deviated from its peers and from the past, and its place is out', () => {
    const w = canary({ activator: { periodMs: 600_000 } });
    w.evaluations(2, w.bad('p01'));
    w.evaluations(9, w.bad('p02', 'p03'));
    expect([w.out(), w.held('p02')]).toEqual([['p01'], 'cohort']);
    expect(w.decision('p01')).toMatchObject({ state: 'ejected', returning: { kind: 'evidence' } });
  });
  it('does not stop a probe that fails from going out again', () => {
    const w = canary();
    w.evaluations(2, w.bad('p01'));
    w.pass(30_000);
    expect(w.stateOf('p01')).toBe('probing');
    w.evaluate(w.bad(...v2));
    expect(w.decision('p01')).toMatchObject({ state: 'ejected', retries: 1 });
    expect([w.held('p01'), w.held('p02')]).toEqual([undefined, undefined]);
    w.evaluate(w.bad('p02', 'p03'));
    expect(w.held('p02')).toBe('cohort');
  });
  it('gives way to holdAbovePercent', () => {
    const fleet = Array.from({ length: 6 }, (_, index) => backendOf(`p${index}`, { zone: index < 4 ? 'a' : 'b' }));
    const w = world({ fleet, policy: policyOf() });
    w.evaluations(2, w.bad('p0', 'p1', 'p2', 'p3'));
    expect(w.held('p0')).toBe('hold-above');
    w.evaluations(2, w.bad('p0', 'p1', 'p2'));
    expect(w.held('p0')).toBe('cohort');
  });
  it('is over when those who are bad have nothing in common any more', () => {
    const w = canary();
    w.evaluations(3, w.bad(...v2));
    w.evaluations(3, w.bad('p01'));
    expect(w.out()).toEqual(['p01']);
  });
});

describe('onCohort: EjectWithinBudget', () => {
  const whole = (change: PolicyChange = {}, size = 10) =>
    canary({ ...change, budget: { onCohort: 'EjectWithinBudget', ...change.budget } }, size);
  const why = (w: World, name: string) => {
    const cause = w.decision(name)?.cause;
    return cause?.kind === 'breaker' ? cause : undefined;
  };
  const staysIn = (w: World, name = 'p01') =>
    [...w.state.enforced.held.values()].find(({ detail }) => detail !== undefined && w.held(name) === 'cohort')?.detail;

  it('takes a bad version out as a whole, once it is confirmed', () => {
    const w = whole();
    w.evaluate(w.bad(...v2));
    expect(w.out()).toEqual([]);
    w.evaluate(w.bad(...v2));
    expect(w.out()).toEqual(v2);
    expect(w.state.enforced.held.size).toBe(0);
    expect(w.effects.map((effect) => effect.kind === 'transition' && effect.why)).toEqual([
      'cohort',
      'cohort',
      'cohort',
    ]);
    expect(why(w, 'p01')).toMatchObject({
      breaker: 'errors',
      cohort: 'version v2',
      value: 9,
      reason: 'value 9 > 5; with version v2: 3 of 3 flagged',
      budget: '0 of 10 not serving, at most 3 may be by maxEjectedPercent (floor 5)',
    });
  });
  it('also those of it that are not flagged, without a strike', () => {
    const w = whole();
    w.evaluations(2, w.bad('p01', 'p02'));
    expect(w.out()).toEqual(v2);
    expect(why(w, 'p03')).toMatchObject({
      cohort: 'version v2',
      value: expect.closeTo(66.7, 1) as number,
      bound: 50,
      reason: 'not flagged itself; with version v2: 2 of 3 flagged',
      streak: { anomalous: 0 },
    });
    expect(w.decision('p03')?.retries).toBe(0);
  });
  it('together with who went before it was known', () => {
    const w = whole({ activator: { periodMs: 600_000 } });
    w.evaluations(2, w.bad('p01'));
    w.evaluations(2, w.bad('p02', 'p03'));
    expect([w.out(), why(w, 'p01')?.cohort]).toEqual([v2, 'version v2']);
  });
  it('not when half of it is flagged only for a moment', () => {
    const w = whole();
    w.evaluate(w.bad('p01'));
    w.evaluate(w.bad('p01', 'p02'));
    expect([w.out(), staysIn(w)]).toEqual([
      [],
      'version v2: 2 of 3 flagged; it stays in as a whole: too few of the flags are confirmed',
    ]);
  });
  it.each([
    ['the budget', { maxEjectedPercent: 20 }, '3 more would be out, the budget has 2 left'],
    ['the floor', { minAvailableCount: 8 }, '3 more would be out, the budget has 2 left'],
    ['the velocity', { velocity: { count: 2, percent: 0 } }, '3 would go, the velocity has 2 left'],
  ])('not when it does not fit %s: all of it or nobody', (_, budget, obstacle) => {
    const w = whole({ budget });
    w.evaluations(5, w.bad(...v2));
    expect(w.out()).toEqual([]);
    expect(staysIn(w)).toBe(`version v2: 3 of 3 flagged; it stays in as a whole: ${obstacle}`);
  });
  it('not when others went a moment ago: the velocity counts each', () => {
    const w = whole({ budget: { maxEjectedPercent: 50 } }, 20);
    w.evaluations(2, w.bad('p09'));
    w.evaluations(90, w.all(0));
    expect(w.out()).toEqual([]);
    w.evaluations(5, w.bad(...v2));
    expect(staysIn(w)).toMatch(/3 would go, the velocity has 2 left$/);
  });
  it('not beyond what all Services together may eject in a minute', () => {
    const w = whole();
    w.context = { ...w.context, globalVelocity: 2 };
    w.evaluations(5, w.bad(...v2));
    expect(staysIn(w)).toMatch(/3 would go, maxEjectionsPerMinute has 2 left$/);
  });
  it('not while one of the rest is flagged', () => {
    const fleet = Array.from({ length: 20 }, (_, index) =>
      backendOf(`p${index + 10}`, { zone: index < 4 ? 'a' : 'b' }),
    );
    const budget = { onCohort: 'EjectWithinBudget', velocity: { count: 9, percent: 0 } } as const;
    const w = world({ fleet, policy: policyOf({ budget }) });
    w.evaluate(w.bad('p10', 'p11', 'p12', 'p13'));
    w.evaluate(w.bad('p10', 'p11', 'p12', 'p13', 'p29'));
    expect([w.out(), staysIn(w, 'p10')]).toEqual([
      [],
      'zone a: 4 of 4 flagged; it stays in as a whole: 1 of the rest are flagged, too',
    ]);
  });
  it('not unless most of the rest are judged normal: it might be the healthy half', () => {
    const w = whole();
    const silent = Object.fromEntries(['p04', 'p05'].map((name) => [name, undefined]));
    w.evaluations(5, { ...w.bad(...v2), ...silent });
    expect([w.out(), staysIn(w)]).toEqual([
      [],
      'version v2: 3 of 3 flagged; it stays in as a whole: 5 of the 7 others that serve are judged normal, it takes 80 %',
    ]);
    w.evaluate({ ...w.bad(...v2), p04: undefined });
    expect(w.out()).toEqual(v2);
  });
  it('not while nothing can be written down, nor while the policy settles', () => {
    const w = whole();
    w.context = { ...w.context, canReduce: false };
    w.evaluations(5, w.bad(...v2));
    expect([w.out(), w.held('p01')]).toEqual([[], 'store-down']);
    const settling = whole({ settle: 9 });
    settling.evaluations(9, settling.bad(...v2));
    expect([settling.out(), settling.held('p01')]).toEqual([[], 'settling']);
  });
  it('only on the word of a breaker that accuses it', () => {
    const w = whole({ breakers: [errors, slow] });
    w.context = { ...w.context, globalVelocity: 0 };
    w.evaluations(2, w.bad(...v2), 'errors');
    w.context = { ...w.context, globalVelocity: 9 };
    w.evaluateNow(w.all(0), 'slow');
    expect(staysIn(w)).toMatch(/its breaker has not spoken again yet$/);
    w.evaluateNow(w.bad(...v2), 'errors');
    expect(w.out()).toEqual(v2);
  });
  it('an observing breaker would have', () => {
    const w = whole({ breakers: [breakerOf({ enforcement: 'Observe' })] });
    w.evaluations(2, w.bad(...v2));
    expect([w.out(), w.out('shadow')]).toEqual([[], v2]);
  });

  describe('and back', () => {
    /** Advances until somebody probes. */
    const untilProbing = (w: World, bad: readonly string[] = []) => {
      for (let evaluation = 0; evaluation < 100; evaluation += 1) {
        const probing = v2.filter((name) => ['probing', 'ramping'].includes(w.stateOf(name)));
        if (probing.length > 0) return probing;
        w.evaluate(w.bad(...bad));
      }
      throw new Error('nobody probes');
    };

    it('one probes for all, and while probes fail the version stays out', () => {
      const w = whole();
      w.evaluations(2, w.bad(...v2));
      const probed = new Set<string>();
      for (let evaluation = 0; evaluation < 200; evaluation += 1) {
        w.evaluate(w.bad(...v2));
        const probing = v2.filter((name) => w.stateOf(name) !== 'ejected');
        expect(probing.length).toBeLessThanOrEqual(1);
        expect(v2.map((name) => w.stateOf(name))).not.toContain('serving');
        for (const name of probing) probed.add(name);
      }
      expect([...probed].toSorted()).toEqual(v2);
      expect(why(w, 'p01')?.cohort).toBe('version v2');
    });
    it('the others follow once one has come back', () => {
      const w = whole();
      w.evaluations(2, w.bad(...v2));
      expect(untilProbing(w)).toHaveLength(1);
      w.pass(120_000);
      expect(v2.filter((name) => w.stateOf(name) !== 'ejected')).toHaveLength(1);
      for (let steps = 0; v2.every((name) => w.stateOf(name) !== 'serving'); steps += 1) {
        expect(steps).toBeLessThan(50);
        w.evaluate(w.all(0));
      }
      // And then as few at once as of any others.
      expect(v2.map((name) => w.stateOf(name)).toSorted()).toEqual(['ejected', 'probing', 'serving']);
      w.evaluations(20, w.all(0));
      expect(w.out()).toEqual([]);
    });
    it('nobody waits for a probe that is not ready', () => {
      const w = whole();
      w.evaluations(2, w.bad(...v2));
      const [first = ''] = untilProbing(w);
      w.change(first, { ready: false });
      w.pass(60_000);
      expect(v2.filter((name) => w.stateOf(name) === 'probing')).toHaveLength(2);
    });
    it('is neither paused nor evicted pod by pod: of a bad version there would only be more', () => {
      const w = whole({
        eject: { how: 'Drain', closeAfterMs: 60_000, then: 'Evict' },
        activator: { mode: 'retryAndKill', maxRetryCount: 0, periodMs: 1_000 },
      });
      w.evaluations(60, w.bad(...v2));
      expect(v2.map((name) => w.stateOf(name))).not.toContain('evicted');
      expect(w.effects.filter(({ kind }) => kind === 'evict')).toEqual([]);
    });
    it('a new one of the version goes the same way', () => {
      const w = whole({ budget: { maxEjectedPercent: 50, velocity: { count: 9, percent: 0 } } });
      w.evaluations(2, w.bad(...v2));
      w.pass(600_000);
      w.fleet([...w.state.fleet.backends, backendOf('p11', { labels: { 'pod-template-hash': 'v2' } })]);
      w.evaluations(2, w.bad(...v2, 'p11'));
      expect([w.stateOf('p11'), why(w, 'p11')?.cohort]).toEqual(['ejected', 'version v2']);
    });
  });
});

describe('a group of groupBy that is unlike the rest, and agrees with itself', () => {
  const price = breakerOf({ name: 'price', detector: deviationOf(), groupBy: ['track'] });
  const grouped = (change: PolicyChange = {}) => {
    const fleet = Array.from({ length: 10 }, (_, index) =>
      backendOf(`p${index + 10}`, { labels: { track: index < 3 ? 'canary' : 'stable' } }),
    );
    const budget = { onCohort: 'EjectWithinBudget', ...change.budget } as const;
    return world({ fleet, policy: policyOf({ breakers: [price], ...change, budget }) });
  };
  const canaries = ['p10', 'p11', 'p12'] as const;
  const prices = (w: World, of: number, rest = 100) =>
    w.all(rest, Object.fromEntries(canaries.map((name) => [name, of])));

  it('goes as a whole, once it is confirmed, and says what it is unlike', () => {
    const w = grouped();
    w.evaluate(prices(w, 400));
    expect(w.out()).toEqual([]);
    w.evaluate(prices(w, 400));
    expect(w.out()).toEqual(canaries);
    expect(w.decision('p10')?.cause).toMatchObject({
      cohort: 'group track=canary',
      reason: expect.stringMatching(
        /median.* 400 .*100.*; with group track=canary: as a whole unlike the rest$/,
      ) as string,
    });
  });
  it('also when it was like the rest before, and moved as a whole', () => {
    const w = grouped();
    w.evaluations(5, prices(w, 100));
    w.evaluations(3, prices(w, 400));
    expect(w.out()).toEqual(canaries);
  });
  it('is judged by the rest on its way back, by its own standard it would come back as bad', () => {
    const w = grouped();
    w.evaluations(2, prices(w, 400));
    for (let evaluation = 0; evaluation < 100; evaluation += 1) {
      w.evaluate(prices(w, 400));
      expect(canaries.filter((name) => w.stateOf(name) !== 'ejected').length).toBeLessThanOrEqual(1);
      expect(canaries.map((name) => w.stateOf(name))).not.toContain('serving');
    }
    expect(Math.max(...canaries.map((name) => w.decision(name)?.retries ?? 0))).toBeGreaterThan(0);
    w.evaluations(200, prices(w, 100));
    expect(w.out()).toEqual([]);
  });
  it('with Report it stays in, and one that is unlike its own group goes alone', () => {
    const w = grouped({ budget: { onCohort: 'Report' } });
    w.evaluations(5, prices(w, 400));
    expect([w.out(), w.state.enforced.held.size]).toEqual([[], 0]);
    w.evaluations(2, { ...prices(w, 400), p12: 10 });
    expect(w.out()).toEqual(['p12']);
  });
  it.each([
    ['it does not fit', { budget: { maxEjectedPercent: 20 } }, '3 more would be out, the budget has 2 left'],
    [
      'it does not fit the velocity',
      { budget: { velocity: { count: 2, percent: 0 } } },
      '3 would go, the velocity has 2 left',
    ],
  ] as const)('stays in when %s, and all of it is held', (_, change, obstacle) => {
    const w = grouped(change);
    w.evaluations(5, prices(w, 400));
    expect([w.out(), w.held('p10')]).toEqual([[], 'cohort']);
    expect([...w.state.enforced.held.values()][0]?.detail).toBe(
      `group track=canary: as a whole unlike the rest; it stays in as a whole: ${obstacle}`,
    );
  });
  it('two groups in one evaluation share what all Services may eject in a minute', () => {
    const fleet = Array.from({ length: 20 }, (_, index) =>
      backendOf(`p${index + 10}`, { labels: { track: index < 3 ? 'a' : index < 6 ? 'b' : 'stable' } }),
    );
    const budget = { onCohort: 'EjectWithinBudget', velocity: { count: 9, percent: 0 } } as const;
    const w = world({ fleet, policy: policyOf({ breakers: [price], budget }), context: { globalVelocity: 5 } });
    const b = { p13: 400, p14: 400, p15: 400 };
    w.evaluations(2, { ...prices(w, 400), ...b });
    expect(w.out()).toEqual(canaries);
  });
  it('stays in while its breaker has data of too little of the fleet, and all of it is held', () => {
    const w = grouped();
    w.evaluations(5, { ...prices(w, 400), p12: undefined, p13: undefined, p14: undefined });
    expect([w.out(), w.held('p10')]).toEqual([[], 'cohort']);
    expect([...w.state.enforced.held.values()][0]?.detail).toMatch(/: 7 of 10 backends have data, it takes 8$/);
  });
  it('is held once, whoever speaks', () => {
    const w = grouped({ breakers: [price, errors], budget: { maxEjectedPercent: 20 } });
    w.evaluations(2, prices(w, 400), 'price');
    for (let turn = 0; turn < 5; turn += 1) {
      w.evaluateNow(w.bad(), 'errors');
      w.evaluate(prices(w, 400), 'price');
    }
    expect(w.effects.filter(({ kind }) => kind === 'held')).toHaveLength(3);
  });
  it('stays in while the policy settles, while nothing can be written down, and where all breakers must agree', () => {
    const settling = grouped({ settle: 9 });
    settling.evaluations(9, prices(settling, 400));
    const unwritten = grouped();
    unwritten.context = { ...unwritten.context, canReduce: false };
    unwritten.evaluations(5, prices(unwritten, 400));
    const both = grouped({ breakers: [price, errors], combine: 'All' });
    both.evaluations(5, prices(both, 400), 'price');
    expect([settling.out(), unwritten.out(), both.out()]).toEqual([[], [], []]);
  });
});
