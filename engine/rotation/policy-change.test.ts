import { describe, expect, it } from 'vitest';
import { breakerOf, policyOf, type World, world } from '../../test/support/world.ts';

const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 'seconds', operator: '>', value: 5 } });
const two = policyOf({ breakers: [breakerOf(), slow] });

/** p1 was ejected by `errors`, p6 by a person. */
function out(policy = two): World {
  const w = world({ policy });
  w.eject('p6', { forMs: 14_400_000 });
  w.evaluations(2, w.bad('p1'), 'errors');
  return w;
}

describe('a breaker that is gone, or may no longer act: what it took out ramps back by time', () => {
  it.each([
    ['the breaker is removed', policyOf({ breakers: [slow] })],
    ['the breaker only observes', policyOf({ breakers: [breakerOf({ enforcement: 'Observe' }), slow] })],
    ['the policy is removed', undefined],
  ])('%s', (_, policy) => {
    const w = out();
    w.policy(policy);
    expect(w.decision('p1')).toMatchObject({ state: 'ramping', step: 0, returning: { kind: 'time' } });
    expect(w.served()).toMatchObject({ p1: '5', p6: 'DRAINING' });
    w.pass(10_000);
    expect(w.served()['p1']).toBe('25');
    w.pass(20_000);
    expect([w.decision('p1'), w.served()['p1'], w.stateOf('p6')]).toEqual([undefined, '100', 'ejected']);
  });
  it('from where the ramp is', () => {
    const w = out();
    w.pass(30_000);
    w.evaluations(3, w.bad());
    expect(w.served()['p1']).toBe('25');
    w.policy(undefined);
    expect(w.served()['p1']).toBe('25');
  });
  it('also when it was paused, or waits for its eviction', () => {
    const w = out(policyOf({ breakers: [breakerOf(), slow], activator: { mode: 'retryAndKill', maxRetryCount: 0 } }));
    w.pass(30_000);
    w.evaluate(w.bad('p1'), 'errors');
    expect(w.stateOf('p1')).toBe('evicted');
    w.policy(policyOf({ breakers: [slow] }));
    w.pass(30_000);
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('whatever other breakers say of it meanwhile', () => {
    const w = out();
    w.policy(policyOf({ breakers: [slow] }));
    w.evaluations(5, w.bad('p1'), 'slow');
    expect(w.stateOf('p1')).toBe('ramping');
  });
  it('and goes on by time if the breaker is put back', () => {
    const w = out();
    w.policy(policyOf({ breakers: [slow] }));
    w.policy(two);
    w.pass(30_000);
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('once: the same policy read again changes nothing', () => {
    const w = out();
    w.policy(policyOf({ breakers: [slow] }));
    const { seq } = w.state;
    w.policy(policyOf({ breakers: [slow] }));
    expect(w.state.seq).toBe(seq);
  });
  it('and is then judged by what it does from there on', () => {
    const far = { ...slow, lookbackMs: 30_000 };
    const w = out(policyOf({ breakers: [breakerOf(), far] }));
    w.policy(policyOf({ breakers: [far] }));
    w.pass(30_000);
    expect(w.stateOf('p1')).toBe('serving');
    w.evaluations(5, w.bad('p1'));
    expect(w.stateOf('p1')).toBe('serving');
    w.evaluations(2, w.bad('p1'));
    expect(w.stateOf('p1')).toBe('ejected');
  });
  it('strikes of one that serves are forgotten', () => {
    const w = out();
    w.pass(30_000);
    w.evaluations(8, w.bad(), 'errors');
    expect(w.decision('p1')).toMatchObject({ state: 'serving' });
    w.policy(policyOf({ breakers: [slow] }));
    expect(w.decision('p1')).toBeUndefined();
  });
  it('needs no store', () => {
    const w = out();
    w.context = { ...w.context, canReduce: false };
    w.policy(undefined);
    w.pass(30_000);
    expect(w.stateOf('p1')).toBe('serving');
  });
});

describe('a policy that stops acting brings back at once whom it took out', () => {
  it.each(['Observe', 'Suspended'] as const)('%s; manual acts stay', (enforcement) => {
    const w = out();
    w.policy(policyOf({ enforcement, breakers: [breakerOf(), slow] }));
    expect([w.out(), w.served()['p1']]).toEqual([['p6'], '100']);
  });
});

describe('an edit leaves out who is out', () => {
  it('even if nobody new could go', () => {
    const w = out();
    w.policy(policyOf({ breakers: [breakerOf(), slow], budget: { maxEjectedPercent: 0 } }));
    w.pass(5_000);
    expect(w.out()).toEqual(['p1', 'p6']);
  });
  it('and shows what is held anew', () => {
    const w = world();
    w.evaluations(2, w.bad('p1', 'p2', 'p3'));
    expect(w.held('p3')).toBe('budget');
    w.policy(policyOf({ settle: 5 }));
    expect(w.held('p3')).toBeUndefined();
  });
});

describe('an edited ramp: the place on it is the weight, not the number of the step', () => {
  const ramp = (...weights: readonly number[]) => ({ weights, stepPeriodMs: 10_000 });
  const at50 = (): World => {
    const w = world({ policy: policyOf({ activator: { ramp: ramp(5, 25, 50, 100) } }) });
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    w.evaluations(5, w.bad());
    expect(w.served()['p1']).toBe('50');
    return w;
  };
  it.each([
    ['shorter', [5, 50, 100], '50'],
    ['longer', [1, 2, 3, 5, 25, 50, 100], '50'],
    ['without this weight', [5, 60, 100], '60'],
    ['with nothing but full weight above it', [10, 100], '100'],
  ])('%s', (_, weights, served) => {
    const w = at50();
    w.policy(policyOf({ activator: { ramp: ramp(...weights) } }));
    expect(w.served()['p1']).toBe(served);
    expect(w.stateOf('p1')).toBe('ramping');
  });
  it('the next step still needs its verdict', () => {
    const w = at50();
    w.policy(policyOf({ activator: { ramp: ramp(10, 100) } }));
    w.pass(60_000);
    expect(w.stateOf('p1')).toBe('ramping');
    w.evaluate(w.bad());
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('a removed policy leaves the weight where it was', () => {
    const w = world({ policy: policyOf({ activator: { ramp: ramp(40, 100) } }) });
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    expect(w.served()['p1']).toBe('40');
    w.policy(undefined);
    expect(w.served()['p1']).toBe('50');
  });
});
