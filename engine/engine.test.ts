import { describe, expect, it } from 'vitest';
import type { SourceChange } from './sources/source.ts';
import { engineWorld, fleetOf, pricers, quickPolicy, service } from '../test/support/engine.ts';
import type { Problem } from './problem.ts';

describe('the loop', () => {
  it('takes a confirmed anomaly out of what is published, and writes it down first', async () => {
    const { errors, clock, statuses, store, stop } = await engineWorld();
    errors.set('p3', 9);
    await clock.advance(4000);
    expect(statuses()['p3']).toBe('DRAINING');
    expect(JSON.stringify(store.records.get(service)?.body)).toContain('"state":"ejected"');
    await stop();
  });

  it('serves no reduction that could not be written, and holds the anomaly as store-down', async () => {
    const { errors, clock, statuses, store, effects, engine, stop } = await engineWorld();
    store.answer = 'fail';
    errors.set('p3', 9);
    await clock.advance(6000);
    expect(statuses()['p3']).toBe('HEALTHY');
    expect(effects).toContainEqual(expect.objectContaining({ kind: 'held', cause: 'store-down', name: 'p3' }));
    expect(engine.states()[0]?.enforced.decisions.size).toBe(0);
    expect(effects.filter(({ kind }) => kind === 'transition')).toEqual([]);

    store.answer = 'save';
    await clock.advance(4000);
    expect(statuses()['p3']).toBe('DRAINING');
    expect(effects).toContainEqual(expect.objectContaining({ kind: 'transition', to: 'ejected', name: 'p3' }));
    await stop();
  });

  it('brings back at once while the store hangs', async () => {
    const { errors, clock, statuses, store, restore, stop } = await engineWorld();
    errors.set('p3', 9);
    await clock.advance(4000);
    store.answer = 'hang';
    const outcome = await restore('p3');
    expect(outcome.kind).toBe('done');
    expect(statuses()['p3']).toBe('HEALTHY');
    await clock.advance(10_000);
    await stop();
  });

  it('answers a manual ejection only when it is on record, and refuses it when it cannot be', async () => {
    const { clock, statuses, store, eject, stop } = await engineWorld();
    store.answer = 'fail';
    expect(await eject('p2')).toMatchObject({ kind: 'refused', cause: 'store-down' });
    expect(statuses()['p2']).toBe('HEALTHY');
    store.answer = 'save';
    await clock.advance(2000);
    expect(await eject('p2')).toMatchObject({ kind: 'done' });
    expect(statuses()['p2']).toBe('DRAINING');
    await stop();
  });

  it('publishes after a restart exactly what it published before', async () => {
    const before = await engineWorld();
    before.errors.set('p3', 9);
    await before.clock.advance(4000);
    await before.stop();
    const after = await engineWorld(pricers(), { store: before.store, clock: before.clock });
    expect(after.published.at(-1)).toEqual(before.published.at(-1));
    expect(after.statuses()['p3']).toBe('DRAINING');
    await after.stop();
  });

  it('publishes nothing while nothing changes', async () => {
    const { published, clock, stop } = await engineWorld();
    const count = published.length;
    await clock.advance(30_000);
    expect(published.length).toBe(count);
    await stop();
  });

  it('keeps the last accepted policy while the one on file is invalid, also over a restart', async () => {
    const before = await engineWorld();
    await before.clock.advance(2000);
    await before.stop();
    const invalid: readonly SourceChange[] = [
      { kind: 'fleet', fleet: fleetOf(6) },
      { kind: 'policy-invalid', service, problems: [] },
    ];
    const after = await engineWorld(invalid, { store: before.store, clock: before.clock });
    after.errors.set('p3', 9);
    await after.clock.advance(4000);
    expect(after.statuses()['p3']).toBe('DRAINING');
    await after.stop();
  });

  it('says that one on file is invalid, until it is mended or gone', async () => {
    const world = await engineWorld();
    const problem: Problem = { code: 'KV0101', severity: 'error', message: 'no such field' };
    expect(world.engine.problemsOf(service)).toEqual([]);
    world.change({ kind: 'policy-invalid', service, problems: [problem] });
    expect(world.engine.problemsOf(service)).toEqual([{ about: 'policy', problem }]);
    world.change({ kind: 'policy', policy: quickPolicy() });
    expect(world.engine.problemsOf(service)).toEqual([]);
    world.change({ kind: 'policy-invalid', service, problems: [problem] });
    world.change({ kind: 'policy-gone', service });
    expect(world.engine.problemsOf(service)).toEqual([]);
    await world.stop();
  });

  it('lets everybody back when the policy was deleted while we were away', async () => {
    const before = await engineWorld();
    before.errors.set('p3', 9);
    await before.clock.advance(4000);
    await before.stop();
    const after = await engineWorld([{ kind: 'fleet', fleet: fleetOf(6) }], {
      store: before.store,
      clock: before.clock,
    });
    await after.clock.advance(120_000);
    expect(after.statuses()['p3']).toBe('HEALTHY');
    expect(after.engine.states()[0]?.enforced.decisions.size).toBe(0);
    await after.stop();
  });

  it('suspends everything at once, manual acts included, while the store hangs', async () => {
    const { errors, clock, statuses, store, engine, stop } = await engineWorld();
    errors.set('p3', 9);
    await clock.advance(4000);
    store.answer = 'hang';
    void engine.suspendAll({ actor: 'test', reason: 'incident', sinceMs: clock.now() });
    expect(Object.values(statuses())).toEqual(Array(6).fill('HEALTHY'));
    await clock.advance(20_000);
    expect(Object.values(statuses())).toEqual(Array(6).fill('HEALTHY'));
    await stop();
  });

  it('leads where nobody shares its store, and under the epoch it was given', async () => {
    const { engine, stop } = await engineWorld();
    expect(engine.role()).toEqual({ kind: 'leading', epoch: 1 });
    await stop();
  });
});
