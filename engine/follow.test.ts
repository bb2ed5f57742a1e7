/** Several replicas around one store: one decides, all serve. */
import { describe, expect, it } from 'vitest';
import { createClusterStore } from '../test/support/cluster-store.ts';
import {
  createManualClock,
  type EngineWorld,
  engineWorld,
  fleetOf,
  pricers,
  quickPolicy,
  service,
  settle,
} from '../test/support/engine.ts';
import { twoReplicas, withOneOut } from '../test/support/replicas.ts';
import { backendId } from './model.ts';

const everybody = Array(6).fill('HEALTHY');
const healthyAt = (...worlds: readonly EngineWorld[]): void => {
  for (const world of worlds) expect(Object.values(world.statuses())).toEqual(everybody);
};
const suspension = { actor: 'test', reason: 'incident', sinceMs: 0 };

describe('a follower', () => {
  it('judges nobody, asks nobody, writes nothing, and serves what the leader has on record', async () => {
    const { a, b, cluster, stop } = await withOneOut();
    expect(b.asked).toBe(0);
    expect(b.effects).toEqual([]);
    expect(b.published.at(-1)).toEqual(a.published.at(-1));
    expect([a.engine.role(), b.engine.role()]).toEqual([{ kind: 'leading', epoch: 2 }, { kind: 'following' }]);
    expect(cluster.records.get(service)?.body).toMatchObject({ epoch: 2 });
    await stop();
  });

  it("moves nobody by time: the way back is the leader's", async () => {
    const { a, b, processB, advance, stop } = await withOneOut();
    a.errors.clear();
    processB.isLate = true;
    await advance(600_000);
    expect(b.statuses()['p3']).toBe('DRAINING');
    processB.hear();
    expect(b.statuses()['p3']).not.toBe('DRAINING');
    await stop();
  });

  it('follows the fleet by itself', async () => {
    const { a, b, change, cluster, stop } = await withOneOut();
    cluster.elect();
    change({ kind: 'fleet', fleet: fleetOf(7) });
    expect(b.statuses()).toMatchObject({ p3: 'DRAINING', p7: 'HEALTHY' });
    expect(b.published.at(-1)).toEqual(a.published.at(-1));
    await stop();
  });

  it('refuses what was decided before what it knows', async () => {
    const { b, cluster, processB, stop } = await withOneOut();
    const older = {
      ...(cluster.records.get(service)?.body as object),
      epoch: 1,
      enforced: { decisions: [], ejections: [] },
    };
    const writer = cluster.open('zombie');
    processB.isLate = false;
    await writer.store.save(service, older, cluster.records.get(service)?.revision ?? 0);
    expect(b.statuses()['p3']).toBe('DRAINING');
    await stop();
  });

  it.each([['Suspended'], ['Observe']] as const)(
    'without a leader, under %s serves everybody at once',
    async (enforcement) => {
      const { a, b, cluster, change, stop } = await withOneOut();
      cluster.elect();
      change({ kind: 'policy', policy: quickPolicy({ enforcement }) });
      healthyAt(a, b);
      await stop();
    },
  );

  it('of two people who suspend and resume everything at the same moment, all replicas obey whose word is on record', async () => {
    const { a, b, cluster, stop } = await twoReplicas();
    void a.engine.suspendAll(suspension);
    void b.engine.suspendAll(undefined);
    await settle();
    expect(cluster.global).toEqual({ resumedMs: expect.any(Number) });
    expect([a.engine.suspension(), b.engine.suspension()]).toEqual([undefined, undefined]);
    await stop();
  });

  it('a suspension that was asked for while cut off holds there, and ends when everything was resumed elsewhere since', async () => {
    const { a, b, processB, cluster, advance, stop } = await withOneOut();
    const now = (): number => a.clock.now();
    processB.isCut = true;
    void b.engine.suspendAll({ ...suspension, sinceMs: now() });
    await advance(60_000);
    healthyAt(b);
    expect(a.statuses()['p3']).toBe('DRAINING');
    void a.engine.suspendAll({ ...suspension, sinceMs: now() });
    await advance(1_000);
    void a.engine.suspendAll(undefined);
    await advance(1_000);
    processB.isCut = false;
    await advance(2_000);
    expect([a.engine.suspension(), b.engine.suspension()]).toEqual([undefined, undefined]);
    expect(cluster.global).toEqual({ resumedMs: expect.any(Number) });
    await stop();
  });

  it("a suspension that was asked for while cut off is everybody's afterwards, where nobody has said anything since", async () => {
    const { a, b, processB, advance, stop } = await withOneOut();
    void a.engine.suspendAll({ ...suspension, sinceMs: a.clock.now() });
    await advance(1_000);
    processB.isCut = true;
    void a.engine.suspendAll(undefined);
    await advance(1_000);
    const asked = { ...suspension, sinceMs: a.clock.now() };
    void b.engine.suspendAll(asked);
    await advance(60_000);
    processB.isCut = false;
    await advance(2_000);
    expect([a.engine.suspension(), b.engine.suspension()]).toEqual([asked, asked]);
    await stop();
  });

  it('keeps out whom a person took out, unless everything is suspended', async () => {
    const { a, b, cluster, change, stop } = await twoReplicas();
    await a.eject('p2');
    cluster.elect();
    change({ kind: 'policy', policy: quickPolicy({ enforcement: 'Suspended' }) });
    expect(b.statuses()['p2']).toBe('DRAINING');
    void b.engine.suspendAll(suspension);
    await settle();
    healthyAt(a, b);
    expect(cluster.global).toEqual({ suspension });
    void a.engine.suspendAll(undefined);
    await settle();
    expect(b.engine.suspension()).toBeUndefined();
    await stop();
  });

  describe('whom a suspension brought back stays in when it ends, until somebody decides about it again', () => {
    const enforcing = { kind: 'policy', policy: quickPolicy({ enforcement: 'Enforce' }) } as const;
    const suspended = { kind: 'policy', policy: quickPolicy({ enforcement: 'Suspended' }) } as const;

    it('with nobody leading, however long, and at whoever leads next', async () => {
      const { a, b, cluster, change, advance, stop } = await withOneOut();
      cluster.elect();
      change(suspended);
      await advance(3_600_000);
      change(enforcing);
      healthyAt(a, b);
      b.errors.clear();
      cluster.elect('b');
      await settle();
      healthyAt(a, b);
      expect(b.effects).toEqual([
        expect.objectContaining({ kind: 'transition', name: 'p3', to: 'serving', why: 'suspended' }),
      ]);
      expect(cluster.records.get(service)?.body).toMatchObject({ enforced: { decisions: [] } });
      b.errors.set('p3', 9);
      await advance(4000);
      expect([a.statuses()['p3'], b.statuses()['p3']]).toEqual(['DRAINING', 'DRAINING']);
      await stop();
    });

    it('of everything, and those as well whom people took out', async () => {
      const { a, b, cluster, advance, stop } = await withOneOut();
      await a.eject('p2');
      cluster.elect();
      void b.engine.suspendAll(suspension);
      await settle();
      void b.engine.suspendAll(undefined);
      await advance(60_000);
      healthyAt(a, b);
      await stop();
    });

    it('although what a leader made of it is not on record yet', async () => {
      const { a, b, processB, change, stop } = await withOneOut();
      processB.isLate = true;
      change(suspended);
      await settle();
      change(enforcing);
      healthyAt(a, b);
      processB.hear();
      healthyAt(a, b);
      await stop();
    });
  });

  it('keeps the last accepted policy while the one that the source shows is invalid', async () => {
    const { a, b, change, advance, stop } = await withOneOut();
    change({ kind: 'policy-invalid', service, problems: [] });
    await advance(1000);
    expect(b.state()?.policy?.name).toBe('pricer');
    expect(b.published.at(-1)).toEqual(a.published.at(-1));
    await stop();
  });

  it('refuses acts, and says who leads', async () => {
    const { b, processB, stop } = await twoReplicas();
    expect(await b.eject('p1')).toMatchObject({ kind: 'refused', cause: 'not-leader' });
    expect(processB.store.leads?.()).toBe(false);
    healthyAt(b);
    await stop();
  });

  it('brings one back here alone, until something else is decided about it', async () => {
    const { a, b, cluster, stop } = await withOneOut();
    expect(b.engine.bringBackHere(service, backendId('p3'))).toBe(true);
    expect([a.statuses()['p3'], b.statuses()['p3']]).toEqual(['DRAINING', 'HEALTHY']);
    expect(JSON.stringify(cluster.records.get(service)?.body)).toContain('"ejected"');
    expect(b.engine.bringBackHere(service, backendId('p1'))).toBe(false);
    await a.eject('p3', { verb: 'pause' });
    expect(b.statuses()['p3']).toBe('DRAINING');
    await stop();
  });
});

describe('a replica that comes to lead', () => {
  it('changes nothing that is served, and goes on where the other stopped', async () => {
    const { a, b, cluster, processA, advance, stop } = await withOneOut();
    const published = b.published.at(-1);
    processA.kill();
    cluster.elect('b');
    await settle();
    expect(b.published.at(-1)).toEqual(published);
    b.errors.set('p4', 9);
    await advance(4000);
    expect(b.statuses()).toMatchObject({ p3: 'DRAINING', p4: 'DRAINING' });
    expect(a.statuses()['p4']).toBe('HEALTHY');
    await stop();
  });

  it('takes back what it had begun when it leads no more, and tells nobody of it', async () => {
    const { a, b, cluster, processA, advance, stop } = await twoReplicas();
    processA.isCut = true;
    const refused = a.eject('p2');
    processA.isCut = false;
    cluster.elect('b');
    await settle();
    expect(await refused).toMatchObject({ kind: 'refused' });
    await advance(5000);
    healthyAt(a, b);
    expect(a.effects.filter(({ kind }) => kind === 'transition')).toEqual([]);
    await stop();
  });

  it('as one that was stopped for longer than its lease, does nothing before it follows', async () => {
    const { a, b, cluster, processA, advance, stop } = await withOneOut();
    const { asked } = a;
    // Its clock knows; it has not been told.
    processA.isStopped = true;
    cluster.elect('b');
    processA.store.leads = () => false;
    await advance(300_000);
    expect(a.asked).toBe(asked);
    expect(a.statuses()['p3']).toBe('DRAINING');
    processA.isStopped = false;
    processA.hear();
    expect(a.published.at(-1)).toEqual(b.published.at(-1));
    await stop();
  });

  it('writes what it decided over what one wrote that believed it still led', async () => {
    const { a, b, cluster, processA, stop } = await withOneOut();
    processA.isStopped = true;
    cluster.elect('b');
    await settle();
    // Both believe it; the one before knows the newest version, and writes.
    const known = cluster.records.get(service);
    await processA.store.save(service, { ...(known?.body as object), epoch: 2 }, known?.revision ?? 0);
    await settle();
    expect(cluster.records.get(service)?.body).toMatchObject({ epoch: 3 });
    expect(b.statuses()['p3']).toBe('DRAINING');
    await a.stop();
    await stop();
  });

  it('goes on above whatever epoch is on record of a Service, for that Service and no other', async () => {
    const { a, b, cluster, processA, advance, stop } = await withOneOut();
    const known = cluster.records.get(service);
    // As somebody writes it who may write the status of one policy.
    await cluster
      .open('somebody')
      .store.save(service, { ...(known?.body as object), epoch: 9e14 }, known?.revision ?? 0);
    expect(a.problems.map(({ code }) => code)).toEqual(['KV0812']);
    processA.kill();
    cluster.elect('b');
    await settle();
    expect(b.engine.role()).toEqual({ kind: 'leading', epoch: 3 });
    b.errors.set('p4', 9);
    await advance(4000);
    expect(b.statuses()).toMatchObject({ p3: 'DRAINING', p4: 'DRAINING' });
    expect(cluster.records.get(service)?.body).toMatchObject({ epoch: 9e14 + 3 });
    const late = await engineWorld(pricers(), { clock: b.clock, shared: cluster.open('c').store });
    cluster.elect('c');
    late.errors.set('p4', 9);
    await advance(4000);
    expect(late.engine.role()).toEqual({ kind: 'leading', epoch: 4 });
    expect(b.statuses()).toEqual(late.statuses());
    await a.stop();
    await late.stop();
    await stop();
  });

  it('of which the record says that a later one decides, stops deciding about the Service', async () => {
    const { a, cluster, advance, stop } = await withOneOut();
    const known = cluster.records.get(service);
    const later = { ...(known?.body as object), epoch: 9, enforced: { decisions: [], ejections: [] } };
    await cluster.open('later').store.save(service, later, known?.revision ?? 0);
    expect(a.problems.map(({ code }) => code)).toEqual(['KV0812']);
    healthyAt(a);
    await advance(20_000);
    healthyAt(a);
    expect(cluster.records.get(service)?.body).toMatchObject({ epoch: 9 });
    await stop();
  });
});

describe('a policy that is gone', () => {
  const gone = { kind: 'policy-gone', service } as const;

  it('lets everybody back at every replica, by hand or not, with nobody leading', async () => {
    const { a, b, cluster, change, advance, stop } = await withOneOut();
    await a.eject('p1');
    cluster.elect();
    cluster.drop(service);
    change(gone);
    expect(b.statuses()).toMatchObject({ p1: 'HEALTHY', p3: 'HEALTHY' });
    await advance(60_000);
    for (const world of [a, b]) {
      expect(world.state()?.enforced.decisions.size).toBe(0);
      healthyAt(world);
    }
    expect(cluster.records.size).toBe(0);
    await stop();
  });

  it('leaves nothing to keep a manual act with', async () => {
    const { a, b, change, stop } = await twoReplicas();
    change(gone);
    for (const world of [a, b]) {
      expect(await world.eject('p1')).toMatchObject({ kind: 'refused', cause: 'no-policy' });
      healthyAt(world);
    }
    await stop();
  });

  it('but was followed by another for the same Service loses nothing', async () => {
    const { a, b, cluster, change, advance, stop } = await withOneOut();
    cluster.drop(service);
    expect([a.statuses()['p3'], b.statuses()['p3']]).toEqual(['DRAINING', 'DRAINING']);
    change({ kind: 'policy', policy: { ...quickPolicy(), name: 'next', fingerprint: 'next' } });
    await advance(1000);
    expect([a.statuses()['p3'], b.statuses()['p3']]).toEqual(['DRAINING', 'DRAINING']);
    expect(cluster.records.get(service)?.body).toMatchObject({ policy: { name: 'next' } });
    await stop();
  });
});

describe('while nobody can reach the store', () => {
  it('everything stays, and afterwards nothing is made up for in a burst', async () => {
    const { a, b, cluster, processA, processB, advance, stop } = await withOneOut();
    processA.isCut = true;
    processB.isCut = true;
    cluster.elect();
    processA.store.leads = () => false;
    for (const name of ['p1', 'p2', 'p4']) a.errors.set(name, 9);
    await advance(600_000);
    expect(Object.values(a.statuses()).filter((status) => status === 'DRAINING')).toHaveLength(1);
    processA.isCut = false;
    processB.isCut = false;
    processA.hear();
    cluster.elect('b');
    await settle();
    expect(b.published.at(-1)).toEqual(a.published.at(-1));
    await stop();
  });
});

it('a record of a newer format at the start: nothing is served of that Service, and it is as soon as the record can be read', async () => {
  const cluster = createClusterStore();
  const clock = createManualClock();
  const writer = await engineWorld(pricers(), { clock, shared: cluster.open('a').store });
  cluster.elect('a');
  await settle();
  writer.errors.set('p3', 9);
  await clock.advance(4000);
  const { store } = cluster.open('b');
  const load: typeof store.load = async (signal) => {
    const state = await store.load(signal);
    const newer = [...state.records].map(([key, record]) => [key, { ...record, body: { formatVersion: 99 } }] as const);
    return { ...state, records: new Map(newer) };
  };
  const late = await engineWorld(pricers(), { clock, shared: { ...store, load } });
  expect(late.published).toEqual([]);
  expect(late.problems.map(({ code }) => code)).toContain('KV0412');
  writer.errors.set('p5', 9);
  await clock.advance(10_000);
  expect(late.statuses()).toEqual(writer.statuses());
  expect(late.statuses()['p3']).toBe('DRAINING');
  await late.stop();
  await writer.stop();
});
