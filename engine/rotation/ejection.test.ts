import { describe, expect, it } from 'vitest';
import {
  backendOf,
  breakerOf,
  deviationOf,
  fleetOf,
  generousBudget,
  policyOf,
  world,
} from '../../test/support/world.ts';

const errors = breakerOf();
const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 'seconds', operator: '>', value: 5 } });

describe('the budget of a fleet', () => {
  it.each([
    [1, 34, 0],
    [2, 34, 0],
    [2, 50, 1],
    [3, 34, 1],
    [3, 100, 1],
    [6, 34, 2],
    [6, 100, 3],
    [7, 100, 3],
  ])('of %d with maxEjectedPercent %d lets %d out', (size, maxEjectedPercent, out) => {
    const budget = { maxEjectedPercent, holdAbovePercent: 100 };
    const w = world({ fleet: size, policy: policyOf({ budget }) });
    w.evaluations(2, w.all(9));
    expect(w.out()).toHaveLength(out);
    expect(new Set([...w.state.enforced.held.values()].map(({ cause }) => cause))).toEqual(new Set(['budget']));
  });
  it('goes to the worst first; the others are held, and it is told once', () => {
    const w = world({ policy: policyOf({ budget: { holdAbovePercent: 100 } }) });
    w.evaluations(5, w.all(0, { p1: 7, p2: 9, p3: 8 }));
    expect([w.out(), w.held('p1')]).toEqual([['p2', 'p3'], 'budget']);
    expect(w.effects.filter(({ kind }) => kind === 'held')).toEqual([
      {
        kind: 'held',
        track: 'enforced',
        backend: 'p1',
        name: 'p1',
        breaker: 'errors',
        cause: 'budget',
        reason: 'value 7 > 5',
        budget: '2 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)',
      },
    ]);
  });
  it('is used up by backends that are not ready', () => {
    const w = world();
    w.change('p5', { ready: false });
    w.change('p6', { ready: false });
    w.evaluations(2, w.bad('p1'));
    expect([w.out(), w.held('p1')]).toEqual([[], 'budget']);
  });
  it('does not shrink with the fleet in traffic: what is out is still counted in the base', () => {
    const budget = { maxEjectedPercent: 100, holdAbovePercent: 100, velocity: { count: 20, percent: 0 } };
    const w = world({ fleet: 20, policy: policyOf({ budget }) });
    w.evaluations(200, w.all(9));
    expect(w.out()).toHaveLength(10);
  });
  it('is one for all breakers', () => {
    const w = world({ policy: policyOf({ breakers: [errors, slow], budget: { holdAbovePercent: 100 } }) });
    w.evaluations(2, w.bad('p1', 'p2'), 'errors');
    w.evaluations(2, w.bad('p3', 'p4'), 'slow');
    expect([w.out(), w.held('p3'), w.held('p4')]).toEqual([['p1', 'p2'], 'budget', 'budget']);
  });
  it('frees a place when one leaves', () => {
    const w = world({ policy: policyOf({ budget: { holdAbovePercent: 100 } }) });
    w.evaluations(2, w.bad('p1', 'p2', 'p3'));
    expect(w.out()).toEqual(['p1', 'p2']);
    w.fleet([...w.state.fleet.backends.filter(({ name }) => name !== 'p1'), backendOf('p7')]);
    w.evaluate(w.bad('p2', 'p3'));
    expect(w.out()).toEqual(['p2', 'p3']);
  });
});

describe('several breakers', () => {
  const both = (change: Parameters<typeof policyOf>[0] = {}) =>
    world({ policy: policyOf({ breakers: [errors, slow], budget: { holdAbovePercent: 100 }, ...change }) });

  it('a mild fault does not take the place that a severe one of another breaker waits for', () => {
    const w = both();
    w.context = { ...w.context, globalVelocity: 0 };
    w.evaluations(2, w.all(0, { p2: 50 }), 'slow');
    w.evaluations(2, w.bad('p3'), 'errors');
    expect([w.held('p2'), w.held('p3')]).toEqual(['global-velocity', 'global-velocity']);
    w.context = { ...w.context, globalVelocity: 1 };
    w.evaluateNow(w.bad('p3'), 'errors');
    expect([w.out(), w.held('p2'), w.held('p3')]).toEqual([[], 'global-velocity', 'global-velocity']);
    w.evaluateNow(w.all(0, { p2: 50 }), 'slow');
    expect(w.out()).toEqual(['p2']);
  });
  it('only the breaker that speaks ejects: what another said a moment ago may be over', () => {
    const w = both({ breakers: [errors, { ...slow, evaluationPeriodMs: 3_600_000 }] });
    w.context = { ...w.context, globalVelocity: 0 };
    w.evaluateNow(w.bad('p2'), 'slow');
    w.evaluateNow(w.bad('p2'), 'slow');
    w.context = { ...w.context, globalVelocity: 9 };
    w.pass(1_800_000);
    w.evaluate(w.bad(), 'errors');
    expect(w.out()).toEqual([]);
    w.evaluate(w.bad('p2'), 'slow');
    expect(w.out()).toEqual(['p2']);
  });
  it('the one that may not act does not shield from the one that may', () => {
    const price = breakerOf({ name: 'price', detector: deviationOf({ maxDeviationPercent: 10 }) });
    const w = both({ breakers: [errors, price] });
    w.evaluate(w.all(100), 'price');
    // By price all but p1 moved, by a lot: fleet-wide. By errors p2 is broken.
    const moved = w.all(9_000, { p1: 100 });
    w.evaluate(moved, 'price');
    w.evaluations(2, w.bad('p2'), 'errors');
    w.evaluate(moved, 'price');
    w.evaluate(w.bad('p2'), 'errors');
    expect([w.out(), w.held('p3')]).toEqual([['p2'], 'fleet-wide']);
  });
  it('each confirms by itself', () => {
    const w = both();
    w.evaluate(w.bad('p1'), 'errors');
    w.evaluate(w.bad('p1'), 'slow');
    expect(w.out()).toEqual([]);
  });
});

describe('velocity', () => {
  const many = (change: Parameters<typeof policyOf>[0] = {}) =>
    world({ fleet: 20, policy: policyOf({ budget: { maxEjectedPercent: 50, holdAbovePercent: 100 }, ...change }) });

  it('new ejections per 10 minutes: the larger of count and percent', () => {
    const w = many();
    w.evaluations(2, w.bad('p1', 'p2', 'p3', 'p4', 'p5'));
    expect([w.out(), w.held('p4')]).toEqual([['p1', 'p2', 'p3'], 'velocity']);
    const wide = many({
      budget: { velocity: { count: 1, percent: 25 }, maxEjectedPercent: 50, holdAbovePercent: 100 },
    });
    wide.evaluations(2, wide.bad('p1', 'p2', 'p3', 'p4', 'p5', 'p6'));
    expect(wide.out()).toHaveLength(5);
  });
  it('has new places when ten minutes are over', () => {
    const w = many({ activator: { periodMs: 1_800_000 } });
    w.evaluations(2, w.bad('p1', 'p2', 'p3', 'p4'));
    w.pass(590_000);
    w.evaluations(2, w.bad('p4'));
    expect(w.out()).toHaveLength(3);
    w.evaluate(w.bad('p4'));
    expect(w.out()).toHaveLength(4);
  });
  it('does not count who is ejected again', () => {
    const w = many({ budget: { velocity: { count: 2, percent: 0 }, maxEjectedPercent: 50 } });
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    expect(w.stateOf('p1')).toBe('probing');
    w.evaluate(w.bad('p1'));
    expect([w.stateOf('p1'), w.decision('p1')?.retries]).toEqual(['ejected', 1]);
    w.evaluations(2, w.bad('p2', 'p3'));
    expect([w.out(), w.held('p3')]).toEqual([['p1', 'p2'], 'velocity']);
  });
  it('over all Services comes from outside', () => {
    const w = world({ context: { globalVelocity: 1 } });
    w.evaluations(2, w.bad('p1', 'p2'));
    expect([w.out(), w.held('p2')]).toEqual([['p1'], 'global-velocity']);
  });
});

describe('a young fleet', () => {
  const old = (name: string) => backendOf(name);
  const names = Array.from({ length: 10 }, (_, index) => `p${index}`);

  it('more than 30 % in warm-up holds new ejections', () => {
    const w = world({ fleet: names.map(old), policy: policyOf({ warmUpMs: 120_000 }) });
    const young = (count: number) =>
      w.fleet(names.map((name, index) => backendOf(name, index < count ? { readySinceMs: w.now } : {})));
    young(4);
    w.evaluations(2, w.bad('p9'));
    expect([w.out(), w.held('p9')]).toEqual([[], 'young-fleet']);
    young(3);
    w.evaluate(w.bad('p9'));
    expect(w.out()).toEqual(['p9']);
  });
  it('does not hold re-ejections', () => {
    const w = world({ fleet: names.map(old), policy: policyOf({ warmUpMs: 120_000 }) });
    w.evaluations(2, w.bad('p9'));
    w.fleet(names.map((name, index) => backendOf(name, index < 4 ? { readySinceMs: w.now } : {})));
    w.pass(30_000);
    w.evaluate(w.bad('p9'));
    expect([w.stateOf('p9'), w.decision('p9')?.retries]).toEqual(['ejected', 1]);
  });
  it('one in warm-up is neither judged nor a reference; one that was always there is old', () => {
    const w = world({ policy: policyOf({ warmUpMs: 120_000 }) });
    w.change('p1', { readySinceMs: w.now });
    w.evaluations(5, w.bad('p1'));
    expect(w.state.breakers.get('errors')?.last?.verdicts.has('p1' as never)).toBe(false);
    expect(w.out()).toEqual([]);
    w.pass(120_000);
    w.evaluations(2, w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('nor are samples that reach back into its warm-up, however long the window', () => {
    const breakers = [breakerOf({ lookbackMs: 60_000 })];
    const w = world({ policy: policyOf({ warmUpMs: 30_000, breakers }) });
    w.change('p1', { readySinceMs: w.now });
    w.evaluations(17, w.bad('p1'));
    expect(w.state.breakers.get('errors')?.last?.verdicts.has('p1' as never)).toBe(false);
    w.evaluations(2, w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
});

describe('nothing goes out', () => {
  it('on a failed query, whatever was found before', () => {
    const w = world({ context: { globalVelocity: 0 } });
    w.evaluations(2, w.bad('p1'));
    expect(w.held('p1')).toBe('global-velocity');
    w.context = { ...w.context, globalVelocity: 9 };
    w.evaluate({ kind: 'unusable', reason: 'timeout' });
    expect([w.out(), w.held('p1')]).toEqual([[], 'global-velocity']);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('while it cannot be written down', () => {
    const w = world({ context: { canReduce: false } });
    w.evaluations(3, w.bad('p1'));
    expect([w.out(), w.held('p1')]).toEqual([[], 'store-down']);
    w.context = { ...w.context, canReduce: true };
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('beyond what the record can hold', () => {
    const w = world({ fleet: fleetOf(60).backends, policy: policyOf({ budget: generousBudget }) });
    w.evaluations(2, w.all(9));
    expect([w.out().length, new Set([...w.state.enforced.held.values()].map(({ cause }) => cause))]).toEqual([
      50,
      new Set(['store-full']),
    ]);
  });
  it('that is not ready', () => {
    const w = world();
    w.evaluate(w.bad('p1'));
    w.change('p1', { ready: false });
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual([]);
    expect(w.state.breakers.get('errors')?.last?.verdicts.size).toBe(5);
  });
});
