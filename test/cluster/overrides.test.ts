/** Acts of people as objects, against a real API server: the leader obeys, says so, and survives its own death. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { type KubeClient, KubeError } from '../../engine/kubernetes/kube-client.ts';
import { fleetOf } from '../support/fixtures.ts';
import { describeWith } from '../support/parts.ts';
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { installCrd } from './crd.ts';
import { type OverridingOptions, type OverridingReplica, pricerPolicy, startOverriding } from './overriding.ts';
import { done } from './shop.ts';

interface Told {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status?: Readonly<Record<string, string>>;
}

const path = '/apis/breaker.kubervisor.io/v1/namespaces/shop/endpointoverrides';
const eject = { service: 'pricer', endpoint: 'p1', action: 'Eject', for: '15m', reason: 'heap dump' };

describeWith(['kube-apiserver', 'etcd'], 'overrides', (executables) => {
  let plane: ControlPlane;
  let client: KubeClient;
  let folder = '';
  const replicas: OverridingReplica[] = [];

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    await installCrd(plane.api);
    await done(plane.api.post('/api/v1/namespaces', { metadata: { name: 'shop' } }));
    folder = await inTemporaryFolder('overrides', async (path) => path);
    const kubeconfig = join(folder, 'config');
    await writeFile(kubeconfig, plane.kubeconfig('administrator'));
    client = await connect({ kubeconfig }, systemClock);
  }, 120_000);

  afterEach(async () => {
    for (const replica of replicas.splice(0)) await replica.stop();
    await done(plane.api.delete(path));
  });

  afterAll(async () => {
    await plane?.stop();
    await removeFolder(folder);
  });

  async function replica(
    store: MemoryStore = createMemoryStore(),
    how: Partial<OverridingOptions> = {},
  ): Promise<OverridingReplica> {
    const started = await startOverriding({ client, store, ...how });
    replicas.push(started);
    return started;
  }

  const create = async (spec: object, name = 'o', annotations = {}): Promise<Told> =>
    (
      await done(
        plane.api.post(path, {
          apiVersion: 'breaker.kubervisor.io/v1',
          kind: 'EndpointOverride',
          metadata: { name, annotations },
          spec,
        }),
      )
    ).body as Told;
  const read = async (name = 'o'): Promise<Told | undefined> => {
    const { status, body } = await plane.api.get(`${path}/${name}`);
    return status === 200 ? (body as Told) : undefined;
  };
  const becomes = async (state: string, name = 'o'): Promise<Readonly<Record<string, string>>> => {
    await eventually(async () => (await read(name))?.status?.['state'] === state, {
      what: `${name} is ${state}`,
      timeoutMs: 10_000,
    });
    return (await read(name))?.status ?? {};
  };

  describe('are obeyed', () => {
    it('an ejection is in force, by whom and until when; deleted, its backend ramps back', async () => {
      const leader = await replica();
      const { metadata } = await create(eject, 'o', { 'breaker.kubervisor.io/claimed-by': 'ana' });
      const status = await becomes('InForce');
      expect(status).toMatchObject({
        backend: 'p1',
        observedGeneration: 1,
        until: status['untilTime']?.slice(11, 19) + 'Z',
      });
      expect(leader.out()).toEqual(['p1 ejected']);
      const actor = `EndpointOverride shop/o#${metadata.uid.slice(0, 8)} (claimed by ana)`;
      expect(leader.acts).toEqual([
        { verb: 'eject', service: 'shop/pricer', backend: 'p1', actor, reason: 'heap dump' },
      ]);

      await done(plane.api.delete(`${path}/o`));
      await eventually(() => leader.out().includes('p1 probing'), { what: 'p1 is on its way back', timeoutMs: 10_000 });
      expect(leader.acts.at(-1)).toMatchObject({ verb: 'restore', actor, reason: 'its override was deleted' });
    });

    it('a restore ends what another one began', async () => {
      const leader = await replica();
      await create({ ...eject, action: 'Pause' });
      await becomes('InForce');
      expect(leader.out()).toEqual(['p1 paused']);
      await create({ service: 'pricer', endpoint: '10.0.0.1:8080', action: 'Restore', reason: 'seen' }, 'back');
      expect(await becomes('Ended', 'back')).toMatchObject({ backend: 'p1', message: 'it was brought back' });
      expect(await becomes('Ended')).toMatchObject({ message: 'it was brought back before its time' });
      expect(leader.out()).toEqual([]);
    });

    it('when its time is over it has ended, and is deleted in the end', async () => {
      const first = await replica();
      await create({ ...eject, for: '1s' });
      expect(await becomes('Ended')).toMatchObject({ message: expect.stringMatching(/^its time is over/) });
      await first.stop();
      replicas.length = 0;
      await replica(createMemoryStore(), { timing: { keptMs: 300 } });
      await eventually(async () => (await read()) === undefined, { what: 'it is deleted', timeoutMs: 10_000 });
    });
  });

  it.each<[title: string, spec: object, code: string, message: string]>([
    ['a Service that there is not', { ...eject, service: 'ledger' }, 'KV0702', 'no Service shop/ledger'],
    ['a backend that there is not', { ...eject, endpoint: 'p9' }, 'KV0703', 'no backend p9 in shop/pricer'],
    ['one that is not out', { ...eject, action: 'Restore', for: undefined }, 'KV0707', 'it is serving already'],
  ])('are refused with the code of the refusal: %s', async (_, spec, code, message) => {
    const leader = await replica();
    await create(spec);
    expect(await becomes('Refused')).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(leader.out()).toEqual([]);
    expect(leader.acts).toMatchObject([{ refused: code }]);
  });

  it('the floor holds, by force too', async () => {
    const leader = await replica();
    for (const [index, endpoint] of ['p1', 'p2', 'p3'].entries())
      await create({ ...eject, endpoint, force: true }, `o${index}`);
    const states = await Promise.all([becomes('InForce', 'o0'), becomes('Refused', 'o1'), becomes('Refused', 'o2')]);
    expect(states.map(({ code }) => code)).toEqual([undefined, 'KV0705', 'KV0705']);
    expect(leader.out()).toEqual(['p1 ejected']);
  });

  it('a backend that turns up a moment later is the one that was meant', async () => {
    const leader = await replica(createMemoryStore(), { timing: { unknownMs: 60_000 } });
    // By force: nobody new goes while a fleet becomes larger.
    await create({ ...eject, endpoint: 'p9', force: true });
    await create({ ...eject, service: 'pricer', endpoint: 'p1' }, 'first');
    await becomes('InForce', 'first');
    expect((await read())?.status).toBeUndefined();
    leader.change({ kind: 'fleet', fleet: fleetOf(9) });
    await becomes('InForce');
    expect(leader.acts.map(({ backend, refused }) => [backend, refused])).toEqual([
      ['p1', undefined],
      ['p9', undefined],
    ]);
  });

  it('a store that is down leaves it pending, and it is done when that is over', async () => {
    const store = createMemoryStore();
    const leader = await replica(store);
    store.answer = 'fail';
    await create(eject);
    expect(await becomes('Pending')).toMatchObject({ code: 'KV0709' });
    store.answer = 'save';
    await becomes('InForce');
    expect(leader.out()).toEqual(['p1 ejected']);
  });

  it('a policy that comes after what is to be done to its Service: until then it is pending, and says why', async () => {
    const leader = await replica(createMemoryStore(), { policies: [] });
    await create(eject);
    expect(await becomes('Pending')).toMatchObject({
      code: 'KV0811',
      message: expect.stringContaining('has no policy'),
    });
    leader.change(pricerPolicy);
    expect(await becomes('InForce')).not.toHaveProperty('code');
    expect(leader.out()).toEqual(['p1 ejected']);
  });

  it('a namespace that cannot be listed holds up itself only, and the log says which', async () => {
    const partly: KubeClient = {
      ...client,
      get(path, query, signal) {
        if (path.includes('/namespaces/lab/')) return Promise.reject(new KubeError('no lab for you', { status: 403 }));
        if (!path.includes('/namespaces/bank/')) return client.get(path, query, signal);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new KubeError('aborted'))));
      },
    };
    const leader = await replica(createMemoryStore(), { client: partly, namespaces: ['bank', 'shop', 'lab'] });
    await create(eject);
    await becomes('InForce');
    leader.isLeading = false;
    leader.isLeading = true;
    await create({ ...eject, action: 'Restore', for: undefined }, 'back');
    await becomes('Ended', 'back');
    expect(leader.logged).toEqual([expect.stringMatching(/^error .*list and watch .*lab.*no lab for you/)]);
  });

  describe('over a change of leaders', () => {
    it('who was stopped, and has not heard that its term is over, does nothing and says nothing', async () => {
      const leader = await replica();
      leader.isOutOfTerm = true;
      const createdMs = Date.now();
      await create(eject);
      await eventually(() => leader.heardAtMs() >= createdMs, { what: 'the watch brings it', timeoutMs: 10_000 });
      const { looks } = leader;
      await eventually(() => leader.looks > looks + 2, { what: 'it looks again', timeoutMs: 10_000 });
      expect([(await read())?.status, leader.acts]).toEqual([undefined, []]);
      leader.isOutOfTerm = false;
      await becomes('InForce');
    });

    it('where another replica decides about the Service it is pending, until we do', async () => {
      const leader = await replica();
      await create(eject, 'first');
      await becomes('InForce', 'first');
      leader.fence();
      await create({ ...eject, action: 'Restore', for: undefined });
      expect(await becomes('Pending')).toMatchObject({ code: 'KV0810' });
      leader.isLeading = true;
      expect(await becomes('Ended')).not.toHaveProperty('code');
      expect(leader.out()).toEqual([]);
    });

    it('while the record cannot be read it waits, and one that was in force stays so, whoever leads', async () => {
      const store = createMemoryStore();
      const one = await replica(store);
      await create(eject);
      await becomes('InForce');
      const known = [...store.records.values()][0]?.body ?? null;
      one.write(null);
      await create({ ...eject, endpoint: 'p2' }, 'more');
      expect(await becomes('Pending', 'more')).toMatchObject({
        code: 'KV0810',
        message: expect.stringContaining('cannot be read'),
      });
      one.isLeading = false;
      const two = await replica(store);
      await create({ ...eject, endpoint: 'p3' }, 'last');
      await becomes('Pending', 'last');
      expect([two.out(), await becomes('InForce')]).toMatchObject([[], { backend: 'p1' }]);
      two.write(known);
      // It is asked again, and there is an answer: the floor.
      for (const name of ['more', 'last']) expect(await becomes('Refused', name)).toMatchObject({ code: 'KV0705' });
      expect([two.out(), await becomes('InForce')]).toMatchObject([['p1 ejected'], { backend: 'p1' }]);
    });

    it('who follows does nothing, and does what is pending once it leads', async () => {
      const follower = await replica(createMemoryStore(), { isLeading: false });
      const leader = await replica();
      await create(eject);
      await becomes('InForce');
      leader.isLeading = false;
      await create({ ...eject, endpoint: 'p2' }, 'second');
      follower.isLeading = true;
      await becomes('InForce', 'second');
      expect(follower.acts.filter(({ verb }) => verb === 'eject').map(({ backend }) => backend)).toEqual(['p2']);
      expect(leader.acts.map(({ backend }) => backend)).toEqual(['p1']);
    });

    it('a leader that dies between the act and the word about it: the next one says so, and does not do it again', async () => {
      const store = createMemoryStore();
      const mute: KubeClient = { ...client, send: () => Promise.reject(new KubeError('killed')) };
      const first = await replica(store, { client: mute });
      await create(eject);
      await eventually(() => first.out().length === 1 && first.problems().length > 0, {
        what: 'it acts',
        timeoutMs: 10_000,
      });
      expect(first.problems()[0]).toMatchObject({ code: 'KV0832' });
      expect(first.logged).toEqual([
        expect.stringMatching(/^error what became of an EndpointOverride cannot be written/),
      ]);
      await first.stop();
      replicas.length = 0;

      const second = await replica(store);
      await becomes('InForce');
      expect(second.out()).toEqual(['p1 ejected']);
      expect([second.acts, second.effects]).toEqual([[], []]);
    });

    it('who takes over with a watch that is behind reads anew before it takes an override for deleted', async () => {
      const store = createMemoryStore();
      const first = await replica(store);
      await create(eject);
      await becomes('InForce');
      await first.stop();
      replicas.length = 0;

      let lists = 0;
      const behind: KubeClient = {
        ...client,
        get(...given) {
          lists += 1;
          // As it was before there was any.
          return lists === 1
            ? Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] })
            : client.get(...given);
        },
        watch(path, query, observer, signal) {
          if (lists > 1) return client.watch(path, query, observer, signal);
          observer.opened();
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new KubeError('aborted'))));
        },
      };
      const second = await replica(store, { client: behind });
      await create({ ...eject, endpoint: 'p9' }, 'next');
      await becomes('Refused', 'next');
      expect(second.out()).toEqual(['p1 ejected']);
      expect((await read())?.status).toMatchObject({ state: 'InForce' });
    });

    it('one that has ended does not act again after a restart; one that was deleted meanwhile is let go of', async () => {
      const store = createMemoryStore();
      const first = await replica(store);
      await create(eject);
      await becomes('InForce');
      await create({ ...eject, action: 'Restore', for: undefined }, 'back');
      await becomes('Ended');
      await create(eject, 'again');
      await becomes('InForce', 'again');
      await first.stop();
      replicas.length = 0;
      await done(plane.api.delete(`${path}/again`));

      const second = await replica(store);
      await eventually(() => second.out().includes('p1 probing'), { what: 'p1 is on its way back', timeoutMs: 10_000 });
      expect(second.acts.map(({ verb }) => verb)).toEqual(['restore']);
      expect((await read())?.status).toMatchObject({ state: 'Ended' });
    });
  });
});
