import { describe, expect, it } from 'vitest';
import { policyOf } from '../../test/support/world.ts';
import { budgetOf, describeBudget, outOf, velocityLimit } from './arithmetic.ts';

const budget = (base: number, change: Parameters<typeof policyOf>[0] = {}) => budgetOf(base, policyOf(change).budget);
const free = { minAvailableCount: 0, minAvailableRatioPercent: 0, maxEjectedPercent: 100 };

describe('the floor', () => {
  it('is the larger of count and ratio', () => {
    expect(budget(10, { budget: { minAvailableCount: 7 } }).floor).toBe(7);
    expect(budget(20, { budget: { minAvailableCount: 7 } }).floor).toBe(10);
  });
  it('rounds the ratio up', () => {
    expect([3, 5, 7].map((base) => budget(base).floor)).toEqual([2, 3, 4]);
    expect(budget(3, { budget: { minAvailableRatioPercent: 1 } }).floor).toBe(1);
  });
  it('is never less than one, whatever the policy says', () => {
    expect(budget(10, { budget: free })).toMatchObject({ base: 10, floor: 1, maxOut: 9 });
    expect(budget(1, { budget: free }).maxOut).toBe(0);
  });
  it('larger than the fleet allows nobody out', () => {
    expect(budget(4, { budget: { ...free, minAvailableCount: 9 } })).toMatchObject({ base: 4, floor: 9, maxOut: 0 });
  });
});

describe('maxEjectedPercent', () => {
  it('rounds down', () => {
    expect([1, 2, 3, 5, 6, 8, 9].map((base) => budget(base).maxOut)).toEqual([0, 0, 1, 1, 2, 2, 3]);
  });
  it('of zero allows nobody out', () => {
    expect(budget(100, { budget: { maxEjectedPercent: 0 } }).maxOut).toBe(0);
  });
  it('does not lift the floor', () => {
    expect(budget(10, { budget: { maxEjectedPercent: 100 } }).maxOut).toBe(5);
  });
});

describe('velocity', () => {
  it('is the larger of a count and a share of the base', () => {
    const { budget: policy } = policyOf();
    expect([6, 39, 40, 100].map((base) => velocityLimit(base, policy))).toEqual([3, 3, 4, 10]);
  });
  it('of nothing is none', () => {
    expect(velocityLimit(6, policyOf({ budget: { velocity: { count: 0, percent: 0 } } }).budget)).toBe(0);
  });
});

it('the arithmetic reads like a sentence', () => {
  expect(describeBudget(budget(6), 4)).toBe('2 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)');
});

describe('a fleet that lacks some of those there should be', () => {
  const policy = policyOf().budget;
  it('has them out already, on the base that is there', () => {
    const hurt = budgetOf(6, policy, 8);
    expect(hurt).toEqual({ base: 6, floor: 3, maxOut: 2, missing: 2 });
    expect([outOf(hurt, 6), outOf(hurt, 5)]).toEqual([2, 3]);
    expect(describeBudget(hurt, 6)).toBe(
      '2 of 8 not serving, 2 of them not there at all, at most 2 may be by maxEjectedPercent (floor 3)',
    );
  });
  it('and one that is larger than it should be has no more to spare for that', () => {
    expect(budgetOf(6, policy, 4)).toEqual(budgetOf(6, policy));
  });
});
