import { describe, expect, it } from 'vitest';
import { assignmentOf, breakerOf, policyOf, type World, world } from '../../test/support/world.ts';
import type { Policy } from '../policy/policy.ts';

const observed = breakerOf({ name: 'watch', enforcement: 'Observe' });
const observing = policyOf({ enforcement: 'Observe', breakers: [observed] });

describe('Observe', () => {
  it('runs the whole machine in the shadow and serves nothing of it', () => {
    const w = world({ policy: observing });
    const seen: string[] = [];
    const before = w.served();
    w.evaluations(2, w.bad('p1'));
    for (let turn = 0; turn < 20; turn++) {
      seen.push(w.stateOf('p1', 'shadow'));
      expect(w.served()).toEqual(before);
      expect(w.state.enforced.decisions.size).toBe(0);
      expect(w.state.clamp).toBeUndefined();
      w.evaluate(w.bad());
    }
    expect([...new Set(seen)]).toEqual(['ejected', 'probing', 'ramping', 'serving']);
  });
  it("moves no traffic to anybody's own zone", () => {
    const zoned = { proximity: 'Zone' } as const;
    const served = (policy: Policy) => assignmentOf(world({ policy }).state).ports[0];
    expect(served(policyOf({ ...zoned, enforcement: 'Observe' }))).toEqual(
      served(policyOf({ enforcement: 'Observe' })),
    );
    // Suspended brings everyone back; who is asked first is none of its business.
    for (const enforcement of ['Enforce', 'Suspended'] as const) {
      expect(served(policyOf({ ...zoned, enforcement }))?.proximity).toBe('Zone');
    }
  });
  it('says so in every effect, and asks for no eviction', () => {
    const activator = { mode: 'retryAndKill', maxRetryCount: 0 } as const;
    const w = world({ policy: policyOf({ enforcement: 'Observe', breakers: [observed], activator }) });
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    w.evaluations(2, w.bad('p1'));
    expect(w.stateOf('p1', 'shadow')).toBe('evicted');
    expect(w.effects.filter(({ kind }) => kind === 'evict')).toEqual([]);
    expect(w.effects.every((effect) => !('track' in effect) || effect.track === 'shadow')).toBe(true);
  });
  it('has a budget of its own', () => {
    const w = world({ policy: policyOf({ breakers: [breakerOf(), observed], budget: { holdAbovePercent: 100 } }) });
    w.evaluations(2, w.bad('p1', 'p2', 'p3'), 'errors');
    w.evaluations(2, w.bad('p4', 'p5', 'p6'), 'watch');
    expect([w.out(), w.out('shadow')]).toEqual([
      ['p1', 'p2'],
      ['p4', 'p5'],
    ]);
    expect([w.held('p3'), w.held('p6', 'shadow')]).toEqual(['budget', 'budget']);
  });
  it('needs no store and no place in the global velocity', () => {
    const w = world({ policy: observing, context: { canReduce: false, globalVelocity: 0 } });
    w.evaluations(2, w.bad('p1'));
    expect(w.out('shadow')).toEqual(['p1']);
  });
  it('of one breaker is inherited from nobody: the others still act', () => {
    const w = world({ policy: policyOf({ breakers: [breakerOf(), observed] }) });
    w.evaluations(2, w.bad('p1'), 'watch');
    w.evaluations(2, w.bad('p2'), 'errors');
    expect([w.out(), w.out('shadow')]).toEqual([['p2'], ['p1']]);
  });
  it('does not judge what is really out, nor by samples from when it was', () => {
    const w = world({ policy: policyOf({ breakers: [breakerOf(), observed], activator: { periodMs: 600_000 } }) });
    w.evaluations(2, w.bad('p1'), 'errors');
    w.evaluations(3, w.bad('p1'), 'watch');
    expect(w.stateOf('p1', 'shadow')).toBe('serving');
    w.restore('p1');
    w.evaluateNow(w.bad('p1'), 'watch');
    w.evaluateNow(w.bad('p1'), 'watch');
    expect(w.stateOf('p1', 'shadow')).toBe('serving');
  });
});

describe('an edit from Observe to Enforce', () => {
  const enforcing = policyOf({ breakers: [breakerOf({ name: 'watch' })], settle: 3 });
  const ready = (): World => {
    const w = world({ policy: observing });
    w.evaluations(2, w.bad('p1'));
    return w;
  };
  it('does not make real what was only thought', () => {
    const w = ready();
    w.policy(enforcing);
    expect([w.out(), w.out('shadow')]).toEqual([[], []]);
  });
  it('settles anew before it acts', () => {
    const w = ready();
    w.policy(enforcing);
    w.evaluations(3, w.bad('p1'));
    expect(w.out()).toEqual([]);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
});

it('Suspended judges nobody', () => {
  const w = world({ policy: policyOf({ enforcement: 'Suspended' }) });
  w.evaluations(5, w.bad('p1'));
  expect([w.out(), w.out('shadow'), w.held('p1'), w.effects]).toEqual([[], [], undefined, []]);
});
