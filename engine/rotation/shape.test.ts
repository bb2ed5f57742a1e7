import { describe, expect, it } from 'vitest';
import { backendOf, breakerOf, policyOf, type World, world } from '../../test/support/world.ts';
import type { Backend } from '../model.ts';
import { shapeChangeOf } from './shape.ts';

const fleet = (...backends: readonly (readonly Backend[])[]): readonly Backend[] => backends.flat();
const pods = (template: string | undefined, from: number, to: number): readonly Backend[] =>
  Array.from({ length: to - from + 1 }, (_, index) =>
    backendOf(`p${from + index}`, template === undefined ? {} : { labels: { 'pod-template-hash': template } }),
  );
const changeIn = (w: World) => shapeChangeOf(w.state, w.now, w.context.timing)?.cause;

/** p1 turns bad and stays so until it is out, or has been held for the time. */
function heldFor(w: World, seconds: number): string | undefined {
  w.evaluations(seconds / 5, w.bad('p1'));
  return w.out().includes('p1') ? undefined : w.held('p1');
}

describe('a rollout', () => {
  it('holds new ejections while one template takes the place of another', () => {
    const w = world({ fleet: pods('old', 1, 6) });
    w.fleet(fleet(pods('old', 1, 6), pods('new', 7, 7)));
    expect(heldFor(w, 30)).toBe('rollout');
    w.fleet(fleet(pods('old', 1, 5), pods('new', 7, 7)));
    w.fleet(fleet(pods('old', 1, 5), pods('new', 7, 8)));
    expect(heldFor(w, 55)).toBe('rollout');
    expect(heldFor(w, 10)).toBeUndefined();
  });
  it('is told by the labels of Argo Rollouts and StatefulSets too', () => {
    for (const label of ['rollouts-pod-template-hash', 'controller-revision-hash']) {
      const of = (name: string, hash: string) => backendOf(name, { labels: { [label]: hash } });
      const w = world({ fleet: [of('p1', 'a'), of('p2', 'a'), of('p3', 'a')] });
      w.fleet([of('p1', 'a'), of('p2', 'a'), of('p3', 'a'), of('p4', 'b')]);
      expect(changeIn(w)).toBe('rollout');
    }
  });
  it('goes on for a minute after the last of the old ones is gone', () => {
    const w = world({ fleet: fleet(pods('old', 1, 1), pods('new', 2, 20)) });
    w.fleet(pods('new', 2, 20));
    w.pass(59_000);
    expect(changeIn(w)).toBe('rollout');
    w.pass(2_000);
    expect(changeIn(w)).toBeUndefined();
  });
  it('is none where a canary simply stays, whatever dies and comes back', () => {
    const w = world({ fleet: fleet(pods('stable', 1, 9), pods('canary', 10, 11)) });
    expect(changeIn(w)).toBeUndefined();
    w.fleet(fleet(pods('stable', 1, 8), pods('stable', 12, 12), pods('canary', 10, 11)));
    expect(changeIn(w)).toBeUndefined();
    expect(heldFor(w, 10)).toBeUndefined();
  });
  it('neither stops who is out already nor lets anybody back sooner', () => {
    const w = world({ fleet: pods('old', 1, 6) });
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    expect(w.stateOf('p1')).toBe('probing');
    w.fleet(fleet(pods('old', 1, 6), pods('new', 7, 7)));
    w.evaluations(2, w.bad('p1'));
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1 });
  });
});

describe('a scale event', () => {
  it.each([
    [6, 7, undefined],
    [6, 8, 'scale-event'],
    [6, 4, 'scale-event'],
    [6, 5, undefined],
    [40, 43, undefined],
    [40, 45, 'scale-event'],
    [40, 30, 'scale-event'],
  ])('from %d to %d backends: %s', (before, after, cause) => {
    const w = world({ fleet: before });
    w.fleet(after);
    expect(changeIn(w)).toBe(cause);
  });
  it('adds up over a minute', () => {
    const w = world({ fleet: 6 });
    w.fleet(7);
    w.pass(50_000);
    w.fleet(8);
    expect(heldFor(w, 10)).toBe('scale-event');
    w.pass(60_000);
    expect(heldFor(w, 5)).toBeUndefined();
  });
  it('needs no labels to see a rollout', () => {
    const w = world({ fleet: pods(undefined, 1, 6) });
    w.fleet(fleet(pods(undefined, 1, 6), pods(undefined, 7, 7)));
    w.fleet(fleet(pods(undefined, 1, 5), pods(undefined, 7, 7)));
    w.fleet(fleet(pods(undefined, 1, 5), pods(undefined, 7, 8)));
    expect(changeIn(w)).toBe('scale-event');
  });
  it('is neither one pod in place of another, nor one that comes and goes', () => {
    const w = world({ fleet: 6 });
    w.fleet(fleet(pods(undefined, 1, 5), pods(undefined, 7, 7)));
    expect(changeIn(w)).toBeUndefined();
    for (let times = 0; times < 20; times++) {
      w.fleet(fleet(pods(undefined, 1, 5)));
      w.fleet(fleet(pods(undefined, 1, 5), pods(undefined, 7, 7)));
    }
    expect(changeIn(w)).toBeUndefined();
    for (let times = 0; times < 20; times++) w.change('p5', { ready: times % 2 === 0 });
    expect(changeIn(w)).toBeUndefined();
  });
  it('is not the first look at a fleet, after a start of ours or from zero', () => {
    const w = world({ fleet: 0 });
    w.fleet(12);
    expect(changeIn(w)).toBeUndefined();
  });
  it('counts who is told to go when that is known', () => {
    const w = world({ fleet: 6 });
    w.change('p5', { terminating: true });
    w.change('p6', { terminating: true });
    expect(changeIn(w)).toBe('scale-event');
    w.pass(60_001);
    w.remove('p5', 'p6');
    expect(changeIn(w)).toBeUndefined();
  });
});

describe('a fleet that never rests', () => {
  /** Two others every 30 s. */
  function churn(w: World, minutes: number, from: number): void {
    for (let round = 0; round < minutes * 2; round++) {
      w.fleet(fleet(pods(undefined, 1, 6), pods(undefined, from + 2 * round, from + 2 * round + 1)));
      w.evaluations(6, w.bad('p1'));
    }
  }

  it('holds for ten minutes, and then no more', () => {
    const w = world({ fleet: 6 });
    churn(w, 10, 100);
    expect([w.stateOf('p1'), w.held('p1')]).toEqual(['serving', 'scale-event']);
    churn(w, 1, 200);
    expect(w.out()).toEqual(['p1']);
    expect(shapeChangeOf(w.state, w.now, w.context.timing)).toMatchObject({ cause: 'scale-event', isOverdue: true });
  });
  it('holds again once it has been at rest', () => {
    const w = world({ fleet: 6 });
    churn(w, 11, 100);
    w.pass(61_000);
    w.fleet(8);
    expect(shapeChangeOf(w.state, w.now, w.context.timing)).toMatchObject({ isOverdue: false, sinceMs: w.now });
  });
  it('is not taken for one because nothing happened for a long time', () => {
    const w = world({ fleet: 6 });
    w.fleet(8);
    w.pass(3_600_000);
    w.fleet(6);
    expect(shapeChangeOf(w.state, w.now, w.context.timing)).toMatchObject({ isOverdue: false, sinceMs: w.now });
  });
  it('is not held for longer by a clock that was set back', () => {
    const w = world({ fleet: 6 });
    w.fleet(8);
    w.setClock(w.now - 3_600_000);
    w.step({ kind: 'tick' });
    w.pass(61_000);
    w.evaluations(2, w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
});

it('holds what an observing breaker would do, and a person who does not force it', () => {
  const w = world({ fleet: 6, policy: policyOf({ breakers: [breakerOf({ enforcement: 'Observe' })] }) });
  w.fleet(8);
  w.evaluations(2, w.bad('p1'));
  expect(w.held('p1', 'shadow')).toBe('scale-event');
  expect(w.eject('p2')).toMatchObject([{ kind: 'refused', cause: 'guard' }]);
  expect(w.eject('p2', { force: true })).toMatchObject([{ kind: 'transition', to: 'ejected' }]);
});
