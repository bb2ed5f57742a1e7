import { describe, expect, it } from 'vitest';
import { policyOf, type World, world } from '../../test/support/world.ts';
import { nextWakeMs } from './time.ts';
import { defaultTiming } from './context.ts';

/** p1 (worse) and p2 are out of 6, then p3 and p4 become unready: 2 serve, the floor is 3. */
function breached(change: Parameters<typeof policyOf>[0] = {}): World {
  const w = world({ policy: policyOf({ activator: { periodMs: 1_800_000 }, ...change }) });
  w.evaluations(2, w.all(0, { p1: 20, p2: 9 }));
  w.change('p3', { ready: false });
  w.change('p4', { ready: false });
  return w;
}

describe('onBreach: Readmit', () => {
  it('after 60 s below the floor the least severe comes back, at full weight', () => {
    const w = breached();
    w.pass(59_999);
    expect(w.out()).toEqual(['p1', 'p2']);
    w.pass(1);
    expect([w.out(), w.served()['p2']]).toEqual([['p1'], '100']);
    expect(w.decision('p2')).toMatchObject({ state: 'serving', retries: 0 });
    expect(w.effects.at(-1)).toMatchObject({ kind: 'transition', backend: 'p2', to: 'serving', why: 'readmitted' });
  });
  it('as many as it takes', () => {
    const w = breached();
    w.change('p5', { ready: false });
    w.pass(60_000);
    expect(w.out()).toEqual([]);
  });
  it('of equals the one that has been out longest', () => {
    const w = world({ policy: policyOf({ activator: { periodMs: 1_800_000 } }) });
    w.evaluations(2, w.bad('p2'));
    w.evaluations(2, w.bad('p1'));
    w.change('p3', { ready: false });
    w.change('p4', { ready: false });
    w.pass(60_000);
    expect(w.out()).toEqual(['p1']);
  });
  it('what a person took out comes back last', () => {
    const w = world({ policy: policyOf({ activator: { periodMs: 1_800_000 } }) });
    w.eject('p2', { forMs: 14_400_000 });
    w.evaluations(2, w.all(0, { p1: 1000 }));
    w.change('p3', { ready: false });
    w.change('p4', { ready: false });
    w.pass(60_000);
    expect(w.out()).toEqual(['p2']);
    w.change('p5', { ready: false });
    w.pass(60_000);
    expect(w.out()).toEqual([]);
  });
  it('not when the fleet recovers in between; the next breach waits anew', () => {
    const w = breached();
    w.pass(50_000);
    w.change('p3', { ready: true });
    w.change('p3', { ready: false });
    w.pass(50_000);
    expect(w.out()).toEqual(['p1', 'p2']);
    w.pass(10_000);
    expect(w.out()).toEqual(['p1']);
  });
  it('not those that are not ready: they would not help', () => {
    const w = breached();
    w.change('p2', { ready: false });
    w.pass(60_000);
    expect(w.out()).toEqual(['p2']);
  });
  it('also when a policy edit raised the floor', () => {
    const w = world();
    w.evaluations(2, w.bad('p1', 'p2'));
    w.policy(policyOf({ budget: { minAvailableCount: 6 }, activator: { periodMs: 1_800_000 } }));
    w.pass(60_000);
    expect(w.out()).toEqual([]);
  });
  it('who came back is held if it is still bad', () => {
    const w = breached();
    w.pass(60_000);
    w.evaluations(3, w.bad('p2'));
    expect([w.out(), w.held('p2')]).toEqual([['p1'], 'budget']);
  });
  it('wakes for it, and not again for nothing', () => {
    const w = breached();
    const since = w.now;
    expect(nextWakeMs(w.state, defaultTiming)).toBe(since + 60_000);
    w.change('p5', { ready: false });
    w.pass(60_000);
    expect(w.state.belowFloorSinceMs).toBeUndefined();
    expect(nextWakeMs(w.state, defaultTiming)).toBeUndefined();
  });
});

it('a fleet that comes back does not let in who is out: the clamp follows growth', () => {
  const w = world({ policy: policyOf({ budget: { holdAbovePercent: 100 }, activator: { periodMs: 1_800_000 } }) });
  w.evaluations(2, w.bad('p1'));
  for (const name of ['p1', 'p5', 'p6']) w.change(name, { ready: false });
  w.pass(600_001);
  w.step({ kind: 'tick' });
  w.evaluations(2, w.bad('p2'));
  expect([w.out(), w.state.clamp]).toEqual([['p1', 'p2'], { base: 3, floor: 2 }]);
  for (const name of ['p1', 'p5', 'p6']) w.change(name, { ready: true });
  expect(w.served()).toMatchObject({ p1: 'DRAINING', p2: 'DRAINING' });
});

it('onBreach: Hold leaves them out', () => {
  const w = breached({ budget: { onBreach: 'Hold' } });
  w.pass(600_000);
  expect(w.out()).toEqual(['p1', 'p2']);
});

it('a re-ejection in a breach that is held does not bring others back', () => {
  const w = world({
    policy: policyOf({ budget: { onBreach: 'Hold', holdAbovePercent: 100 }, activator: { periodMs: 30_000 } }),
  });
  w.evaluations(2, w.bad('p1', 'p2'));
  w.remove('p3', 'p4', 'p5');
  w.pass(30_000);
  // Of so few one probes at a time: first the one, then the other.
  for (let turn = 0; turn < 3; turn++) {
    w.evaluate(w.bad('p1', 'p2'));
    expect([w.out(), w.served()['p6']]).toEqual([['p1', 'p2'], '100']);
  }
  expect([w.decision('p1')?.retries, w.decision('p2')?.retries]).toEqual([1, 1]);
});
