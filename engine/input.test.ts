/** An input that could not be read whole: what is missing from it is not known to be gone. */
import { describe, expect, it } from 'vitest';
import {
  createManualClock,
  createMemoryStore,
  engineWorld,
  fleetOf,
  pricers,
  quickPolicy,
  service,
  settle,
} from '../test/support/engine.ts';
import type { SourceChange } from './sources/source.ts';

const emptyFleet: SourceChange = { kind: 'fleet', fleet: fleetOf([]) };
const fleet: SourceChange = { kind: 'fleet', fleet: fleetOf(6) };
const policy: SourceChange = { kind: 'policy', policy: quickPolicy() };

/** p3 is out, and the process ends. */
async function past() {
  const [store, clock] = [createMemoryStore(), createManualClock()];
  const world = await engineWorld(pricers(), { store, clock });
  await world.eject('p3', { forMs: 3_600_000 });
  await world.stop();
  return { store, clock };
}

describe('R2: a first reading that misses something', () => {
  it('publishes no Service as empty, before the input was whole once', async () => {
    let isComplete = false;
    const world = await engineWorld([emptyFleet], { isComplete: () => isComplete });
    expect(world.published).toEqual([]);
    world.change();
    expect(world.published).toEqual([]);

    isComplete = true;
    world.change();
    expect(world.published).toMatchObject([{ service, ports: [{ localities: [] }] }]);
    await world.stop();
  });

  it('publishes what it has of the others', async () => {
    const world = await engineWorld([fleet], { isComplete: () => false });
    expect(Object.keys(world.statuses())).toHaveLength(6);
    await world.stop();
  });

  it('believes a Service that was there and empties later, though something else cannot be read', async () => {
    let isComplete = true;
    const world = await engineWorld([fleet], { isComplete: () => isComplete });
    isComplete = false;
    world.change(emptyFleet);
    expect(world.published.at(-1)).toMatchObject({ ports: [{ localities: [] }] });
    await world.stop();
  });
});

describe('decisions on record', () => {
  it('of a Service that is missing wait until the input is whole', async () => {
    let isComplete = false;
    const world = await engineWorld([], { ...(await past()), isComplete: () => isComplete });
    expect(world.store.records.size).toBe(1);
    world.change(fleet, policy);
    expect(world.statuses()['p3']).toBe('DRAINING');
    isComplete = true;
    world.change();
    expect(world.statuses()['p3']).toBe('DRAINING');
    await world.stop();
  });

  it('of a Service that is really gone go with it', async () => {
    let isComplete = false;
    const world = await engineWorld([], { ...(await past()), isComplete: () => isComplete });
    isComplete = true;
    world.change();
    await settle();
    expect(world.store.records.size).toBe(0);
    await world.stop();
  });

  it('keep a policy that cannot be read in force: its breakers go on judging', async () => {
    const world = await engineWorld([fleet], { ...(await past()), isComplete: () => false });
    world.errors.set('p5', 9);
    await world.clock.advance(5000);
    expect(world.statuses()).toMatchObject({ p3: 'DRAINING', p5: 'DRAINING' });
    await world.stop();
  });
});

describe('what a person asks for before anything was read', () => {
  it('holds: everything is suspended, whatever is on record', async () => {
    const { store, clock } = await past();
    const world = await engineWorld(pricers(), {
      store,
      clock,
      beforeStart: (engine) => void engine.suspendAll({ actor: 'test', reason: 'incident', sinceMs: clock.now() }),
    });
    await clock.advance(5000);
    expect(world.statuses()['p3']).toBe('HEALTHY');
    expect(store.global).toMatchObject({ suspension: { reason: 'incident' } });
    await world.stop();
  });
});
