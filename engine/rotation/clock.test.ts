import { describe, expect, it } from 'vitest';
import { backendOf, breakerOf, policyOf, type World, world } from '../../test/support/world.ts';

const hour = 3_600_000;

function ejected(change: Parameters<typeof policyOf>[0] = {}): World {
  const w = world({ policy: policyOf(change) });
  w.evaluations(2, w.bad('p1'));
  return w;
}

describe('a clock that is set back', () => {
  it('leaves at most the whole duration of a state', () => {
    const w = ejected();
    w.pass(10_000);
    w.setClock(w.now - hour);
    w.step({ kind: 'tick' });
    w.pass(30_000);
    expect(w.stateOf('p1')).toBe('probing');
  });
  it('does not make a suspect wait for its samples until the old time is reached again', () => {
    const w = ejected();
    w.pass(30_000);
    w.setClock(w.now - hour);
    w.evaluations(3, w.bad());
    expect(w.stateOf('p1')).toBe('ramping');
  });
  it('does not stop steps by time', () => {
    const w = ejected();
    w.restore('p1', true);
    w.setClock(w.now - hour);
    w.step({ kind: 'tick' });
    w.pass(30_000);
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('does not delay a readmission by more than its delay', () => {
    const w = ejected({ budget: { maxEjectedPercent: 50 }, activator: { periodMs: 1_800_000 } });
    for (const name of ['p2', 'p3', 'p4']) w.change(name, { ready: false });
    w.setClock(w.now - hour);
    w.step({ kind: 'tick' });
    w.pass(60_000);
    expect(w.out()).toEqual([]);
  });
  it('does not keep velocity used up', () => {
    const w = ejected({ budget: { velocity: { count: 1, percent: 0 } } });
    w.setClock(w.now - hour);
    w.evaluate(w.bad());
    w.pass(600_001);
    w.evaluations(2, w.bad('p2'));
    expect(w.stateOf('p2')).toBe('ejected');
  });
  it('does not remember a larger fleet for longer than the window', () => {
    const w = world();
    for (const name of ['p1', 'p2', 'p3']) w.change(name, { ready: false });
    w.setClock(w.now - hour);
    w.step({ kind: 'tick' });
    w.pass(600_001);
    w.step({ kind: 'tick' });
    expect(w.state.peaks).toMatchObject([{ ready: 3 }]);
  });
  it('does not keep a backend young for longer than the warm-up', () => {
    const w = world({ policy: policyOf({ warmUpMs: 120_000 }) });
    w.fleet([...w.state.fleet.backends, backendOf('p7', { readySinceMs: w.now })]);
    w.setClock(w.now - hour);
    w.evaluations(2, w.bad('p7'));
    expect(w.out()).toEqual(['p7']);
  });
  it('lets nobody be held by what was seen in the future', () => {
    const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 's', operator: '>', value: 5 } });
    const w = world({ policy: policyOf({ breakers: [breakerOf(), slow] }) });
    w.evaluate(w.bad('p3', 'p4', 'p5', 'p6'), 'slow');
    w.setClock(w.now - hour);
    w.evaluations(2, w.bad('p1'), 'errors');
    expect(w.out()).toEqual(['p1']);
  });
  it('keeps what was seen before it from confirming anything after it', () => {
    const w = world({ policy: policyOf({ breakers: [breakerOf({ confirm: { of: 3, atLeast: 2 } })] }) });
    w.evaluate(w.bad('p1'));
    w.setClock(w.now - hour);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual([]);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
});

describe('a clock that is set forward', () => {
  it('ends states, one at a time: nobody jumps over its probe', () => {
    const w = ejected();
    w.setClock(w.now + 24 * hour);
    w.step({ kind: 'tick' });
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['probing', '5']);
  });
  it('does not confirm what was seen before', () => {
    const w = world();
    w.evaluate(w.bad('p1'));
    w.setClock(w.now + hour);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual([]);
  });
});
