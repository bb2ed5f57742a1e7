import { describe, expect, it } from 'vitest';
import { backendOf, breakerOf, policyOf, type World, world } from '../../test/support/world.ts';
import { shapeChangeOf } from './shape.ts';

const minute = 60_000;
const changeIn = (w: World) => shapeChangeOf(w.state, w.now, w.context.timing);

/** p1 turns bad and stays so until it is out, or has been held for the time. */
function heldFor(w: World, seconds: number): string | undefined {
  w.evaluations(seconds / 5, w.bad('p1'));
  return w.out().includes('p1') ? undefined : w.held('p1');
}

describe('a rollout that a workload tells of', () => {
  it('holds from its first moment to its last, however long its pods take to come', () => {
    const w = world({ fleet: 6 });
    w.workloads({ rollingOut: ['Deployment/pricer'] });
    expect(heldFor(w, 300)).toBe('rollout');
    expect(changeIn(w)).toMatchObject({ cause: 'rollout', detail: 'Deployment/pricer', isOverdue: false });
    w.workloads({});
    expect(heldFor(w, 5)).toBeUndefined();
  });
  it('that is stuck lets go after ten minutes, and hides no scale event then', () => {
    const w = world({ fleet: 6 });
    w.workloads({ rollingOut: ['Deployment/pricer'] });
    w.pass(10 * minute);
    expect(heldFor(w, 10)).toBeUndefined();
    expect(changeIn(w)).toMatchObject({ cause: 'rollout', isOverdue: true });
    w.fleet(9);
    expect(changeIn(w)).toMatchObject({ cause: 'scale-event', isOverdue: false });
  });
  it('is counted from the first of several that follow each other without a pause', () => {
    const w = world({ fleet: 6 });
    w.workloads({ rollingOut: ['Deployment/pricer'] });
    w.pass(6 * minute);
    w.workloads({ scaling: ['Deployment/pricer'] });
    w.pass(5 * minute);
    expect(changeIn(w)).toMatchObject({ cause: 'scale-event', isOverdue: true });
    w.workloads({});
    w.workloads({ scaling: ['Deployment/pricer'] });
    expect(changeIn(w)).toMatchObject({ isOverdue: false, sinceMs: w.now });
  });
});

describe('a scale event that a workload tells of', () => {
  it('holds while it has not as many pods as it should, if only by one', () => {
    const w = world({ fleet: 6 });
    w.workloads({ desired: 7, scaling: ['StatefulSet/db', 'Deployment/a', 'Deployment/b', 'Deployment/c'] });
    expect(heldFor(w, 10)).toBe('scale-event');
    expect(changeIn(w)?.detail).toBe('StatefulSet/db, Deployment/a, Deployment/b and 1 more');
  });
  it('holds while many of them are not there yet, as when they wait for a node', () => {
    const w = world({ fleet: 6 });
    w.workloads({ desired: 8 });
    expect(heldFor(w, 10)).toBe('scale-event');
    expect(changeIn(w)?.detail).toBe('6 of 8 are there');
  });
  it('is none where a single one is replaced', () => {
    const w = world({ fleet: 6 });
    w.workloads({ desired: 7 });
    expect(changeIn(w)).toBeUndefined();
  });
});

describe('pods that are never there', () => {
  const old = { breakers: [breakerOf()], budget: { maxEjectedPercent: 50 } };

  it('are out already when the fleet has come to rest without them', () => {
    const w = world({ fleet: 6, policy: policyOf(old) });
    w.workloads({ desired: 8 });
    w.pass(11 * minute);
    w.evaluations(3, w.bad('p1', 'p2'));
    expect([w.out(), w.held('p2')]).toEqual([['p1'], 'budget']);
    expect(w.decision('p1')?.cause).toMatchObject({
      budget: '2 of 8 not serving, 2 of them not there at all, at most 3 may be (floor 3)',
    });
  });
  it('that are unready for so long that they left the base count no less', () => {
    const w = world({ fleet: 8, policy: policyOf(old) });
    w.workloads({ desired: 8 });
    w.fleet(Array.from({ length: 8 }, (_, index) => backendOf(`p${index + 1}`, { ready: index < 6 })));
    w.pass(11 * minute);
    w.evaluations(3, w.bad('p1', 'p2'));
    expect([w.out(), w.held('p2')]).toEqual([['p1'], 'budget']);
  });
  it('a person who does not force it is told as well', () => {
    const w = world({ fleet: 6 });
    w.workloads({ desired: 8 });
    w.pass(11 * minute);
    expect(w.eject('p2')).toMatchObject([
      { kind: 'refused', cause: 'guard', message: expect.stringContaining('2 of them not there at all') },
    ]);
  });
});

describe('pods that Kubernetes means to end', () => {
  const drain = (w: World, ...names: readonly string[]): void =>
    names.forEach((name) => void w.change(name, { disruptedSinceMs: w.now }));

  it('hold new ejections of others until they are gone', () => {
    const w = world({ fleet: 6 });
    drain(w, 'p6');
    w.change('p6', { ready: false, terminating: true });
    expect(heldFor(w, 60)).toBe('node-drain');
    expect(changeIn(w)?.detail).toBe('p6');
    w.remove('p6');
    expect(heldFor(w, 5)).toBeUndefined();
  });
  it('are neither judged nor a reference', () => {
    const w = world({ fleet: 6 });
    drain(w, 'p1');
    w.evaluations(3, w.bad('p1'));
    expect(w.held('p1')).toBeUndefined();
    expect(w.state.breakers.get('errors')?.last?.verdicts.get(w.state.fleet.backends[0]?.id as never)).toBeUndefined();
  });
  it('that stay, because a disruption budget refused it, hold for ten minutes, and are judged again then', () => {
    const w = world({ fleet: 6 });
    drain(w, 'p1');
    w.pass(10 * minute);
    w.evaluations(2, w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('one after the other, all day long, hold for ten minutes on end', () => {
    const w = world({ fleet: 12 });
    for (let round = 0; round < 11; round++) {
      drain(w, `p${round + 2}`);
      w.remove(`p${round + 1}`);
      w.pass(minute);
    }
    expect(changeIn(w)).toMatchObject({ cause: 'node-drain', isOverdue: true });
  });
  it('that we evict ourselves hold nobody', () => {
    const activator = { mode: 'retryAndKill', maxRetryCount: 0 } as const;
    const w = world({ fleet: 6, policy: policyOf({ activator }) });
    w.evaluations(2, w.bad('p6'));
    w.pass(30_000);
    w.evaluations(2, w.bad('p6'));
    expect(w.stateOf('p6')).toBe('evicted');
    w.change('p6', { disruptedSinceMs: w.now, ready: false, terminating: true });
    expect(changeIn(w)).toBeUndefined();
  });
  it('a mark from a future that a clock was set back from does not last', () => {
    const w = world({ fleet: 6 });
    drain(w, 'p6');
    w.setClock(w.now - 60 * minute);
    expect(heldFor(w, 10)).toBeUndefined();
  });
});
