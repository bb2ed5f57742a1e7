import { describe, expect, it } from 'vitest';
import {
  backendOf,
  breakerOf,
  deviationOf,
  generousBudget,
  policyOf,
  type World,
  type WorldOptions,
  world,
} from '../../test/support/world.ts';
import type { Effect } from './event.ts';

const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 'seconds', operator: '>', value: 5 } });
const observing = policyOf({ enforcement: 'Observe', breakers: [breakerOf({ enforcement: 'Observe' })] });

/** Why a command was refused; undefined: it was done. */
function refusal(effects: readonly Effect[]): string | undefined {
  const refused = effects.find((effect) => effect.kind === 'refused');
  return refused === undefined ? undefined : `${refused.cause}: ${refused.message}`;
}

describe('eject and pause', () => {
  it('take a backend out with its actor, reason and end', () => {
    const w = world();
    expect(refusal(w.eject('p1'))).toBeUndefined();
    expect(w.decision('p1')).toMatchObject({
      state: 'ejected',
      durationMs: 900_000,
      cause: { kind: 'manual', verb: 'eject', actor: 'ana', reason: 'disk' },
      epoch: 1,
    });
    expect(w.effects).toMatchObject([
      { kind: 'transition', to: 'ejected', why: 'manual', by: { actor: 'ana', reason: 'disk' } },
    ]);
    w.eject('p2', { verb: 'pause' });
    expect(w.stateOf('p2')).toBe('paused');
  });
  it.each(['eject', 'pause'] as const)('%s: when the time is over it probes its way back', (verb) => {
    const w = world();
    w.eject('p1', { verb });
    w.pass(899_999);
    expect(w.served()['p1']).toBe('DRAINING');
    w.pass(1);
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['probing', '5']);
    w.evaluations(8, w.bad());
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('on the way back any breaker may let it up, or out again', () => {
    const w = world({ policy: policyOf({ breakers: [breakerOf(), slow] }) });
    w.eject('p1');
    w.pass(900_000);
    w.evaluations(2, w.bad(), 'slow');
    expect(w.stateOf('p1')).toBe('ramping');
    w.evaluate(w.bad('p1'), 'errors');
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', cause: { kind: 'breaker' } });
  });
  it.each([
    ['without a policy', undefined],
    ['under a policy that only observes', observing],
    ['under a suspended policy', policyOf({ enforcement: 'Suspended' })],
    ['under a policy of breakers that only observe', policyOf({ breakers: [breakerOf({ enforcement: 'Observe' })] })],
  ])('%s nobody judges it: time alone brings it back', (_, policy) => {
    const w = world({ policy });
    w.eject('p1');
    w.pass(900_000);
    expect(w.stateOf('p1')).toBe('probing');
    w.pass(30_000);
    expect([w.stateOf('p1'), w.decision('p1')]).toEqual(['serving', undefined]);
  });
  it('while a person has suspended the policy, too', () => {
    const w = world();
    w.command({ verb: 'suspend', actor: 'ana', reason: 'doubt' });
    w.eject('p1');
    w.pass(930_000);
    expect(w.out()).toEqual([]);
  });
  it("over a decision of a breaker become the person's, and keep its strikes and its closed connections", () => {
    const eject = { how: 'Drain', closeAfterMs: 10_000, then: 'Remove' } as const;
    const w = world({ policy: policyOf({ eject, activator: { periodMs: 600_000 } }) });
    w.evaluations(2, w.bad('p1'));
    const outSinceMs = w.now;
    w.pass(10_000);
    w.eject('p1', { verb: 'pause' });
    expect(w.decision('p1')).toMatchObject({ state: 'paused', cause: { kind: 'manual' }, outSinceMs, closed: true });
    expect(w.effects.map((effect) => effect.kind === 'transition' && effect.why)).toEqual([
      'anomalous',
      'close-after',
      'manual',
    ]);
  });
  it('over a decision take no new place: neither of the velocity nor of the clamp', () => {
    const w = world({ policy: policyOf({ budget: { holdAbovePercent: 100 }, activator: { periodMs: 600_000 } }) });
    w.evaluations(2, w.bad('p1', 'p2'));
    w.remove('p3', 'p4', 'p5');
    w.eject('p1');
    expect([w.state.enforced.ejections.length, w.state.clamp]).toEqual([2, { base: 6, floor: 3 }]);
    expect(w.served()).toMatchObject({ p1: 'DRAINING', p2: 'DRAINING' });
  });
  it('keep the strikes there are', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    w.evaluate(w.bad('p1'));
    w.eject('p1');
    expect(w.decision('p1')).toMatchObject({ cause: { kind: 'manual' }, retries: 1 });
  });
  it('are no strike', () => {
    const w = world();
    w.eject('p1', { forMs: 1_000 });
    w.pass(1_000);
    w.evaluations(8, w.bad());
    expect(w.decision('p1')).toMatchObject({ state: 'serving', retries: 0 });
    w.evaluations(2, w.bad('p1'));
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 0 });
  });
});

describe('a command is refused', () => {
  const refused = (options: WorldOptions, prepare: (w: World) => void, force = false): string | undefined => {
    const w = world(options);
    prepare(w);
    const cause: string | undefined = refusal(w.eject('p1', { force }));
    expect(w.out().includes('p1')).toBe(cause === undefined);
    return cause?.split(':')[0];
  };
  it('for an unknown backend, and for one that is leaving', () => {
    const w = world();
    expect(refusal(w.eject('p99'))).toMatch('unknown-backend');
    w.change('p1', { terminating: true });
    expect(refusal(w.eject('p1'))).toMatch('unknown-backend');
  });
  const always: readonly (readonly [string, WorldOptions, string])[] = [
    ['that breaks the floor', { fleet: 1 }, 'floor'],
    ['that cannot be written down', { context: { canReduce: false } }, 'store-down'],
    ['while everything is suspended', { context: { globallySuspended: true } }, 'suspended'],
  ];
  it.each(always)('%s, even by force', (_, options, cause) => {
    const nothing = () => undefined;
    expect([refused(options, nothing), refused(options, nothing, true)]).toEqual([cause, cause]);
  });

  const threeOthers = (w: World) => {
    for (const name of ['p2', 'p3', 'p4']) w.eject(name);
  };
  const fourBad = (w: World) => {
    w.evaluate(w.bad('p2', 'p3', 'p4', 'p5'));
  };
  const threeYoung = (w: World) => {
    w.fleet([1, 2, 3, 4, 5, 6].map((n) => backendOf(`p${n}`, n < 4 ? { readySinceMs: w.now } : {})));
  };
  const guards: readonly (readonly [string, WorldOptions, (w: World) => void])[] = [
    ['budget', { fleet: 2 }, () => undefined],
    ['velocity', { fleet: 20 }, threeOthers],
    ['velocity, without a policy too', { fleet: 20, policy: undefined }, threeOthers],
    ['hold-above', {}, fourBad],
    ['young fleet', { policy: policyOf({ warmUpMs: 60_000 }) }, threeYoung],
  ];
  it.each(guards)('by a guard, which --force skips: %s', (_, options, prepare) => {
    expect([refused(options, prepare), refused(options, prepare, true)]).toEqual(['guard', undefined]);
  });
  it('with the arithmetic and the way out', () => {
    const w = world({ fleet: 2 });
    expect(refusal(w.eject('p1'))).toBe(
      'guard: the budget is used up (0 of 2 not serving, at most 0 may be by maxEjectedPercent (floor 1)); --force skips this guard',
    );
    w.eject('p1', { force: true });
    expect(refusal(w.eject('p2', { force: true }))).toBe(
      'floor: it would break the floor: 0 of 2 would serve, and 1 must',
    );
  });
  it('when the record is full', () => {
    const w = world({ fleet: 60, policy: policyOf({ budget: generousBudget }) });
    for (const { name } of w.state.fleet.backends) w.eject(name, { force: true });
    expect(w.out()).toHaveLength(50);
    expect(refusal(w.eject('p1', { force: true, reason: 'longer' }))).toBeUndefined();
  });
  it('for one that is not ready, if the floor would break once it is', () => {
    const w = world();
    const four = ['p1', 'p2', 'p3', 'p4'];
    for (const name of four) w.change(name, { ready: false });
    for (const name of four) w.eject(name, { force: true });
    expect(w.out()).toEqual(['p1', 'p2', 'p3']);
    for (const name of four) w.change(name, { ready: true });
    expect(Object.values(w.served()).filter((status) => status === '100')).toHaveLength(3);
  });
});

describe('restore', () => {
  const out = (): World => {
    const w = world({ policy: policyOf({ activator: { periodMs: 600_000 } }) });
    w.evaluations(2, w.bad('p1'));
    return w;
  };
  it('brings back at full weight at once', () => {
    const w = out();
    expect(refusal(w.restore('p1'))).toBeUndefined();
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['serving', '100']);
  });
  it('judges it only by samples from after that', () => {
    const w = out();
    w.restore('p1');
    w.evaluateNow(w.bad('p1'));
    w.pass(1_000);
    w.evaluateNow(w.bad('p1'));
    w.pass(3_000);
    w.evaluateNow(w.bad('p1'));
    expect(w.out()).toEqual([]);
    w.evaluations(2, w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('also for a breaker that has not spoken since', () => {
    const w = world({
      policy: policyOf({ breakers: [breakerOf(), { ...slow, evaluationPeriodMs: 60_000, lookbackMs: 1_000 }] }),
    });
    w.evaluate(w.bad('p1'), 'slow');
    w.evaluations(2, w.bad('p1'), 'errors');
    w.restore('p1');
    w.evaluate(w.bad('p1'), 'slow');
    expect(w.out()).toEqual([]);
    w.evaluate(w.bad('p1'), 'slow');
    expect(w.out()).toEqual(['p1']);
  });
  it('--ramp: through the ramp, by time, whatever the verdicts', () => {
    const w = out();
    w.restore('p1', true);
    expect(w.served()['p1']).toBe('5');
    w.evaluations(6, w.bad('p1'));
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('--ramp: never below the weight it has', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    w.evaluations(3, w.bad());
    expect(w.served()['p1']).toBe('25');
    w.restore('p1', true);
    expect(w.served()['p1']).toBe('25');
  });
  it('works while nothing can be written down', () => {
    const w = out();
    w.context = { ...w.context, canReduce: false };
    w.restore('p1');
    expect(w.out()).toEqual([]);
  });
  it('brings back what is paused or evicted', () => {
    const w = world({ policy: policyOf({ activator: { mode: 'retryAndKill', maxRetryCount: 0 } }) });
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    w.evaluate(w.bad('p1'));
    expect(w.stateOf('p1')).toBe('evicted');
    w.restore('p1');
    expect(w.out()).toEqual([]);
  });
  it('is refused for one that serves', () => {
    expect(refusal(world().restore('p1'))).toBe('not-out: it is serving already');
  });
});

describe('suspend, of one policy', () => {
  const suspend = { verb: 'suspend', actor: 'ana', reason: 'doubt' } as const;
  const resume = { verb: 'resume', actor: 'ana', reason: 'sure' } as const;

  it('brings everyone back whom a breaker took out, at once; manual acts stay', () => {
    const w = world();
    w.eject('p6');
    w.evaluations(2, w.bad('p1'));
    w.command(suspend);
    expect([w.out(), w.served()['p1'], w.state.suspension?.actor]).toEqual([['p6'], '100', 'ana']);
  });
  it('without a store and without metrics', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    w.context = { ...w.context, canReduce: false };
    w.command(suspend);
    expect(w.out()).toEqual([]);
  });
  it('wins over everything that waits: nobody goes out while it lasts', () => {
    const w = world();
    w.evaluate(w.bad('p1'));
    w.command(suspend);
    w.evaluations(5, w.bad('p1'));
    expect([w.out(), w.held('p1')]).toEqual([[], undefined]);
  });
  it('also in the shadow', () => {
    const w = world({ policy: observing });
    w.evaluations(2, w.bad('p1'));
    w.command(suspend);
    expect(w.out('shadow')).toEqual([]);
  });
  it('resumed, the breakers observe before they act, and streaks begin anew', () => {
    const w = world({ policy: policyOf({ settle: 3 }) });
    w.evaluations(5, w.bad());
    w.evaluate(w.bad('p1'));
    w.command(suspend);
    w.command(resume);
    w.evaluations(3, w.bad('p1'));
    expect([w.out(), w.held('p1')]).toEqual([[], 'settling']);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('outlives an edit of the policy', () => {
    const w = world();
    w.command(suspend);
    w.policy(policyOf({ warmUpMs: 1 }));
    w.evaluations(5, w.bad('p1'));
    expect(w.out()).toEqual([]);
  });
});

describe('suspend, of everything', () => {
  it('lifts manual acts too, and lets nobody out', () => {
    const w = world();
    w.eject('p6');
    w.evaluations(2, w.bad('p1'));
    w.context = { ...w.context, globallySuspended: true };
    w.step({ kind: 'tick' });
    expect(w.out()).toEqual([]);
    w.evaluations(5, w.bad('p1'));
    expect(w.out()).toEqual([]);
  });
  it('resumed, the breakers observe before they act; the baseline is kept', () => {
    const price = breakerOf({ name: 'price', detector: deviationOf() });
    const w = world({ policy: policyOf({ settle: 3, breakers: [price] }) });
    w.evaluations(5, w.all(100));
    w.context = { ...w.context, globallySuspended: true };
    w.step({ kind: 'tick' });
    w.context = { ...w.context, globallySuspended: false };
    w.step({ kind: 'resumed' });
    w.evaluations(3, w.all(100, { p1: 0 }));
    expect([w.out(), w.held('p1'), w.state.breakers.get('price')?.baseline.level]).toEqual([[], 'settling', 100]);
  });
});
