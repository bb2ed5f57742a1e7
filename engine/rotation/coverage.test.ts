/** Half of the series are gone: whom the rest makes look bad stays in. */
import { describe, expect, it } from 'vitest';
import { breakerOf, policyOf, type Values, world } from '../../test/support/world.ts';

const half: Values = { p1: 9, p2: 0, p3: 0 };

describe('data of too little of the fleet', () => {
  it('takes out nobody new, and says how much there is', () => {
    const w = world();
    w.evaluations(3, half);
    expect([w.out(), w.held('p1')]).toEqual([[], 'coverage']);
    expect(w.effects.filter(({ kind }) => kind === 'held')).toMatchObject([
      { cause: 'coverage', detail: '3 of 6 backends have data, it takes 5' },
    ]);
  });
  it('is over when it is back', () => {
    const w = world();
    w.evaluations(3, half);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('one that is silent keeps nobody in', () => {
    const w = world();
    w.evaluations(2, { ...w.bad('p1'), p6: undefined });
    expect(w.out()).toEqual(['p1']);
  });
  it('is one breaker’s: another with all of it acts', () => {
    const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 's', operator: '>', value: 5 } });
    const w = world({ policy: policyOf({ breakers: [breakerOf(), slow] }) });
    w.evaluations(2, half, 'errors');
    w.evaluateNow(w.bad('p1'), 'slow');
    w.evaluate(w.bad('p1'), 'slow');
    expect(w.decision('p1')?.cause).toMatchObject({ breaker: 'slow' });
  });
  it('lets nobody up, but out again', () => {
    const w = world();
    w.evaluations(2, w.bad('p6'));
    w.pass(30_000);
    w.evaluations(20, { ...half, p1: 0, p6: 0 });
    expect(w.stateOf('p6')).toBe('probing');
    w.evaluate({ ...half, p1: 0, p6: 9 });
    expect(w.decision('p6')).toMatchObject({ state: 'ejected', retries: 1 });
  });
  it('goes on with the way up when it is back', () => {
    const w = world();
    w.evaluations(2, w.bad('p6'));
    w.pass(30_000);
    w.evaluations(5, { ...half, p1: 0, p6: 0 });
    w.evaluations(10, w.all(0));
    expect(w.stateOf('p6')).toBe('serving');
  });
  it('with combine: All, what one of them lacks holds all', () => {
    const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 's', operator: '>', value: 5 } });
    const w = world({ policy: policyOf({ combine: 'All', breakers: [breakerOf(), slow] }) });
    for (let round = 0; round < 4; round++) {
      w.evaluate(w.bad('p1'), 'slow');
      w.evaluateNow(half, 'errors');
    }
    expect([w.out(), w.held('p1')]).toEqual([[], 'coverage']);
  });
});
