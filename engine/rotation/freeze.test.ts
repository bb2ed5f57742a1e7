import { describe, expect, it } from 'vitest';
import { breakerOf, fleetOf, policyOf, type PolicyChange, type World, world } from '../../test/support/world.ts';
import { longestActMs } from './context.ts';
import type { Decision } from './decision.ts';
import { fromRecord, isWorthSaving, toRecord } from './record.ts';
import type { ServiceState } from './state.ts';
import { step } from './step.ts';

const hour = 3_600_000;
const who = { actor: 'ana', reason: 'the metrics move house' } as const;
const freeze = (w: World, forMs = hour) => w.command({ verb: 'freeze', forMs, ...who });
const suspend = { verb: 'suspend', ...who } as const;

/** p1 is out by a breaker for half a minute at most. */
function ejected(change: PolicyChange = {}): World {
  const w = world({ policy: policyOf(change) });
  w.evaluations(2, w.bad('p1'));
  return w;
}

describe('while it is frozen, by itself', () => {
  it('nobody goes out: who is found anomalous is held, and shown with the verdict', () => {
    const w = world();
    freeze(w);
    w.evaluations(5, w.bad('p1'));
    expect([w.out(), w.held('p1')]).toEqual([[], 'frozen']);
    expect(w.effects.filter(({ kind }) => kind === 'held')).toMatchObject([{ cause: 'frozen', name: 'p1' }]);
    expect(w.state.breakers.get('errors')?.streaks.get(fleetOf(1).backends[0]?.id ?? ('' as never))).toHaveLength(3);
  });
  it('nobody comes back: a time out that is over waits for the end of the freeze', () => {
    const w = ejected();
    freeze(w);
    w.pass(hour - 1);
    expect(w.stateOf('p1')).toBe('ejected');
    w.pass(1);
    expect(w.stateOf('p1')).toBe('probing');
  });
  it.each(['bad', 'good'])('nobody on the way back moves, nor gets a strike, whatever is found: %s', (what) => {
    const w = ejected();
    w.pass(30_000);
    freeze(w);
    w.evaluations(20, what === 'bad' ? w.bad('p1') : w.bad());
    expect(w.decision('p1')).toMatchObject({ state: 'probing', step: 0, retries: 0 });
  });
  it('strikes are not forgotten either', () => {
    const w = ejected({ activator: { resetAfterMs: 30_000 } });
    w.pass(30_000);
    w.evaluations(8, w.bad());
    expect(w.stateOf('p1')).toBe('serving');
    freeze(w);
    w.evaluations(20, w.bad());
    expect(w.decision('p1')?.state).toBe('serving');
  });
  it('no connection is closed and nobody is evicted', () => {
    const w = ejected({ eject: { how: 'Drain', closeAfterMs: 10_000, then: 'Evict' } });
    freeze(w);
    w.pass(hour - 1);
    expect([w.decision('p1')?.closed, w.effects.filter(({ kind }) => kind === 'evict')]).toEqual([false, []]);
  });
  it('a failure that turns out to be shared brings nobody back before its end', () => {
    const w = ejected();
    freeze(w);
    w.evaluations(5, w.bad('p2', 'p3', 'p4', 'p5'));
    expect(w.out()).toEqual(['p1']);
  });
  it('nobody returns for having starved', () => {
    const starved = { kind: 'time', note: 'starved' } as const;
    const w = ejected({ activator: { onStarved: 'Restore' } });
    w.pass(30_000);
    const decision = { ...w.decision('p1'), returning: starved } as Decision;
    const enforced = { ...w.state.enforced, decisions: new Map([[decision.backend, decision]]) };
    const frozen = { ...w.state, enforced, freeze: { ...who, sinceMs: w.now, durationMs: hour } };
    const later = step(frozen, { kind: 'tick' }, { ...w.context, now: w.now + hour / 2 });
    expect(later.state.enforced.decisions.get(decision.backend)?.state).toBe('probing');
    const thawed = step(later.state, { kind: 'tick' }, { ...w.context, now: w.now + hour });
    expect(thawed.state.enforced.decisions.get(decision.backend)?.state).toBe('ramping');
  });
  it('the shadow stands still as well', () => {
    const w = world({
      policy: policyOf({ enforcement: 'Observe', breakers: [breakerOf({ enforcement: 'Observe' })] }),
    });
    freeze(w);
    w.evaluations(3, w.bad('p1'));
    expect([w.out('shadow'), w.held('p1', 'shadow')]).toEqual([[], 'frozen']);
  });
  it('the floor still gets back who is missed', () => {
    const w = ejected();
    freeze(w);
    for (const name of ['p2', 'p3', 'p4']) w.change(name, { ready: false });
    w.pass(60_000);
    expect(w.out()).toEqual([]);
  });
});

describe('while it is frozen, by a person', () => {
  it('backends go out and come back', () => {
    const w = ejected();
    freeze(w);
    w.restore('p1');
    w.eject('p2');
    expect(w.out()).toEqual(['p2']);
  });
  it('the ramp of a restore goes on', () => {
    const w = ejected();
    freeze(w);
    w.restore('p1', true);
    w.pass(30_000);
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('whom a breaker took out comes back when the breaker, or the policy, is removed', () => {
    for (const edited of [undefined, policyOf({ breakers: [breakerOf({ name: 'other' })] })]) {
      const w = ejected();
      freeze(w);
      w.policy(edited);
      expect(w.served()['p1']).toBe('5');
      w.pass(30_000);
      expect(w.served()['p1']).toBe('100');
    }
  });
  it('one that is put out stays out to the end, though its time is over', () => {
    const w = world();
    freeze(w);
    w.eject('p1');
    w.pass(hour - 1);
    expect(w.stateOf('p1')).toBe('ejected');
    w.pass(1);
    expect(w.stateOf('p1')).toBe('probing');
  });
});

describe('it ends', () => {
  it('with its time, and what was found meanwhile counts', () => {
    const w = world();
    freeze(w, 12_000);
    w.evaluations(2, w.bad('p1'));
    w.forgetEffects();
    w.pass(2_000);
    expect(w.effects).toEqual([{ kind: 'freeze', frozen: false, why: 'expired' }]);
    w.evaluate(w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('by a person', () => {
    const w = ejected();
    freeze(w);
    w.pass(60_000);
    w.command({ verb: 'unfreeze', ...who });
    expect([w.state.freeze, w.stateOf('p1')]).toEqual([undefined, 'probing']);
    expect(w.effects).toContainEqual({ kind: 'freeze', frozen: false, why: 'manual', by: who });
  });
  it('when another says so: the last one counts, also a shorter one', () => {
    const w = ejected();
    freeze(w);
    freeze(w, 60_000);
    w.pass(60_000);
    expect(w.stateOf('p1')).toBe('probing');
  });
  it('with the same moment, whatever happens then', () => {
    const w = world();
    freeze(w, 15_000);
    w.evaluations(3, w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('no later than its time, when the clock is set back', () => {
    const w = ejected();
    freeze(w);
    w.setClock(w.now - 5 * hour);
    w.step({ kind: 'tick' });
    w.pass(hour);
    expect(w.state.freeze).toBeUndefined();
  });
});

describe('the kill switch wins over a freeze, and over every timer that waits (R15)', () => {
  it('of the Service: everyone a breaker took out is back; resumed, the freeze has its time', () => {
    const w = ejected();
    freeze(w);
    w.command(suspend);
    expect([w.out(), w.served()['p1']]).toEqual([[], '100']);
    w.command({ verb: 'resume', ...who });
    w.evaluations(5, w.bad('p1'));
    expect([w.out(), w.held('p1')]).toEqual([[], 'frozen']);
    w.pass(hour);
    w.evaluations(2, w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('in the policy: the same', () => {
    const w = ejected();
    freeze(w);
    w.policy(policyOf({ enforcement: 'Suspended' }));
    expect([w.out(), w.served()['p1']]).toEqual([[], '100']);
  });
  it('of everything: manual acts and freezes are over, and nothing that was due happens any more', () => {
    const w = ejected({ eject: { how: 'Drain', closeAfterMs: 40_000, then: 'Evict' } });
    w.eject('p6');
    w.restore('p6', true);
    w.eject('p5', { forMs: 20_000 });
    freeze(w);
    w.context = { ...w.context, globallySuspended: true, canReduce: false };
    w.forgetEffects();
    w.step({ kind: 'tick' });
    expect([w.out(), w.state.freeze]).toEqual([[], undefined]);
    expect(w.effects).toContainEqual({ kind: 'freeze', frozen: false, why: 'suspended' });
    w.forgetEffects();
    w.pass(2 * hour);
    w.evaluations(5, w.bad('p1'));
    expect([w.out(), w.effects]).toEqual([[], []]);
    expect(Object.values(w.served())).toEqual(Array.from({ length: 6 }, () => '100'));
  });
  it('and nothing is frozen while it lasts', () => {
    const w = world({ context: { globallySuspended: true } });
    expect(freeze(w)).toMatchObject([{ kind: 'refused', cause: 'suspended' }]);
    expect(w.state.freeze).toBeUndefined();
  });
});

describe('on record', () => {
  const reborn = (state: ServiceState, change: object = {}): ServiceState =>
    fromRecord({ ...JSON.parse(JSON.stringify(toRecord(state, 1))), ...change }, fleetOf(6));

  it('it is worth a write, and survives', () => {
    const w = world();
    const before = toRecord(w.state, 1);
    freeze(w);
    expect(isWorthSaving(before, toRecord(w.state, 1))).toBe(true);
    expect(reborn(w.state).freeze).toEqual({ ...who, sinceMs: w.now, durationMs: hour });
  });
  it('also of a Service without a policy', () => {
    const w = world({ policy: undefined });
    expect(isWorthSaving(undefined, toRecord(w.state, 1))).toBe(false);
    freeze(w);
    expect(isWorthSaving(undefined, toRecord(w.state, 1))).toBe(true);
  });
  it.each([
    ['absent, as in older records', undefined, undefined],
    ['without a duration', { ...who, sinceMs: 0 }, undefined],
    ['of a nonsense moment', { ...who, sinceMs: 'then', durationMs: hour }, undefined],
    ['longer than any may be', { ...who, sinceMs: 0, durationMs: 9e15 }, longestActMs],
  ])('%s', (_, written, durationMs) => {
    expect(reborn(world().state, { freeze: written }).freeze?.durationMs).toBe(durationMs);
  });
});
