import { describe, expect, it } from 'vitest';
import { backendOf, breakerOf, policyOf, type World, world } from '../../test/support/world.ts';

const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 'seconds', operator: '>', value: 5 } });
const names = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'];
const incarnated = (change = {}): World =>
  world({ fleet: names.map((name) => backendOf(name, { incarnation: 'a' })), policy: policyOf(change) });

describe('a backend that leaves', () => {
  it.each([
    ['is gone', (w: World) => w.remove('p1')],
    ['is terminating', (w: World) => w.change('p1', { terminating: true, ready: false })],
  ])('%s: takes its record along', (_, leave) => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    leave(w);
    expect([w.decision('p1'), w.state.enforced.held.size]).toEqual([undefined, 0]);
  });
  it('and comes back under the same name as another begins anew', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    w.fleet([...w.state.fleet.backends.slice(1), backendOf('p1', { id: 'p1-new' as never })]);
    expect(w.served()['p1-new']).toBe('100');
    expect(w.state.enforced.decisions.size).toBe(0);
  });
  it('takes its streak along', () => {
    const w = world();
    w.evaluate(w.bad('p1'));
    w.remove('p1');
    w.fleet(6);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual([]);
  });
  it('loses nothing by not being ready', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    w.change('p1', { ready: false });
    w.change('p1', { ready: true });
    expect(w.stateOf('p1')).toBe('ejected');
  });
});

describe('a container restart while out', () => {
  it('leaves the decision and its time, and voids the strikes', () => {
    const w = incarnated();
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    w.evaluate(w.bad('p1'));
    const before = w.decision('p1');
    expect(before).toMatchObject({ state: 'ejected', retries: 1 });
    w.pass(1_000);
    w.change('p1', { incarnation: 'b' });
    expect(w.decision('p1')).toEqual({
      ...before,
      retries: 0,
      evidenceFromMs: w.now,
      incarnation: 'b',
      seq: w.state.seq,
    });
  });
  it('is seen even if it happened while nobody looked', () => {
    const w = incarnated();
    w.evaluations(2, w.bad('p1'));
    w.change('p1', { incarnation: undefined as never });
    w.change('p1', { incarnation: 'b' });
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', evidenceFromMs: w.now, incarnation: 'b' });
  });
  it('while probing: the samples of the old process neither acquit nor convict the new one', () => {
    const w = incarnated();
    w.evaluations(2, w.bad('p1'));
    w.pass(45_000);
    w.change('p1', { incarnation: 'b' });
    w.pass(4_000);
    w.evaluateNow(w.bad('p1'));
    w.evaluateNow(w.bad());
    expect(w.decision('p1')).toMatchObject({ state: 'probing', step: 0 });
    w.evaluate(w.bad());
    expect(w.stateOf('p1')).toBe('ramping');
  });
});

describe('a container restart while serving', () => {
  it('leaves nothing to remember: neither strikes nor streak', () => {
    const w = incarnated();
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    w.evaluations(8, w.bad());
    expect(w.decision('p1')).toMatchObject({ state: 'serving' });
    w.evaluate(w.bad('p1'));
    w.change('p1', { incarnation: 'b' });
    expect(w.decision('p1')).toBeUndefined();
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual([]);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('voids the samples of the old process, for every breaker', () => {
    const w = incarnated({ breakers: [breakerOf(), slow] });
    w.evaluate(w.bad('p1'), 'slow');
    w.change('p1', { incarnation: 'b' });
    w.pass(1_000);
    w.evaluateNow(w.bad('p1'), 'slow');
    w.pass(1_000);
    w.evaluateNow(w.bad('p1'), 'slow');
    expect(w.out()).toEqual([]);
  });
});

describe('the same fleet, seen again', () => {
  it('changes nothing, and is not counted as a change', () => {
    const w = world();
    w.evaluations(2, w.bad('p1', 'p2', 'p3'));
    const before = w.state;
    w.fleet(w.state.fleet.backends);
    expect(w.state.enforced).toBe(before.enforced);
    expect(w.state.shadow).toBe(before.shadow);
    expect(w.state.breakers).toBe(before.breakers);
    expect(w.state.seq).toBe(before.seq);
  });
});
