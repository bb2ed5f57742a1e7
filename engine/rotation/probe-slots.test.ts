/** Few probe at once, those first that have been out longest. */
import { describe, expect, it } from 'vitest';
import { backendOf, breakerOf, policyOf, type World, world } from '../../test/support/world.ts';

const wide = { maxEjectedPercent: 100, minAvailableRatioPercent: 0, velocity: { count: 99, percent: 0 } };
const budget = { ...wide, holdAbovePercent: 100 };
const breakers = [breakerOf({ confirm: { of: 1, atLeast: 1 } })];

/** These go out one after the other, a second apart, and their time is over. */
function due(names: readonly string[], fleet: number, onBreach: 'Readmit' | 'Hold' = 'Hold'): World {
  const policy = policyOf({ breakers, budget: { ...budget, onBreach } });
  const w = world({ fleet, policy });
  for (const [index] of names.entries()) {
    w.pass(1_000);
    w.evaluateNow(w.bad(...names.slice(0, index + 1)));
  }
  // All at once, and longer than each was out: nobody is favoured by the jitter.
  w.setClock(w.now + 60_000);
  w.step({ kind: 'tick' });
  return w;
}
const probing = (w: World) => w.out().filter((name) => w.stateOf(name) === 'probing');

it.each([
  [6, 1],
  [39, 1],
  [40, 2],
  [60, 3],
])('of %d at most %d probe at once', (fleet, most) => {
  const w = due(['p5', 'p4', 'p3', 'p2', 'p1'], fleet);
  expect(probing(w)).toEqual(['p5', 'p4', 'p3'].slice(0, most).sort());
});

describe('who waits', () => {
  it('stays out, and is next when the one before has proved itself', () => {
    const w = due(['p2', 'p1'], 6);
    expect([w.stateOf('p2'), w.stateOf('p1'), w.served()['p1']]).toEqual(['probing', 'ejected', 'DRAINING']);
    w.pass(10_000);
    w.evaluate(w.bad());
    expect([w.stateOf('p2'), w.stateOf('p1')]).toEqual(['ramping', 'probing']);
  });
  it('is next when the one before is out again', () => {
    const w = due(['p2', 'p1'], 6);
    w.evaluate(w.bad('p2'));
    expect([w.stateOf('p2'), w.stateOf('p1')]).toEqual(['ejected', 'probing']);
  });
  it('does not wait for ever for one that is never judged', () => {
    const w = due(['p2', 'p1'], 6);
    w.pass(299_000);
    expect(probing(w)).toEqual(['p2']);
    w.pass(1_000);
    expect(probing(w)).toEqual(['p1', 'p2']);
  });
  it('waits longer where a verdict takes longer: five windows', () => {
    const policy = policyOf({ breakers: [breakerOf({ confirm: { of: 1, atLeast: 1 }, lookbackMs: 120_000 })], budget });
    const w = world({ policy });
    w.evaluateNow(w.bad('p1', 'p2'));
    w.setClock(w.now + 60_000);
    w.step({ kind: 'tick' });
    w.pass(599_000);
    expect(probing(w)).toEqual(['p1']);
    w.pass(1_000);
    expect(probing(w)).toEqual(['p1', 'p2']);
  });
  it('is not closed, nor evicted, for the time it waits', () => {
    const w = due(['p2', 'p1'], 6);
    w.policy(policyOf({ breakers, budget, eject: { how: 'Drain', closeAfterMs: 120_000, then: 'Evict' } }));
    w.pass(200_000);
    expect([w.stateOf('p1'), w.decision('p1')?.closed]).toEqual(['ejected', false]);
  });
  it('has no claim while it is not ready: it would prove nothing', () => {
    const w = due(['p3', 'p2', 'p1'], 6);
    w.change('p2', { ready: false });
    w.evaluate(w.bad('p3'));
    expect([w.stateOf('p2'), w.stateOf('p1')]).toEqual(['ejected', 'probing']);
    w.change('p1', { ready: false });
    w.change('p2', { ready: true });
    expect(w.stateOf('p2')).toBe('probing');
  });
});

describe('no place is needed', () => {
  it('by those that return by time, and they take none', () => {
    const w = due(['p3', 'p2', 'p1'], 6);
    w.restore('p1', true);
    expect([w.stateOf('p3'), w.stateOf('p1'), w.decision('p1')?.returning.kind]).toEqual([
      'probing',
      'probing',
      'time',
    ]);
    w.restore('p3');
    expect(w.stateOf('p2')).toBe('probing');
  });
  it('by whom a breach of the floor needs', () => {
    const w = due(['p3', 'p2', 'p1'], 6, 'Readmit');
    w.policy(policyOf({ breakers, budget: { ...budget, onBreach: 'Readmit', minAvailableCount: 6 } }));
    w.pass(60_000);
    expect(w.out()).toEqual([]);
  });
  it('where nobody judges: what people took out is back when they said', () => {
    const w = world({ policy: undefined });
    w.eject('p1', { forMs: 10_000 });
    w.eject('p2', { forMs: 10_000 });
    w.pass(10_000);
    expect(probing(w)).toEqual(['p1', 'p2']);
  });
});

it('what a person took out takes a place in its turn', () => {
  const w = world({ fleet: [1, 2, 3, 4, 5, 6].map((index) => backendOf(`p${index}`)) });
  w.eject('p2', { forMs: 10_000 });
  w.pass(1_000);
  w.eject('p1', { forMs: 9_000 });
  w.pass(9_000);
  expect([w.stateOf('p2'), w.stateOf('p1')]).toEqual(['probing', 'ejected']);
});
