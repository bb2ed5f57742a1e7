import { describe, expect, it } from 'vitest';
import {
  backendOf,
  breakerOf,
  deviationOf,
  evidenceOf,
  policyOf,
  type Values,
  world,
} from '../../test/support/world.ts';
import { defaultTiming } from './context.ts';

const errors = breakerOf();
const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 'seconds', operator: '>', value: 5 } });
const wide = { maxEjectedPercent: 100, minAvailableRatioPercent: 0, velocity: { count: 99, percent: 0 } };

describe('holdAbovePercent', () => {
  it('holds when more than that of the base is anomalous at once, confirmed or not', () => {
    const w = world();
    w.evaluate(w.bad('p1', 'p2', 'p3'));
    w.evaluate(w.bad('p1', 'p4', 'p5', 'p6'));
    expect([w.out(), w.held('p1')]).toEqual([[], 'hold-above']);
  });
  it('does not at exactly that', () => {
    const w = world();
    w.evaluations(2, w.bad('p1', 'p2', 'p3'));
    expect([w.out(), w.held('p3')]).toEqual([['p1', 'p2'], 'budget']);
  });
  it('counts those ejected in the last 5 minutes: a failure that arrives staggered is one failure', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    w.evaluations(2, w.bad('p2'));
    expect(w.out()).toEqual(['p1', 'p2']);
    w.evaluations(2, w.bad('p3', 'p4'));
    expect([w.held('p3'), w.held('p4')]).toEqual(['hold-above', 'hold-above']);
  });
  it('counts each backend once, over all breakers', () => {
    const w = world({ policy: policyOf({ breakers: [errors, slow] }) });
    w.evaluations(2, w.bad('p1', 'p2', 'p3'), 'errors');
    w.evaluations(2, w.bad('p1', 'p2', 'p3'), 'slow');
    expect(w.held('p3')).toBe('budget');
    w.evaluate(w.bad('p1', 'p2', 'p3', 'p4'), 'slow');
    expect(w.held('p3')).toBe('hold-above');
  });
  it('counts what breakers of this policy enforce: neither manual acts nor what is only observed', () => {
    const observed = { ...slow, enforcement: 'Observe' } as const;
    const w = world({ policy: policyOf({ breakers: [errors, observed], budget: wide }) });
    w.eject('p6');
    w.evaluations(2, w.bad('p3', 'p4', 'p5', 'p6'), 'slow');
    w.evaluations(2, w.bad('p1', 'p2', 'p3'), 'errors');
    expect(w.out()).toEqual(['p1', 'p2', 'p3', 'p6']);
  });
  it('does not count who has left', () => {
    const timing = { ...defaultTiming, fleetRestMs: 0 };
    const w = world({ fleet: 8, policy: policyOf({ breakers: [errors, slow] }), context: { timing } });
    w.evaluateNow(w.bad('p1', 'p2', 'p3', 'p4'), 'slow');
    w.remove('p1', 'p2', 'p3', 'p4');
    w.evaluateNow(w.bad('p5'), 'errors');
    w.evaluate(w.bad('p5'), 'errors');
    expect(w.out()).toEqual(['p5']);
  });
  it('does not count what was seen of an earlier process', () => {
    const names = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
    const fleet = names.map((name) => backendOf(name, { incarnation: 'a' }));
    const w = world({ fleet, policy: policyOf({ breakers: [errors, { ...slow, evaluationPeriodMs: 60_000 }] }) });
    w.evaluateNow(w.bad('p3', 'p4', 'p5', 'p6'), 'slow');
    w.pass(1_000);
    w.fleet(names.map((name, index) => backendOf(name, { incarnation: index < 2 ? 'a' : 'b' })));
    w.evaluations(2, w.bad('p1'), 'errors');
    expect(w.out()).toEqual(['p1']);
  });
  it('does not count what a breaker said more than two of its periods ago', () => {
    const w = world({ policy: policyOf({ breakers: [errors, slow] }) });
    w.evaluate(w.bad('p3', 'p4', 'p5', 'p6'), 'slow');
    w.evaluations(2, w.bad('p1'), 'errors');
    expect([w.out(), w.held('p1')]).toEqual([[], 'hold-above']);
    w.evaluate(w.bad('p1'), 'errors');
    expect(w.out()).toEqual(['p1']);
  });
  it('goes on holding while the breaker that saw it gets no data', () => {
    const w = world({ policy: policyOf({ breakers: [errors, slow] }) });
    w.evaluate(w.bad('p3', 'p4', 'p5', 'p6'), 'errors');
    w.evaluateNow(w.bad('p1'), 'slow');
    w.evaluateNow({ kind: 'unusable', reason: 'timeout' }, 'errors');
    w.evaluate(w.bad('p1'), 'slow');
    expect([w.out(), w.held('p1')]).toEqual([[], 'hold-above']);
  });
  it('stops re-ejections, strikes and steps up', () => {
    // Of forty two may probe at once.
    const policy = policyOf({ breakers: [errors, slow], activator: { periodMs: 600_000 } });
    const w = world({ fleet: 40, policy });
    w.evaluations(2, w.bad('p1', 'p2'), 'errors');
    w.pass(600_000);
    expect([w.stateOf('p1'), w.stateOf('p2')]).toEqual(['probing', 'probing']);
    const most = Array.from({ length: 20 }, (_, index) => `p${index + 3}`);
    w.evaluate(w.bad('p1', ...most), 'errors');
    expect([w.stateOf('p1'), w.decision('p1')?.retries, w.held('p1')]).toEqual(['probing', 0, 'hold-above']);
    expect([w.stateOf('p2'), w.decision('p2')?.step]).toEqual(['probing', 0]);
  });
});

describe('a failure that is recognised late', () => {
  /** p1, p2 were ejected before the others turned bad too. */
  function late(period = 600_000) {
    const w = world({ policy: policyOf({ activator: { periodMs: period } }) });
    w.evaluations(2, w.bad('p1'));
    w.evaluations(2, w.bad('p2'));
    return w;
  }

  it('returns its first victims after confirm.of evaluations, by time alone, without strikes', () => {
    const w = late();
    w.evaluations(2, w.bad('p3', 'p4', 'p5', 'p6'));
    expect(w.stateOf('p1')).toBe('ejected');
    w.evaluate(w.bad('p3', 'p4', 'p5', 'p6'));
    expect(w.decision('p1')).toMatchObject({
      state: 'ramping',
      step: 0,
      retries: 0,
      returning: { kind: 'time', note: 'correlated' },
    });
    const { seq } = w.state;
    w.evaluate(w.all(9));
    expect(w.state.seq).toBe(seq);
    w.evaluations(5, w.all(9));
    expect([w.out(), w.decision('p1')]).toEqual([[], undefined]);
  });
  it('forgets the strikes of a victim, too', () => {
    const w = late(30_000);
    w.pass(30_000);
    w.evaluate(w.bad('p1'));
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1 });
    w.evaluations(3, w.bad('p3', 'p4', 'p5', 'p6'));
    expect(w.decision('p1')).toMatchObject({ state: 'ramping', retries: 0 });
  });
  it('leaves out what waits for its eviction', () => {
    const activator = { mode: 'retryAndKill', maxRetryCount: 0 } as const;
    const w = world({ policy: policyOf({ activator }) });
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    w.evaluate(w.bad('p1'));
    w.evaluations(4, w.bad('p3', 'p4', 'p5', 'p6'));
    expect(w.stateOf('p1')).toBe('evicted');
  });
  it('leaves out who was ejected more than 5 minutes ago', () => {
    const w = late();
    w.pass(301_000);
    w.evaluations(4, w.bad('p3', 'p4', 'p5', 'p6'));
    expect(w.out()).toEqual(['p1', 'p2']);
  });
  it('leaves out what people took out', () => {
    const w = world({ policy: policyOf({ budget: wide }) });
    w.eject('p1');
    w.evaluations(4, w.bad('p3', 'p4', 'p5', 'p6'));
    expect(w.out()).toEqual(['p1']);
  });
  it('takes a suspect from where its ramp is, not back to the start', () => {
    const w = world({ policy: policyOf({ breakers: [breakerOf({ confirm: { of: 1, atLeast: 1 } })] }) });
    w.evaluate(w.bad('p1'));
    while (w.served()['p1'] !== '25') w.evaluate(w.bad());
    w.evaluate(w.bad('p3', 'p4', 'p5', 'p6'));
    expect(w.decision('p1')).toMatchObject({ step: 1, returning: { kind: 'time' } });
    expect(w.served()['p1']).toBe('25');
  });
  it('does not count the evaluations of a breaker that sees none of it', () => {
    const quick = { ...slow, evaluationPeriodMs: 100 };
    const w = world({ policy: policyOf({ breakers: [errors, quick], activator: { periodMs: 600_000 } }) });
    w.evaluations(2, w.bad('p1', 'p2'), 'errors');
    w.evaluate(w.bad('p3', 'p4', 'p5', 'p6'), 'errors');
    w.evaluations(9, w.bad(), 'slow');
    expect(w.stateOf('p1')).toBe('ejected');
    w.evaluations(2, w.bad('p3', 'p4', 'p5', 'p6'), 'errors');
    expect(w.stateOf('p1')).toBe('ramping');
  });
  it('does not count evaluations that say nothing', () => {
    const budget = { ...wide, holdAbovePercent: 0 };
    const w = world({ policy: policyOf({ activator: { periodMs: 600_000 } }) });
    w.evaluations(2, w.bad('p1'));
    expect(w.stateOf('p1')).toBe('ejected');
    w.policy(policyOf({ budget, activator: { periodMs: 600_000 } }));
    w.evaluations(9, {});
    w.evaluations(9, { kind: 'unusable', reason: 'timeout' });
    expect(w.stateOf('p1')).toBe('ejected');
    w.evaluations(3, w.bad());
    expect(w.stateOf('p1')).toBe('ramping');
  });
  it('begins to count anew when it was over in between', () => {
    const w = late();
    w.evaluations(2, w.bad('p3', 'p4', 'p5', 'p6'));
    w.evaluate(w.bad());
    w.evaluations(2, w.bad('p3', 'p4', 'p5', 'p6'));
    expect(w.stateOf('p1')).toBe('ejected');
  });
});

describe('fleet-wide', () => {
  const price = breakerOf({ name: 'price', detector: deviationOf() });

  it('ejects nobody, and shows whom it concerns', () => {
    const w = world({ policy: policyOf({ breakers: [price] }) });
    w.evaluate(w.all(100));
    w.evaluations(5, w.all(0, { p6: 100 }));
    expect([w.out(), w.held('p1'), w.held('p6')]).toEqual([[], 'fleet-wide', undefined]);
  });
  it('returns who its own breaker took out before it was recognised, whatever holdAbovePercent says', () => {
    const budget = { ...wide, holdAbovePercent: 100 };
    const w = world({ policy: policyOf({ breakers: [price, errors], budget, activator: { periodMs: 600_000 } }) });
    w.evaluate(w.all(100), 'price');
    w.evaluations(2, w.all(100, { p1: 0 }), 'price');
    w.evaluations(2, w.bad('p2'), 'errors');
    expect(w.out()).toEqual(['p1', 'p2']);
    w.evaluations(2, w.all(200), 'price');
    expect(w.stateOf('p1')).toBe('ejected');
    w.evaluate(w.all(200), 'price');
    expect(w.decision('p1')).toMatchObject({
      state: 'ramping',
      retries: 0,
      returning: { kind: 'time', note: 'correlated' },
    });
    expect(w.decision('p2')).toMatchObject({ state: 'ejected', returning: { kind: 'evidence' } });
  });
  it('returns nobody while nobody can be judged', () => {
    const share = breakerOf({
      name: 'share',
      detector: { kind: 'ratio', bad: 'bad', total: 'total', minRequests: 30, minBad: 5, sensitivity: 0.005 },
      confirm: { of: 1, atLeast: 1 },
    });
    const w = world({
      fleet: 4,
      policy: policyOf({ breakers: [share], budget: wide, activator: { periodMs: 600_000 } }),
    });
    const see = (bad: Values) => w.evaluate({ ...evidenceOf(bad), total: evidenceOf(w.all(1_000)).samples });
    see(w.all(1));
    see(w.all(1, { p1: 500 }));
    expect(w.out()).toEqual(['p1']);
    // Two of the three that are left: none of them has two peers that are no suspects.
    for (let evaluation = 0; evaluation < 9; evaluation += 1) see(w.all(1, { p2: 500, p3: 500 }));
    expect(w.state.breakers.get('share')?.usable?.kind).toBe('fleet-wide');
    expect(w.stateOf('p1')).toBe('ejected');
  });
  it('counts anew when it was over in between, and is not counted by another breaker', () => {
    const budget = { ...wide, holdAbovePercent: 100 };
    const w = world({ policy: policyOf({ breakers: [price, errors], budget, activator: { periodMs: 600_000 } }) });
    w.evaluate(w.all(100), 'price');
    w.evaluations(2, w.all(100, { p1: 0 }), 'price');
    w.evaluations(2, w.all(200), 'price');
    w.evaluations(5, w.bad('p2'), 'errors');
    w.evaluate(w.all(100), 'price');
    w.evaluations(2, w.all(200), 'price');
    expect(w.stateOf('p1')).toBe('ejected');
    w.evaluate(w.all(200), 'price');
    expect(w.stateOf('p1')).toBe('ramping');
  });
  it('begins the streaks anew', () => {
    const w = world({ policy: policyOf({ breakers: [price] }) });
    w.evaluate(w.all(100));
    w.evaluate(w.all(100, { p1: 0 }));
    w.evaluate(w.all(0));
    w.evaluate(w.all(100, { p1: 0 }));
    expect(w.out()).toEqual([]);
    w.evaluate(w.all(100, { p1: 0 }));
    expect(w.out()).toEqual(['p1']);
  });
  it('stops re-ejections and steps up of its own breaker', () => {
    const w = world({ policy: policyOf({ breakers: [price], activator: { periodMs: 600_000 } }) });
    w.evaluate(w.all(100));
    w.evaluations(2, w.all(100, { p1: 0 }));
    w.pass(600_000);
    w.evaluations(4, w.all(160, { p1: 100 }));
    expect([w.stateOf('p1'), w.decision('p1')?.step]).toEqual(['probing', 0]);
    w.evaluate(w.all(160));
    expect([w.stateOf('p1'), w.decision('p1')?.retries]).toEqual(['probing', 0]);
  });
});
