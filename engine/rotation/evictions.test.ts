import { describe, expect, it } from 'vitest';
import { backendOf, type PolicyChange, policyOf, type World, world } from '../../test/support/world.ts';
import { type Backend, backendId } from '../model.ts';
import { noFleet } from '../runtime.ts';
import { fromRecord, type ServiceRecord, toRecord } from './record.ts';
import { step } from './step.ts';

const minute = 60_000;
const kill = { mode: 'retryAndKill', maxRetryCount: 0, maxEvictionsPerHour: 100 } as const;
/** Without a hash: its labels are not known. */
const pod = (name: string, hash: string): Backend =>
  backendOf(name, hash === '' ? {} : { labels: { 'pod-template-hash': hash } });
const fleet = (hash: string): readonly Backend[] => ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'].map((name) => pod(name, hash));

/** A policy that evicts whoever fails its first retry. */
function killer(activator: PolicyChange['activator'], hash = 'a'): World {
  const budget = { maxEjectedPercent: 100, holdAbovePercent: 100, velocity: { count: 100, percent: 100 } };
  return world({ fleet: fleet(hash), policy: policyOf({ budget, activator: { ...kill, ...activator } }) });
}
/** It fails, and fails its retry; what becomes of it, ten minutes from now. */
function fail(w: World, name: string): string {
  w.evaluations(2, w.bad(name));
  w.pass(30_000);
  w.evaluate(w.bad(name));
  const { state } = w.decision(name) ?? {};
  w.pass(10 * minute);
  return state ?? 'serving';
}
/** As a ReplicaSet does it. */
function replace(w: World, name: string, by: string, hash = 'a'): void {
  w.remove(name);
  w.pass(2 * minute);
  w.fleet([...w.state.fleet.backends, pod(by, hash)]);
  w.pass(2 * minute);
}
const asked = (w: World) => w.effects.filter(({ kind }) => kind === 'evict').length;
const heldFor = (w: World, name: string) => w.decision(name)?.evictionHeld?.cause;

describe('maxEvictionsPerHour', () => {
  it('over it the backend stays out, and that is told once', () => {
    const w = killer({ maxEvictionsPerHour: 1 });
    expect(fail(w, 'p1')).toBe('evicted');
    w.forgetEffects();
    expect(fail(w, 'p2')).toBe('paused');
    expect(w.decision('p2')?.evictionHeld).toEqual({
      cause: 'eviction-limit',
      detail: 'at most 1 of template a in an hour',
    });
    expect(asked(w)).toBe(0);
    expect(w.effects.filter(({ kind }) => kind === 'held')).toMatchObject([
      { backend: 'p2', breaker: 'errors', cause: 'eviction-limit', detail: 'at most 1 of template a in an hour' },
    ]);
  });
  it('it is evicted when the hour is over, and not before', () => {
    const w = killer({ maxEvictionsPerHour: 1 });
    fail(w, 'p1');
    fail(w, 'p2');
    w.remove('p1');
    w.pass(39 * minute);
    expect(w.stateOf('p2')).toBe('paused');
    w.pass(11 * minute);
    expect([w.stateOf('p2'), asked(w), heldFor(w, 'p2')]).toEqual(['evicted', 2, undefined]);
  });
  it('counts each template for itself', () => {
    const w = killer({ maxEvictionsPerHour: 1 });
    w.fleet([...fleet('a').slice(0, 4), pod('p5', 'b'), pod('p6', 'b')]);
    w.pass(2 * minute);
    expect([fail(w, 'p1'), fail(w, 'p5'), fail(w, 'p2')]).toEqual(['evicted', 'evicted', 'paused']);
  });
  it('where no labels are known, all together', () => {
    const w = killer({ maxEvictionsPerHour: 1 }, '');
    fail(w, 'p1');
    fail(w, 'p2');
    expect(w.decision('p2')?.evictionHeld?.detail).toBe('at most 1 of this Service in an hour');
  });
  it('of zero evicts nobody, ever', () => {
    const w = killer({ maxEvictionsPerHour: 0 });
    expect(fail(w, 'p1')).toBe('paused');
    w.pass(24 * 60 * minute);
    expect([w.stateOf('p1'), asked(w)]).toEqual(['paused', 0]);
  });
  it('holds for what closeAfter evicts, which keeps its way back', () => {
    const eject = { how: 'Drain', closeAfterMs: minute, then: 'Evict' } as const;
    const activator = { maxEvictionsPerHour: 0, periodMs: 10 * minute };
    const w = world({ fleet: fleet('a'), policy: policyOf({ eject, activator }) });
    w.evaluations(2, w.bad('p1'));
    w.pass(2 * minute);
    expect([w.stateOf('p1'), w.decision('p1')?.closed, heldFor(w, 'p1')]).toEqual(['ejected', false, 'eviction-limit']);
    expect(w.effects.filter(({ kind }) => kind === 'held')).toHaveLength(1);
    w.pass(8 * minute);
    expect([w.stateOf('p1'), heldFor(w, 'p1')]).toEqual(['probing', undefined]);
  });
  it('holds for paused ones above maxPauseCount', () => {
    const w = killer({ mode: 'retryAndPause', maxPauseCount: 0, maxEvictionsPerHour: 1 });
    expect([fail(w, 'p1'), fail(w, 'p2')]).toEqual(['evicted', 'paused']);
    expect(heldFor(w, 'p2')).toBe('eviction-limit');
    w.remove('p1');
    w.pass(60 * minute);
    expect(w.stateOf('p2')).toBe('evicted');
  });
  it('one of those above maxPauseCount stays paused, for inspection, once there is room', () => {
    const w = killer({ mode: 'retryAndPause', maxPauseCount: 1, maxEvictionsPerHour: 0 });
    fail(w, 'p1');
    fail(w, 'p2');
    expect([heldFor(w, 'p1'), heldFor(w, 'p2')]).toEqual(['eviction-limit', undefined]);
    w.restore('p2');
    expect([w.stateOf('p1'), heldFor(w, 'p1')]).toEqual(['paused', undefined]);
  });
  it.each<readonly [string, (w: World) => void]>([
    [
      'an edit of the policy',
      (w) => w.policy(policyOf({ activator: { mode: 'periodic', maxRetryCount: 0, maxEvictionsPerHour: 5 } })),
    ],
    ['a restart of its container', (w) => ['i1', 'i2'].forEach((incarnation) => w.change('p1', { incarnation }))],
  ])('evicts nobody later who need not go any more, for %s: it has its time out, and comes back', (_, change) => {
    const w = killer({ maxEvictionsPerHour: 0 });
    fail(w, 'p1');
    change(w);
    expect([w.stateOf('p1'), heldFor(w, 'p1')]).toEqual(['paused', undefined]);
    w.pass(minute);
    expect([w.stateOf('p1'), asked(w)]).toEqual(['probing', 0]);
    w.evaluations(20, w.all(0));
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('a person may bring back who waits', () => {
    const w = killer({ maxEvictionsPerHour: 0 });
    fail(w, 'p1');
    w.restore('p1');
    expect([w.stateOf('p1'), heldFor(w, 'p1')]).toEqual(['serving', undefined]);
  });
  it('evicts nobody while nothing can be written', () => {
    const w = killer({ maxEvictionsPerHour: 1 });
    fail(w, 'p1');
    fail(w, 'p2');
    w.context = { ...w.context, canReduce: false };
    w.pass(60 * minute);
    expect(w.stateOf('p2')).toBe('paused');
  });
});

describe('a kill loop', () => {
  /** p1 and p2 are evicted, and what takes their place fails as well. */
  function loop(hash = 'a'): World {
    const w = killer({}, hash);
    expect(fail(w, 'p1')).toBe('evicted');
    replace(w, 'p1', 'q1', hash);
    expect(fail(w, 'q1')).toBe('evicted');
    replace(w, 'q1', 'q2', hash);
    w.forgetEffects();
    expect(fail(w, 'q2')).toBe('paused');
    return w;
  }

  it('ends with the second replacement that is bad', () => {
    const w = loop();
    expect(w.decision('q2')?.evictionHeld).toEqual({
      cause: 'kill-loop',
      detail: '2 replacements of evicted pods of template a were bad too',
    });
    w.pass(24 * 60 * minute);
    expect([w.stateOf('q2'), asked(w)]).toEqual(['paused', 0]);
  });
  it('is not one while replacements are good, whoever else is bad', () => {
    const w = killer({});
    for (const [name, by] of [
      ['p1', 'q1'],
      ['p2', 'q2'],
      ['p3', 'q3'],
    ] as const) {
      expect(fail(w, name)).toBe('evicted');
      replace(w, name, by);
    }
  });
  it('is not one where a failure that all share hit the replacements first', () => {
    const w = killer({});
    w.policy(policyOf({ activator: { ...kill }, budget: { velocity: { count: 100, percent: 100 } } }));
    fail(w, 'p1');
    replace(w, 'p1', 'q1');
    w.evaluations(2, w.bad('q1'));
    expect(w.state.enforced.evictions).toMatchObject([{ backend: 'p1', wasInVain: true }]);
    w.evaluations(5, w.all(9));
    expect(w.decision('q1')?.returning).toEqual({ kind: 'time', note: 'correlated' });
    expect(w.state.enforced.evictions).toEqual([expect.not.objectContaining({ wasInVain: true })]);
  });
  it('counts a replacement once, however often it is taken out', () => {
    const w = killer({ maxRetryCount: 5 });
    w.policy(policyOf({ activator: { ...kill, maxRetryCount: 0 } }));
    fail(w, 'p1');
    replace(w, 'p1', 'q1');
    w.policy(policyOf({ activator: { ...kill, maxRetryCount: 5 } }));
    fail(w, 'q1');
    w.evaluate(w.bad('q1'));
    expect(w.state.enforced.evictions).toMatchObject([{ backend: 'p1', replacement: 'q1', wasInVain: true }]);
  });
  it('is over with the template', () => {
    const w = loop();
    w.fleet([...w.state.fleet.backends, pod('n1', 'b')]);
    w.pass(2 * minute);
    expect(fail(w, 'n1')).toBe('evicted');
    expect(heldFor(w, 'q2')).toBe('kill-loop');
    w.fleet(['n2', 'n3', 'n4', 'n5'].map((name) => pod(name, 'b')));
    w.pass(61 * minute);
    w.step({ kind: 'tick' });
    expect(w.state.enforced.evictions).toEqual([]);
  });
  it('lasts where nothing tells one template from another, until a person looks', () => {
    const w = loop('');
    w.pass(24 * 60 * minute);
    expect(heldFor(w, 'q2')).toBe('kill-loop');
  });
  it('is over when a person resumes, and breakers need not settle anew for it', () => {
    const w = loop();
    w.command({ verb: 'resume', actor: 'ana', reason: 'the image is mended' });
    expect(w.stateOf('q2')).toBe('evicted');
    expect(w.state.breakers.get('errors')?.evaluations).toBeGreaterThan(0);
  });
  it('a replacement that fails a day later is no loop', () => {
    const w = killer({});
    for (const name of ['p1', 'q1', 'q2', 'q3']) {
      expect(fail(w, name)).toBe('evicted');
      replace(w, name, name === 'p1' ? 'q1' : `q${Number(name.slice(1)) + 1}`);
      w.pass(24 * 60 * minute);
    }
  });
  it('survives a restart of ours, and a crash in the middle of it', () => {
    const w = killer({});
    fail(w, 'p1');
    const restarted = fromRecord(asJson(toRecord(w.state, 1)), w.state.fleet);
    expect(restarted.enforced.evictions).toEqual(w.state.enforced.evictions);
    const looping = loop();
    const after = fromRecord(asJson(toRecord(looping.state, 1)), looping.state.fleet);
    expect(after.enforced.evictions).toHaveLength(2);
    expect([...after.enforced.decisions.values()]).toContainEqual(looping.decision('q2'));
  });
  it('nor is it forgotten before the fleet is known again, as the template of a pod is not', () => {
    const w = loop();
    const after = fromRecord(asJson(toRecord(w.state, 1)), noFleet(w.state.service));
    const context = { ...w.context, now: w.now };
    const early = step(after, { kind: 'policy', policy: w.state.policy }, context);
    expect(early.effects).toEqual([]);
    const { state, effects } = step(early.state, { kind: 'fleet', fleet: w.state.fleet }, context);
    expect(effects).toEqual([]);
    expect([...state.enforced.decisions.values()]).toContainEqual(w.decision('q2'));
  });
  it('records from before evictions were counted load', () => {
    const w = killer({});
    const { enforced, shadow, ...rest } = asJson(toRecord(w.state, 1));
    const { evictions: _, ...old } = enforced;
    expect(fromRecord({ ...rest, enforced: old, shadow }, w.state.fleet).enforced.evictions).toEqual([]);
  });
  it('observed, nothing is asked for, and it ends as well', () => {
    const w = world({
      fleet: fleet('a'),
      policy: policyOf({ enforcement: 'Observe', activator: { ...kill, maxEvictionsPerHour: 1 } }),
    });
    w.evaluations(2, w.bad('p1', 'p2'));
    w.pass(30_000);
    // They probe one after the other.
    w.evaluations(2, w.bad('p1', 'p2'));
    const states = ['p1', 'p2'].map((name) => w.stateOf(name, 'shadow'));
    expect([states.toSorted(), asked(w)]).toEqual([['evicted', 'paused'], 0]);
  });
});

function asJson(record: ServiceRecord): ServiceRecord {
  return JSON.parse(JSON.stringify(record)) as ServiceRecord;
}

describe('what the cluster says to an eviction', () => {
  const answer = (w: World, said: 'disruption-budget' | 'no-controller' | undefined) =>
    w.step({ kind: 'eviction', backend: backendId('p1'), answer: said });

  it('is on record while it stands, is told once, and changes nothing else', () => {
    const w = killer({});
    fail(w, 'p1');
    const before = w.decision('p1');
    expect(answer(w, 'disruption-budget')).toMatchObject([{ kind: 'held', backend: 'p1', cause: 'disruption-budget' }]);
    expect(w.decision('p1')).toMatchObject({ state: 'evicted', evictionHeld: { cause: 'disruption-budget' } });
    expect(answer(w, 'disruption-budget')).toEqual([]);
    expect(answer(w, undefined)).toEqual([]);
    const { seq, ...after } = w.decision('p1') ?? {};
    expect(after).toEqual({ ...before, seq: undefined });
    expect(seq).toBeGreaterThan(before?.seq ?? 0);
  });
  it('is not asked for again: it is asked for already', () => {
    const w = killer({});
    fail(w, 'p1');
    w.forgetEffects();
    answer(w, 'no-controller');
    w.pass(120 * minute);
    expect([w.stateOf('p1'), asked(w), heldFor(w, 'p1')]).toEqual(['evicted', 0, 'no-controller']);
  });
  it('means nothing for one that has not to go any more', () => {
    const w = killer({});
    fail(w, 'p1');
    w.restore('p1');
    expect(answer(w, 'disruption-budget')).toEqual([]);
    expect(heldFor(w, 'p1')).toBeUndefined();
  });
});
