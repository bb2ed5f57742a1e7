import { describe, expect, it } from 'vitest';
import { breakerOf, deviationOf, policyOf, world } from '../../test/support/world.ts';

const settling = (change: Parameters<typeof policyOf>[0] = {}) => world({ policy: policyOf({ settle: 4, ...change }) });
const unusable = { kind: 'unusable', reason: 'timeout' } as const;

describe('a new policy', () => {
  it('observes `settle` evaluations before it acts, and shows whom it holds', () => {
    const w = settling();
    w.evaluations(4, w.bad('p3'));
    expect([w.out(), w.held('p3')]).toEqual([[], 'settling']);
    w.evaluate(w.bad('p3'));
    expect([w.out(), w.held('p3')]).toEqual([['p3'], undefined]);
  });
  it('counts only evaluations that could be used', () => {
    const w = settling();
    w.evaluations(9, unusable);
    w.evaluations(4, w.bad('p3'));
    expect(w.out()).toEqual([]);
  });
  it('with settle 0 acts on what is confirmed first', () => {
    const w = settling({ settle: 0 });
    w.evaluations(2, w.bad('p3'));
    expect(w.out()).toEqual(['p3']);
  });
  it('takes the median at the end of settle as baseline', () => {
    const w = settling({ breakers: [breakerOf({ name: 'price', detector: deviationOf() })] });
    const level = () => w.state.breakers.get('price')?.baseline.level;
    w.evaluations(3, w.all(50));
    expect(level()).toBeUndefined();
    w.evaluate(w.all(80));
    expect(level()).toBe(80);
  });
});

describe('an edited policy', () => {
  it('settles anew', () => {
    const w = settling();
    w.evaluations(9, w.bad());
    w.policy(policyOf({ settle: 4, budget: { maxEjectedPercent: 50 } }));
    w.evaluations(4, w.bad('p3'));
    expect([w.out(), w.held('p3')]).toEqual([[], 'settling']);
    w.evaluate(w.bad('p3'));
    expect(w.out()).toEqual(['p3']);
  });
  it('leaves out who is out, and lets suspects step up', () => {
    const w = settling({ settle: 0 });
    w.evaluations(2, w.bad('p3'));
    w.policy(policyOf({ settle: 100, warmUpMs: 1 }));
    expect(w.stateOf('p3')).toBe('ejected');
    w.pass(30_000);
    w.evaluations(3, w.bad());
    expect(w.stateOf('p3')).toBe('ramping');
  });
  it('holds a suspect that is anomalous again where it is', () => {
    const w = settling({ settle: 0 });
    w.evaluations(2, w.bad('p3'));
    w.policy(policyOf({ settle: 100 }));
    w.pass(30_000);
    w.evaluations(3, w.bad('p3'));
    expect([w.stateOf('p3'), w.held('p3'), w.decision('p3')?.retries]).toEqual(['probing', 'settling', 0]);
  });
  it('keeps the baseline of a breaker that measures the same, not of one that measures something else', () => {
    const price = breakerOf({ name: 'price', detector: deviationOf() });
    const w = settling({ settle: 1, breakers: [price] });
    w.evaluate(w.all(50));
    const level = () => w.state.breakers.get('price')?.baseline.level;
    w.policy(policyOf({ settle: 2, breakers: [price] }));
    expect(level()).toBe(50);
    w.policy(policyOf({ settle: 2, breakers: [{ ...price, fingerprint: 'price-2' }] }));
    expect(level()).toBeUndefined();
  });
});

describe('the same policy, read again', () => {
  it('does not settle anew', () => {
    const w = settling();
    w.evaluations(4, w.bad('p3'));
    w.policy(policyOf({ settle: 4 }));
    w.evaluate(w.bad('p3'));
    expect(w.out()).toEqual(['p3']);
  });
  it('keeps what is held, and does not tell it again', () => {
    const w = settling();
    w.evaluations(3, w.bad('p3'));
    w.forgetEffects();
    w.policy(policyOf({ settle: 4 }));
    expect(w.held('p3')).toBe('settling');
    w.evaluate(w.bad('p3'));
    expect(w.effects).toEqual([]);
  });
});
