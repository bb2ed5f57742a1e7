import { describe, expect, it } from 'vitest';
import { backendId } from '../model.ts';
import { type Allowance, type Candidate, plan } from './plan.ts';

const candidate = (name: string, severity: number): Candidate => ({ id: backendId(name), breaker: 'b', severity });
const allowance = (change: Partial<Allowance> = {}): Allowance => ({
  budget: { base: 6, floor: 3, maxOut: 2, missing: 0 },
  serving: 6,
  velocity: 9,
  globalVelocity: 9,
  room: 9,
  ...change,
});

it('grants nothing to a fleet that lacks as many as may be out', () => {
  const budget = { base: 6, floor: 3, maxOut: 2, missing: 1 };
  expect(outcome([candidate('a', 2), candidate('b', 1)], { budget })).toEqual({
    granted: ['a'],
    held: { b: 'budget' },
  });
});

function outcome(candidates: readonly Candidate[], change: Partial<Allowance> = {}) {
  const { granted, held } = plan(candidates, allowance(change));
  return {
    granted: granted.map(({ id }) => String(id)),
    held: Object.fromEntries(held.map(({ candidate: { id }, cause }) => [id, cause])),
  };
}

const three = [candidate('p1', 1), candidate('p2', 3), candidate('p3', 2)];

describe('who may go', () => {
  it('the worst first', () => {
    expect(outcome(three)).toEqual({ granted: ['p2', 'p3'], held: { p1: 'budget' } });
  });
  it('ties by identity', () => {
    expect(outcome([candidate('p3', 1), candidate('p1', 1), candidate('p2', 1)]).granted).toEqual(['p1', 'p2']);
  });
  it('whatever the order of the input', () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
    ].map((order) => order.flatMap((index) => three[index] ?? []));
    expect(new Set(orders.map((order) => JSON.stringify(outcome(order)))).size).toBe(1);
  });
});

describe('the budget counts the state after the act', () => {
  it('so that the last one allowed goes, and no one more', () => {
    expect(outcome(three, { serving: 5 })).toEqual({ granted: ['p2'], held: { p3: 'budget', p1: 'budget' } });
    expect(outcome(three, { serving: 4 }).granted).toEqual([]);
  });
  it('and counts everyone who does not serve, for whatever reason', () => {
    expect(outcome(three, { serving: 2 }).granted).toEqual([]);
  });
});

describe('what is refused says why', () => {
  it.each([
    ['velocity', { velocity: 1 }],
    ['global-velocity', { globalVelocity: 1 }],
    ['store-full', { room: 1 }],
  ] as const)('%s', (cause, change) => {
    expect(outcome(three.slice(1), change)).toEqual({ granted: ['p2'], held: { p3: cause } });
  });
  it('a guard, before the budget; others may still go', () => {
    const guarded = three.map((each) => (each.severity === 3 ? { ...each, guard: 'fleet-wide' as const } : each));
    expect(outcome(guarded)).toEqual({ granted: ['p3', 'p1'], held: { p2: 'fleet-wide' } });
  });
});
