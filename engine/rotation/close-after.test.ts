import { describe, expect, it } from 'vitest';
import { breakerOf, deviationOf, policyOf, type World, world } from '../../test/support/world.ts';
import type { EjectPolicy } from '../policy/policy.ts';

const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 'seconds', operator: '>', value: 5 } });

function ejected(eject: EjectPolicy, change: Parameters<typeof policyOf>[0] = {}): World {
  const w = world({ policy: policyOf({ eject, activator: { periodMs: 1_800_000 }, ...change }) });
  w.evaluations(2, w.bad('p1'));
  return w;
}
const closing = (then: EjectPolicy['then']): EjectPolicy => ({ how: 'Drain', closeAfterMs: 60_000, then });

describe('closeAfter', () => {
  it('absent: it drains for as long as it is out', () => {
    const w = ejected({ how: 'Drain', then: 'None' });
    w.pass(600_000);
    expect(w.served()['p1']).toBe('DRAINING');
  });
  it('then Remove: it is no longer listed, and that is told', () => {
    const w = ejected(closing('Remove'));
    w.pass(59_999);
    expect(w.served()['p1']).toBe('DRAINING');
    w.pass(1);
    expect(w.served()['p1']).toBeUndefined();
    expect(w.effects.at(-1)).toMatchObject({ kind: 'transition', to: 'ejected', why: 'close-after' });
  });
  it('then None: nothing happens', () => {
    const w = ejected(closing('None'));
    w.pass(600_000);
    expect(w.served()['p1']).toBe('DRAINING');
  });
  it('then Evict: eviction is asked for, once', () => {
    const w = ejected(closing('Evict'));
    w.pass(600_000);
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['evicted', undefined]);
    expect(w.effects.filter(({ kind }) => kind === 'evict')).toHaveLength(1);
  });
  it('then Evict: not for what a person took out, that is only closed', () => {
    const w = world({ policy: policyOf({ eject: closing('Evict') }) });
    w.eject('p1');
    w.pass(60_000);
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['ejected', undefined]);
    expect(w.effects.filter(({ kind }) => kind === 'evict')).toEqual([]);
  });
  it('counts from the ejection, and anew from the next', () => {
    const w = ejected(closing('Remove'), { activator: { periodMs: 80_000 } });
    w.pass(80_000);
    expect(w.served()['p1']).toBe('5');
    w.evaluate(w.bad('p1'));
    expect(w.served()['p1']).toBe('DRAINING');
  });
  it('closes what waits for its eviction too', () => {
    const activator = { mode: 'retryAndKill', maxRetryCount: 0, periodMs: 30_000 } as const;
    const w = ejected(closing('Remove'), { activator });
    w.pass(30_000);
    w.evaluate(w.bad('p1'));
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['evicted', 'DRAINING']);
    w.pass(60_000);
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['evicted', undefined]);
  });
  it('waits while it cannot be written down', () => {
    const w = ejected(closing('Remove'));
    w.context = { ...w.context, canReduce: false };
    w.pass(600_000);
    expect(w.served()['p1']).toBe('DRAINING');
    w.context = { ...w.context, canReduce: true };
    w.evaluate(w.bad());
    expect(w.served()['p1']).toBeUndefined();
  });
});

describe('no eviction', () => {
  it('of one that the fleet needs back at the same moment', () => {
    const w = ejected(closing('Evict'));
    w.pass(20_000);
    for (const name of ['p2', 'p3', 'p4']) w.change(name, { ready: false });
    w.context = { ...w.context, timing: { ...w.context.timing, breachDelayMs: 40_000 } };
    w.pass(40_000);
    expect([w.stateOf('p1'), w.effects.filter(({ kind }) => kind === 'evict')]).toEqual(['serving', []]);
  });
  it('while holdAbovePercent holds', () => {
    const w = ejected(closing('Evict'), { breakers: [breakerOf({ confirm: { of: 20, atLeast: 2 } })] });
    w.pass(53_000);
    w.evaluations(3, w.bad('p3', 'p4', 'p5', 'p6'));
    expect(w.stateOf('p1')).toBe('ejected');
    w.evaluate(w.bad());
    expect(w.stateOf('p1')).toBe('evicted');
  });
  it('while the breaker that ejected it sees the whole fleet moved', () => {
    const price = breakerOf({ name: 'price', detector: deviationOf() });
    const w = world({
      policy: policyOf({
        eject: closing('Evict'),
        breakers: [price, slow],
        activator: { periodMs: 1_800_000 },
        budget: { holdAbovePercent: 100 },
      }),
    });
    w.evaluate(w.all(100), 'price');
    w.evaluations(2, w.all(100, { p1: 0 }), 'price');
    w.pass(53_000);
    w.evaluations(2, w.all(160), 'price');
    expect(w.stateOf('p1')).toBe('ejected');
    w.evaluate(w.all(100), 'price');
    expect(w.stateOf('p1')).toBe('evicted');
  });
});

describe('how it is taken out', () => {
  it.each([
    ['Drain', 'DRAINING'],
    ['MarkUnhealthy', 'UNHEALTHY'],
    ['Remove', undefined],
  ] as const)('%s', (how, status) => {
    expect(ejected({ how, then: 'None' }).served()['p1']).toBe(status);
  });
});
