/** What is on record cannot be read: its Service is frozen as it is, all others go on, and a person can end it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changed, pathsOf, values } from '../test/support/changed-json.ts';
import { type ClusterStore, createClusterStore } from '../test/support/cluster-store.ts';
import {
  createManualClock,
  createMemoryStore,
  type EngineWorld,
  engineWorld,
  fleetOf,
  pricers,
  quickPolicy,
  service,
  settle,
} from '../test/support/engine.ts';
import { type Replicas, twoReplicas, withOneOut } from '../test/support/replicas.ts';
import { backendId, serviceKey } from './model.ts';
import type { SourceChange } from './sources/source.ts';
import type { JsonValue } from './store/store.ts';

/** Somebody else writes the record of the Service. */
async function write(cluster: ClusterStore, change: (body: Fields) => JsonValue): Promise<void> {
  const known = cluster.records.get(service);
  const { store } = cluster.open('somebody');
  const result = await store.save(service, change((known?.body ?? {}) as Fields), known?.revision ?? 0);
  expect(result).toMatchObject({ kind: 'saved' });
  await settle();
}

type Fields = { readonly [key: string]: JsonValue };

/** Of a version that comes after ours, and decides later than anybody. */
const newer = { formatVersion: 99, epoch: 9, of: 'another form' };
const isNewer = (body: Fields): JsonValue => ({ ...body, ...newer });

const damaged: readonly (readonly [string, (body: Fields) => JsonValue])[] = [
  ['no breakers', ({ breakers: _, ...rest }) => rest],
  ['nothing', () => null],
  ['a text', () => 'half of {'],
  ['a list', () => []],
  ['no version', ({ formatVersion: _, ...rest }) => rest],
  ['decisions that are no list', (body) => ({ ...body, enforced: { decisions: {}, ejections: [] } })],
  ['a decision that is none', (body) => ({ ...body, enforced: { decisions: [null], ejections: [] } })],
  ['a state that there is not', (body) => ({ ...body, enforced: { decisions: [{ state: 'flying' }], ejections: [] } })],
  ['a policy without breakers', (body) => ({ ...body, policy: { name: 'pricer' } })],
  ['a text for a number', (body) => ({ ...body, seq: 'many' })],
];

/** Whatever happens, it stays on record as it is, and `p3` out, which both serve so. */
async function staysFrozen({ a, b, cluster, advance }: Replicas): Promise<void> {
  const [record, asked] = [cluster.records.get(service), a.asked + b.asked];
  for (const { errors } of [a, b]) {
    errors.clear();
    for (const name of ['p1', 'p4']) errors.set(name, 9);
  }
  await advance(700_000);
  expect(cluster.records.get(service)).toEqual(record);
  expect(a.asked + b.asked).toBe(asked);
  for (const world of [a, b]) expect(out(world)).toEqual(['p3']);
}

const out = (world: EngineWorld): readonly string[] =>
  Object.entries(world.statuses(service)).flatMap(([name, status]) => (status === 'HEALTHY' ? [] : [name]));
const codes = (world: EngineWorld): readonly string[] => world.engine.problems().map(({ code }) => code);

describe.each([['a newer version wrote it', isNewer] as const, ...damaged])('of the record: %s', (_, change) => {
  it('nobody decides, and what is served stays, whoever leads', async () => {
    const replicas = await withOneOut();
    const { a, b, cluster, stop } = replicas;
    await write(cluster, change);
    await staysFrozen(replicas);
    cluster.elect('b');
    await settle();
    await staysFrozen(replicas);
    cluster.elect('a');
    await settle();
    await staysFrozen(replicas);
    for (const world of [a, b]) {
      const code = change === isNewer ? 'KV0412' : 'KV0819';
      expect(codes(world)).toEqual([code]);
      expect(world.engine.problemsOf(service)).toMatchObject([{ about: 'record', problem: { code } }]);
      expect(await world.eject('p1')).toMatchObject({ kind: 'refused' });
      expect(world.problems.filter(({ code }) => code === 'KV0001')).toEqual([]);
    }
    await stop();
  });

  it('which goes, lets everybody back at every replica, and the leader decides again', async () => {
    const { a, b, cluster, advance, stop } = await withOneOut();
    await write(cluster, change);
    a.errors.clear();
    cluster.drop(service);
    await settle();
    for (const world of [a, b]) expect([out(world), codes(world)]).toEqual([[], []]);
    a.errors.set('p5', 9);
    await advance(4000);
    for (const world of [a, b]) expect(out(world)).toEqual(['p5']);
    expect(JSON.stringify(cluster.records.get(service)?.body)).toContain('"ejected"');
    await stop();
  });

  it('which can be read again, is followed, and the leader goes on from it', async () => {
    const { a, b, cluster, advance, stop } = await withOneOut();
    const known = cluster.records.get(service)?.body as Fields;
    await write(cluster, change);
    await write(cluster, () => ({ ...known, seq: 1000, enforced: { decisions: [], ejections: [] } }));
    for (const world of [a, b]) expect([out(world), codes(world)]).toEqual([[], []]);
    a.errors.clear();
    a.errors.set('p5', 9);
    await advance(4000);
    for (const world of [a, b]) expect(out(world)).toEqual(['p5']);
    await stop();
  });

  it('who starts serves nothing of it, all else, and everything once it is gone, leading or not', async () => {
    const other = serviceKey('shop', 'other');
    const fleet = { ...fleetOf(6), service: other };
    const more: readonly SourceChange[] = [
      ...pricers(),
      { kind: 'fleet', fleet },
      { kind: 'policy', policy: { ...quickPolicy(), name: 'other', service: other } },
    ];
    const { a, cluster, processA, processB, stop } = await withOneOut(more);
    await write(cluster, change);
    processA.kill();
    processB.kill();
    const clock = createManualClock(a.clock.now());
    const start = (name: string): Promise<EngineWorld> =>
      engineWorld(more, { clock, shared: cluster.open(name).store });
    const [c, d] = [await start('c'), await start('d')];
    cluster.elect('c');
    await settle();
    const names = (world: EngineWorld) => new Set(world.published.map((each) => each.service));
    for (const world of [c, d]) expect(names(world)).toEqual(new Set([other]));
    expect(Object.values(d.statuses(other)).filter((status) => status === 'DRAINING')).toHaveLength(1);
    c.errors.set('p5', 9);
    await clock.advance(4000);
    expect(d.statuses(other)['p5']).toBe('DRAINING');
    for (const world of [c, d]) expect(names(world)).toEqual(new Set([other]));
    c.errors.clear();
    cluster.drop(service);
    await settle();
    for (const world of [c, d]) expect([out(world), codes(world)]).toEqual([[], []]);
    c.errors.set('p2', 9);
    await clock.advance(4000);
    for (const world of [c, d]) expect(out(world)).toEqual(['p2']);
    await c.stop();
    await d.stop();
    await stop();
  });
});

describe('while it cannot be read', () => {
  it('the fleet is followed, a suspension lets everybody back, and so does this replica alone', async () => {
    const { a, b, cluster, change, stop } = await withOneOut();
    await write(cluster, isNewer);
    change({ kind: 'fleet', fleet: fleetOf(7) });
    for (const world of [a, b]) expect(world.statuses()).toMatchObject({ p3: 'DRAINING', p7: 'HEALTHY' });
    expect(b.engine.bringBackHere(service, backendId('p3'))).toBe(true);
    expect([out(a), out(b)]).toEqual([['p3'], []]);
    change({ kind: 'policy', policy: quickPolicy({ enforcement: 'Suspended' }) });
    expect(out(a)).toEqual([]);
    await stop();
  });

  it('nobody is evicted, nor while a later one decides', async () => {
    const { a, cluster, stop } = await withOneOut();
    expect(a.engine.onRecord()).toMatchObject([{ decides: true }]);
    await write(cluster, isNewer);
    expect(a.engine.onRecord()).toMatchObject([{ decides: false }]);
    await stop();
    const { a: fenced, cluster: another, stop: end } = await withOneOut();
    await write(another, (body) => ({ ...body, epoch: 9 }));
    expect(fenced.problems.map(({ code }) => code)).toEqual(['KV0812']);
    expect(fenced.engine.onRecord()).toMatchObject([{ decides: false }]);
    await end();
  });

  it('the last accepted policy stays in force where the source shows an invalid one, even after the record is gone', async () => {
    const { a, b, cluster, change, advance, stop } = await withOneOut();
    change({ kind: 'policy-invalid', service, problems: [] });
    await write(cluster, isNewer);
    a.errors.clear();
    cluster.drop(service);
    await settle();
    a.errors.set('p5', 9);
    await advance(4000);
    for (const world of [a, b]) expect([out(world), world.state()?.policy?.name]).toEqual([['p5'], 'pricer']);
    await stop();
  });

  it('a policy that goes takes it along', async () => {
    const { a, b, cluster, change, advance, stop } = await withOneOut();
    await write(cluster, isNewer);
    change({ kind: 'policy-gone', service });
    cluster.drop(service);
    await advance(60_000);
    for (const world of [a, b]) expect([out(world), codes(world)]).toEqual([[], []]);
    await stop();
  });

  it('a leader that has not heard of it, and is told by its own write, does not write over it', async () => {
    const { a, b, cluster, processA, advance, stop } = await withOneOut();
    processA.isLate = true;
    await write(cluster, (body) => ({ ...body, ...newer, epoch: 1 }));
    const record = cluster.records.get(service);
    a.errors.set('p5', 9);
    await advance(10_000);
    expect(cluster.records.get(service)).toEqual(record);
    expect([codes(a), out(a), out(b)]).toEqual([['KV0412'], ['p3'], ['p3']]);
    await stop();
  });
});

it('of a write that was answered after somebody had written over it, leader and follower know the same', async () => {
  const cluster = createClusterStore();
  const clock = createManualClock();
  const { store } = cluster.open('a');
  const save: typeof store.save = async (key, body, revision) => {
    const result = await store.save(key, body, revision);
    if (result.kind === 'saved' && JSON.stringify(body).includes('"ejected"')) {
      await cluster.open('somebody').store.save(key, newer, result.revision);
    }
    return result;
  };
  const a = await engineWorld(pricers(), { clock, shared: { ...store, save } });
  const b = await engineWorld(pricers(), { clock, shared: cluster.open('b').store });
  cluster.elect('a');
  a.errors.set('p3', 9);
  await clock.advance(10_000);
  for (const world of [a, b]) expect([out(world), codes(world)]).toEqual([['p3'], ['KV0412']]);
  expect(cluster.records.get(service)?.body).toMatchObject(newer);
  await a.stop();
  await b.stop();
});

it('who has not heard that it could not be read, and hears that it is gone, goes on with the others', async () => {
  const cluster = createClusterStore();
  const clock = createManualClock();
  const a = await engineWorld(pricers(), { clock, shared: cluster.open('a').store });
  const { store } = cluster.open('b');
  const watch: typeof store.watch = (watcher) =>
    store.watch?.({
      ...watcher,
      record(key, stored) {
        if (JSON.stringify(stored?.body)?.includes('99') !== true) watcher.record(key, stored);
      },
    });
  const b = await engineWorld(pricers(), { clock, shared: { ...store, watch } });
  cluster.elect('a');
  for (const name of ['p1', 'p3']) a.errors.set(name, 9);
  await clock.advance(70_000);
  await write(cluster, isNewer);
  expect([codes(a), codes(b)]).toEqual([['KV0412'], []]);
  a.errors.clear();
  cluster.drop(service);
  a.errors.set('p5', 9);
  await clock.advance(4000);
  for (const world of [a, b]) expect(out(world)).toEqual(['p5']);
  await a.stop();
  await b.stop();
});

it('a Service that is gone while its record cannot be read is not begun anew when it comes back', async () => {
  const replicas = await withOneOut();
  const { a, b, cluster, change, stop } = replicas;
  await write(cluster, isNewer);
  const record = cluster.records.get(service);
  change({ kind: 'fleet-gone', service }, { kind: 'policy-gone', service });
  change(...pricers());
  expect(await a.eject('p1')).toMatchObject({ kind: 'refused', cause: 'not-leader' });
  for (const world of [a, b]) expect([codes(world), world.engine.unreadable()]).toEqual([['KV0412'], 1]);
  expect(cluster.records.get(service)).toEqual(record);
  await stop();
});

it('whatever becomes of the record of one Service, another one is led on, by who leads then, and nothing breaks', async () => {
  const other = serviceKey('shop', 'other');
  const both: readonly SourceChange[] = [
    ...pricers(),
    { kind: 'fleet', fleet: { ...fleetOf(6), service: other } },
    { kind: 'policy', policy: { ...quickPolicy(), name: 'other', service: other } },
  ];
  const seen = { decided: 0, frozen: 0 };
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.constantFrom(...values), fc.boolean(), async (choice, value, isHandedOver) => {
      const { a, b, cluster, advance, stop } = await withOneOut(both);
      let written: JsonValue = null;
      await write(cluster, (body) => {
        const paths = pathsOf(body);
        written = changed(body, paths[choice % paths.length] ?? [], value);
        return written;
      });
      if (isHandedOver) cluster.elect('b');
      const late = await engineWorld(both, { clock: a.clock, shared: cluster.open('late').store });
      for (const { errors } of [a, b]) errors.set('p5', 9);
      await advance(6000);
      for (const world of [a, b, late]) {
        expect(world.problems.filter(({ code }) => code === 'KV0001')).toEqual([]);
        expect(world.statuses(other)).toMatchObject({ p3: 'DRAINING', p5: 'DRAINING', p1: 'HEALTHY' });
      }
      const isFrozen = b.engine.unreadable() > 0;
      seen[isFrozen ? 'frozen' : 'decided'] += 1;
      if (isFrozen) {
        expect([late.statuses(service), out(b), cluster.records.get(service)?.body]).toEqual([{}, ['p3'], written]);
      }
      await late.stop();
      await stop();
    }),
    { numRuns: 150 },
  );
  expect(seen.frozen).toBeGreaterThan(10);
  expect(seen.decided).toBeGreaterThan(10);
});

it('who was fenced decides again when the record that fenced it is gone', async () => {
  const { a, b, cluster, advance, stop } = await withOneOut();
  await write(cluster, (body) => ({ ...body, epoch: 9 }));
  cluster.drop(service);
  a.errors.set('p5', 9);
  await advance(4000);
  for (const world of [a, b]) expect(out(world)).toEqual(['p3', 'p5']);
  await stop();
});

it.each(damaged)('alone on its state, serve does not start on a record that is damaged: %s', async (_, change) => {
  const store = createMemoryStore();
  const first = await engineWorld(pricers(), { store });
  await first.eject('p2');
  await first.stop();
  const known = store.records.get(service);
  (store.records as Map<string, unknown>).set(service, { ...known, body: change(known?.body as Fields) });
  await expect(engineWorld(pricers(), { store })).rejects.toMatchObject({ problem: { code: 'KV0819' } });
});

describe('a suspension of everything that cannot be read', () => {
  const suspension = { actor: 'test', reason: 'incident', sinceMs: 0 };
  const broken: readonly JsonValue[] = [
    null,
    'no JSON',
    { suspension: 5 },
    { suspension: { ...suspension, sinceMs: 'now' } },
  ];

  it.each(broken)(
    'changes nothing at those who run, suspends nothing at those who start, and is told: %j',
    async (global) => {
      const { a, b, cluster, stop } = await withOneOut();
      void a.engine.suspendAll(suspension);
      await settle();
      const somebody = cluster.open('somebody').store;
      await somebody.saveGlobal(global);
      const late = await engineWorld(pricers(), { clock: a.clock, shared: cluster.open('late').store });
      expect([a, b, late].map((world) => world.engine.suspension())).toEqual([suspension, suspension, undefined]);
      for (const world of [a, b, late]) expect([codes(world), world.problems.length]).toEqual([['KV0813'], 1]);
      void b.engine.suspendAll(suspension);
      await settle();
      for (const world of [a, b, late]) expect([world.engine.suspension(), codes(world)]).toEqual([suspension, []]);
      await somebody.saveGlobal({});
      for (const world of [a, b, late]) expect(world.engine.suspension()).toBeUndefined();
      await late.stop();
      await stop();
    },
  );
});

it('three Services, one damaged: the others are led on', async () => {
  const keys = ['a', 'b', 'c'].map((name) => serviceKey('shop', name));
  const changes = keys.flatMap((key): readonly SourceChange[] => [
    { kind: 'fleet', fleet: { ...fleetOf(6), service: key } },
    { kind: 'policy', policy: { ...quickPolicy(), service: key } },
  ]);
  const { a, b, cluster, advance, stop } = await twoReplicas(changes);
  a.errors.set('p3', 9);
  await advance(4000);
  const [, middle = service] = keys;
  const known = cluster.records.get(middle);
  await cluster.open('somebody').store.save(middle, { formatVersion: 1, epoch: 3 }, known?.revision ?? 0);
  cluster.elect('b');
  b.errors.set('p5', 9);
  await advance(4000);
  const outOf = keys.map((key) => [b.statuses(key)['p3'], b.statuses(key)['p5']]);
  expect(outOf).toEqual([
    ['DRAINING', 'DRAINING'],
    ['DRAINING', 'HEALTHY'],
    ['DRAINING', 'DRAINING'],
  ]);
  await stop();
});
