/** What is decided, written and served, when the store or we ourselves fail in between. */
import { describe, expect, it } from 'vitest';
import {
  createManualClock,
  engineWorld,
  fleetOf,
  pricers,
  quickPolicy,
  service,
  settle,
} from '../test/support/engine.ts';

const stateOf = (world: Awaited<ReturnType<typeof engineWorld>>, name: string): string | undefined =>
  [...(world.state()?.enforced.decisions.values() ?? [])].find((decision) => decision.name === name)?.state;

describe('a write that ends', () => {
  it.each(Array.from({ length: 16 }, (_, turn) => turn))('takes along what happens in turn %d', async (turns) => {
    const world = await engineWorld();
    void world.eject('p1');
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    void world.eject('p2');
    await settle();
    expect(world.statuses()).toMatchObject({ p1: 'DRAINING', p2: 'DRAINING' });
    await world.stop();
  });
});

describe('a store that fails', () => {
  it('is a problem until it works again, and is told once', async () => {
    const world = await engineWorld();
    world.store.answer = 'fail';
    await world.eject('p3');
    void world.engine.suspendAll({ actor: 'test', reason: 'incident', sinceMs: 0 });
    await world.clock.advance(5000);
    expect(world.engine.problems().map(({ code }) => code)).toEqual(['KV0499', 'KV0499']);
    expect(world.problems).toHaveLength(2);
    world.store.answer = 'save';
    await world.clock.advance(2000);
    expect(world.engine.problems()).toEqual([]);
    await world.stop();
  });

  it('costs no velocity, neither of the Service nor of all: what never was, is not counted', async () => {
    const world = await engineWorld();
    for (let round = 0; round < 11; round++) {
      world.store.answer = 'full';
      world.errors.set('p3', 9);
      await world.clock.advance(2000);
      world.errors.clear();
      world.store.answer = 'save';
      await world.clock.advance(3000);
    }
    expect(world.state()?.enforced.ejections).toEqual([]);
    world.errors.set('p3', 9);
    await world.clock.advance(4000);
    expect(world.statuses()).toMatchObject({ p3: 'DRAINING' });
    await world.stop();
  });

  it('costs no eviction of those that there may be in an hour', async () => {
    const activator = { mode: 'retryAndKill', maxRetryCount: 0, maxEvictionsPerHour: 1 } as const;
    const world = await engineWorld(pricers({ activator }));
    world.errors.set('p3', 9);
    await world.clock.advance(4000);
    world.errors.delete('p3');
    while (stateOf(world, 'p3') !== 'probing') await world.clock.advance(1000);
    world.errors.set('p3', 9);
    world.store.answer = 'fail';
    await world.clock.advance(3000);
    expect([stateOf(world, 'p3'), world.state()?.enforced.evictions]).toEqual(['probing', []]);
    world.store.answer = 'save';
    await world.clock.advance(5000);
    expect([stateOf(world, 'p3'), world.state()?.enforced.evictions]).toMatchObject(['evicted', [{ backend: 'p3' }]]);
    await world.stop();
  });

  it('refuses what it cannot keep, and then it did not happen: not even out in another way', async () => {
    const world = await engineWorld();
    await world.eject('p3');
    world.store.answer = 'fail';
    expect(await world.eject('p3', { verb: 'pause' })).toMatchObject({ kind: 'refused', cause: 'store-down' });
    world.store.answer = 'save';
    await world.clock.advance(5000);
    expect(stateOf(world, 'p3')).toBe('ejected');
    expect(world.effects.flatMap((effect) => (effect.kind === 'transition' ? effect.to : []))).toEqual(['ejected']);
    await world.stop();
  });

  it('tells the story of a backend in the order in which it happened', async () => {
    const world = await engineWorld();
    world.store.answer = 'hang';
    void world.eject('p3');
    await settle();
    await world.restore('p3');
    world.store.release();
    world.store.answer = 'save';
    await world.clock.advance(5000);
    const told = world.effects.flatMap((effect) => (effect.kind === 'transition' ? effect.to : []));
    expect(told).toEqual(['ejected', 'serving']);
    await world.stop();
  });

  it('never ends the process: a write that throws is a problem like another', async () => {
    const world = await engineWorld();
    const { save } = world.store.store;
    world.store.store.save = () => Promise.reject(new Error('bug'));
    expect(await world.eject('p3')).toMatchObject({ kind: 'refused', cause: 'store-down' });
    world.store.store.save = save;
    await world.clock.advance(2000);
    expect(await world.eject('p3')).toMatchObject({ kind: 'done' });
    await world.stop();
  });
});

describe('a store that hangs', () => {
  it('does not keep the process from ending', async () => {
    const world = await engineWorld();
    world.store.answer = 'hang';
    const refused = world.eject('p3');
    await world.stop();
    expect(await refused).toMatchObject({ kind: 'refused', cause: 'store-down' });
  });

  it('and writes in the end what was given up does not bring it back', async () => {
    const world = await engineWorld();
    world.store.answer = 'hang';
    const refused = world.eject('p3');
    await world.clock.advance(5000);
    expect(await refused).toMatchObject({ kind: 'refused', cause: 'store-down' });
    world.store.answer = 'save';
    world.store.release();
    await world.clock.advance(5000);
    expect(world.statuses()).toMatchObject({ p3: 'HEALTHY' });
    expect(JSON.stringify(world.store.records.get(service)?.body)).not.toContain('"ejected"');
    await world.stop();
  });
});

describe('R9: a process that was taken for dead', () => {
  it('does not undo what its successor decides', async () => {
    const old = await engineWorld();
    const next = await engineWorld(pricers(), { store: old.store, clock: old.clock });
    await next.eject('p1');
    expect(await old.eject('p2')).toMatchObject({ kind: 'refused', cause: 'store-down' });
    for (let turn = 0; turn < 100; turn++) {
      await old.clock.advance(100);
      expect(JSON.stringify(old.store.records.get(service)?.body)).toContain('"p1"');
    }
    expect(old.statuses()).toMatchObject({ p2: 'HEALTHY' });
    await next.stop();
    await old.stop();
  });

  it('gives way to its successor, if it was the last that wrote', async () => {
    const old = await engineWorld();
    const next = await engineWorld(pricers(), { store: old.store, clock: old.clock });
    await old.eject('p2');
    // The first attempt finds out, and the next one writes.
    await next.eject('p1');
    await next.clock.advance(2000);
    expect(await next.eject('p1')).toMatchObject({ kind: 'done' });
    expect(JSON.stringify(old.store.records.get(service)?.body)).not.toContain('"p2"');
    await next.stop();
    await old.stop();
  });
});

describe('the suspension of everything', () => {
  const suspension = { actor: 'test', reason: 'incident', sinceMs: 0 };

  it('is written as soon as the store works again', async () => {
    const world = await engineWorld();
    world.store.answer = 'fail';
    void world.engine.suspendAll(suspension);
    await world.clock.advance(3000);
    world.store.answer = 'save';
    await world.clock.advance(3000);
    expect(world.store.global).toEqual({ suspension });
    await world.stop();
  });

  it('is written when the store that hung goes on, as it was said last', async () => {
    const world = await engineWorld();
    world.store.answer = 'hang';
    void world.engine.suspendAll(suspension);
    await world.clock.advance(10_000);
    world.store.answer = 'save';
    void world.engine.suspendAll(undefined);
    world.store.release();
    await world.clock.advance(10_000);
    expect(world.store.global).toEqual({ resumedMs: expect.any(Number) });
    await world.stop();
  });

  it('holds after a restart, until it is lifted', async () => {
    const before = await engineWorld();
    void before.engine.suspendAll(suspension);
    await before.stop();
    const after = await engineWorld(pricers(), { store: before.store, clock: before.clock });
    after.errors.set('p3', 9);
    await after.clock.advance(10_000);
    expect(after.statuses()).toMatchObject({ p3: 'HEALTHY' });
    void after.engine.suspendAll(undefined);
    await after.clock.advance(10_000);
    expect(after.statuses()).toMatchObject({ p3: 'DRAINING' });
    await after.stop();
  });
});

describe('a freeze', () => {
  const freeze = { verb: 'freeze', forMs: 60_000, actor: 'test', reason: 'incident' } as const;

  it('holds at once while the store fails, is told so, and written as soon as it works again', async () => {
    const world = await engineWorld();
    world.store.answer = 'fail';
    expect(await world.engine.command(service, freeze)).toMatchObject({ kind: 'done', state: { freeze: {} } });
    await world.clock.advance(3000);
    world.store.answer = 'save';
    await world.clock.advance(3000);
    expect(world.store.records.get(service)?.body).toMatchObject({
      freeze: { durationMs: 60_000, reason: 'incident' },
    });
    await world.stop();
  });

  it('is on record when it is told, holds after a crash, and ends with its time though nothing else happens', async () => {
    const before = await engineWorld();
    await before.engine.command(service, freeze);
    // Nothing is said to the engine: it is killed.
    const after = await engineWorld(pricers(), { store: before.store, clock: before.clock });
    after.errors.set('p3', 9);
    await after.clock.advance(59_000);
    expect(after.statuses()).toMatchObject({ p3: 'HEALTHY' });
    expect(after.effects).toContainEqual(expect.objectContaining({ kind: 'held', cause: 'frozen', name: 'p3' }));
    await after.clock.advance(3000);
    expect(after.statuses()).toMatchObject({ p3: 'DRAINING' });
    await after.stop();
    await before.stop();
  });
});

describe('a Service that is gone', () => {
  const gone = [
    { kind: 'policy-gone', service },
    { kind: 'fleet-gone', service },
  ] as const;

  it('is forgotten, also by the store', async () => {
    const world = await engineWorld();
    await world.eject('p3');
    world.change(...gone);
    await settle();
    expect(world.store.records.size).toBe(0);
    expect(world.engine.states()).toEqual([]);
    expect(world.removed).toEqual([service]);
    await world.stop();
  });

  it('is not written again by a write that failed while it went', async () => {
    const world = await engineWorld();
    world.store.answer = 'hang';
    void world.eject('p3');
    await settle();
    world.change(...gone);
    const { asked } = world.store;
    await world.clock.advance(60_000);
    expect(world.store.asked).toBe(asked);
    world.store.release();
    await world.clock.advance(60_000);
    expect([world.store.asked, world.store.records.size]).toEqual([asked, 0]);
    await world.stop();
  });

  it('and comes back starts anew, whatever of its past is still under way', async () => {
    const world = await engineWorld();
    world.store.answer = 'hang';
    void world.eject('p3');
    await settle();
    world.change(...gone);
    world.change({ kind: 'fleet', fleet: fleetOf(6) }, { kind: 'policy', policy: quickPolicy() });
    world.store.answer = 'save';
    world.store.release();
    await world.clock.advance(20_000);
    expect(await world.eject('p4')).toMatchObject({ kind: 'done' });
    await world.clock.advance(20_000);
    const body = JSON.stringify(world.store.records.get(service)?.body);
    expect([body.includes('"p3"'), body.includes('"p4"')]).toEqual([false, true]);
    await world.stop();
  });
});

describe('a crash', () => {
  it.each([0, 1, 2, 3, 5, 8])(
    '%d turns after an ejection was asked for serves nothing the restart does not',
    async (turns) => {
      const clock = createManualClock();
      const before = await engineWorld(pricers(), { clock });
      void before.eject('p3');
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const served = before.statuses();
      // Nothing is said to the engine: it is killed.
      const after = await engineWorld(pricers(), { clock, store: before.store });
      if (served['p3'] === 'DRAINING') expect(after.statuses()).toMatchObject({ p3: 'DRAINING' });
      else expect(served).toMatchObject({ p3: 'HEALTHY' });
      await after.stop();
      await before.stop();
    },
  );
});
