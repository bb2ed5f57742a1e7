/** What is done to pods, on a real API server. Nobody runs pods here: an evicted one is gone at once, or stays by a finalizer. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import type { KubeClient } from '../../engine/kubernetes/kube-client.ts';
import { type BackendId, backendId, serviceKey } from '../../engine/model.ts';
import { createPodActs, type PodActs, type PodSettings } from '../../engine/pods/acts.ts';
import { evict } from '../../engine/pods/evict.ts';
import { formatProblem } from '../../engine/problem.ts';
import type { Decision, RotationState } from '../../engine/rotation/decision.ts';
import { initialState, type ServiceState } from '../../engine/rotation/state.ts';
import { noFleet } from '../../engine/runtime.ts';
import { createKubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import { decisionOf } from '../support/fixtures.ts';
import { describeWith } from '../support/parts.ts';
import { useCluster } from './use-cluster.ts';
import { createShop, done, type Shop } from './shop.ts';

interface PodObject {
  readonly metadata: {
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

/** What is on record: the same for every replica. */
interface Book {
  decisions: ReadonlyMap<BackendId, Decision>;
  freeze?: ServiceState['freeze'];
}

interface Replica {
  readonly acts: PodActs;
  readonly evictions: string[];
  leads: boolean;
  codes(): readonly string[];
  stop(): void;
}

const soon = { timeoutMs: 20_000 };
const nothing: PodSettings = { evict: false, label: false, deletionCost: false };
const cost = 'controller.kubernetes.io/pod-deletion-cost';

describeWith(['kube-apiserver', 'etcd'], 'acts on pods', (executables) => {
  const cluster = useCluster(executables);
  let shop: Shop;
  let book: Book;
  let stopping: AbortController;
  let count = 0;

  beforeEach(async () => {
    stopping = new AbortController();
    shop = await createShop(cluster.plane.api, `acts-${(count += 1)}`);
    await shop.service('pricer');
    book = { decisions: new Map() };
  });

  afterEach(() => stopping.abort());

  const core = (): string => `/api/v1/namespaces/${shop.namespace}`;
  const podNamed = async (name: string): Promise<PodObject | undefined> => {
    const { status, body } = await cluster.plane.api.get(`${core()}/pods/${name}`);
    return status === 200 ? (body as PodObject) : undefined;
  };
  const labelOf = async (name: string) => (await podNamed(name))?.metadata.labels?.['kubervisor.io/rotation'];

  /** A pod as a ReplicaSet makes it; with a finalizer it stays, leaving, when it was evicted. */
  async function makePod(name: string, more: { readonly stays?: boolean; readonly isAlone?: boolean } = {}) {
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'pricer-a', uid: 'a', controller: true };
    const { body } = await done(
      cluster.plane.api.post(`${core()}/pods`, {
        metadata: {
          name,
          labels: { app: 'pricer' },
          ...(more.isAlone === true ? {} : { ownerReferences: [owner] }),
          ...(more.stays === true ? { finalizers: ['kubervisor.io/test'] } : {}),
        },
        spec: { containers: [{ name: 'main', image: 'none' }] },
      }),
    );
    const conditions = [{ type: 'Ready', status: 'True' }];
    await done(
      cluster.plane.api.put(`${core()}/pods/${name}/status`, {
        ...(body as object),
        status: { phase: 'Running', conditions },
      }),
    );
    return (body as PodObject).metadata.uid;
  }

  async function decide(name: string, state: RotationState): Promise<void> {
    const uid = (await podNamed(name))?.metadata.uid ?? '';
    const decision = { ...decisionOf(name, state), backend: backendId(uid) };
    book.decisions = new Map(book.decisions).set(decision.backend, decision);
  }

  function allow(disruptionsAllowed: number): Promise<void> {
    const path = `/apis/policy/v1/namespaces/${shop.namespace}/poddisruptionbudgets/pricer`;
    const write = async (): Promise<void> => {
      const spec = { minAvailable: 1, selector: { matchLabels: { app: 'pricer' } } };
      const metadata = { name: 'pricer' };
      await done(
        cluster.plane.api.apply(path, { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec }),
      );
      const { body } = await cluster.plane.api.get(path);
      const healthy = { currentHealthy: 1, desiredHealthy: 1, expectedPods: 1, observedGeneration: 1 };
      // As the controller, which nobody runs here, would write it.
      await done(
        cluster.plane.api.put(`${path}/status`, { ...(body as object), status: { disruptionsAllowed, ...healthy } }),
      );
    };
    return write();
  }

  async function clientOf(user: 'administrator' | 'kubervisor', url = cluster.plane.url): Promise<KubeClient> {
    const kubeconfig = join(cluster.folder, `${user}.yaml`);
    await writeFile(kubeconfig, cluster.plane.kubeconfig(user, url));
    return connect({ kubeconfig }, systemClock);
  }

  async function start(
    settings: Partial<PodSettings>,
    {
      user = 'administrator',
      leads = true,
      url,
    }: {
      user?: 'administrator' | 'kubervisor';
      leads?: boolean;
      url?: string;
    } = {},
  ): Promise<Replica> {
    const client = await clientOf(user, url);
    const own = new AbortController();
    const signal = AbortSignal.any([own.signal, stopping.signal]);
    const onProblem = (problem: Parameters<typeof formatProblem>[0]): never => {
      throw new Error(formatProblem(problem));
    };
    const source = createKubernetesSource({
      client,
      clock: systemClock,
      random: Math.random,
      namespaces: [shop.namespace],
      onProblem,
    });
    await source.start(() => undefined, signal);
    const state = (): ServiceState => {
      const initial = initialState(noFleet(serviceKey(shop.namespace, 'pricer')));
      const { decisions, freeze } = book;
      return { ...initial, enforced: { ...initial.enforced, decisions }, ...(freeze && { freeze }) };
    };
    const replica: Replica = {
      evictions: [],
      leads,
      acts: createPodActs({
        client,
        clock: systemClock,
        engine: {
          onRecord: () => [{ decides: true, isKnown: true, state: state(), decisions: book.decisions }],
          answerEviction(_, backend, answer) {
            const decision = book.decisions.get(backend);
            if (decision === undefined) return;
            const { evictionHeld: _held, ...rest } = decision;
            const held = answer === undefined ? rest : { ...rest, evictionHeld: { cause: answer } };
            book.decisions = new Map(book.decisions).set(backend, held);
          },
        },
        leads: () => replica.leads,
        objects: source.objects,
        settings: { ...nothing, ...settings },
        onEviction: (result, { name }) => void replica.evictions.push(`${name} ${result}`),
        onMark: () => undefined,
        onProblem,
        timing: { retryMs: 100, pauseMs: 20, marksPauseMs: 20, longestMs: 100, gapMs: 1 },
      }),
      codes: () => replica.acts.problems().map(({ code }) => code),
      stop: () => own.abort(),
    };
    void replica.acts.run(signal);
    return replica;
  }

  /** What is in the way of its eviction, as the record says. */
  const heldFor = (): readonly (string | undefined)[] =>
    [...book.decisions.values()].map(({ evictionHeld }) => evictionHeld?.cause);

  describe('eviction', () => {
    it('of the pod that was decided about and no other, and only where it is switched on', async () => {
      for (const name of ['p1', 'p2', 'p3']) await makePod(name);
      await decide('p1', 'evicted');
      await decide('p2', 'paused');
      const off = await start({ label: true });
      await eventually(async () => (await labelOf('p1')) === 'evicted', soon);
      off.stop();
      const on = await start({ evict: true });
      await eventually(() => on.evictions.length > 0, soon);
      expect([on.evictions, off.evictions, await podNamed('p1')]).toEqual([['p1 evicted'], [], undefined]);
      expect(await Promise.all(['p2', 'p3'].map(podNamed))).toEqual([expect.anything(), expect.anything()]);
    });

    it('a pod that has taken over the name is left alone, even when it did so at the last moment', async () => {
      const uid = await makePod('p1');
      const client = await clientOf('administrator');
      const replace = async (): Promise<void> => {
        await shop.deletePod('p1');
        await makePod('p1');
      };
      const late: KubeClient = {
        ...client,
        async send(...request) {
          await replace();
          return client.send(...request);
        },
      };
      const target = { namespace: shop.namespace, name: 'p1', uid };
      expect(await evict(late, target, () => true, stopping.signal)).toEqual({ kind: 'gone' });
      expect(await evict(client, target, () => true, stopping.signal)).toEqual({ kind: 'gone' });
      expect((await podNamed('p1'))?.metadata.uid).not.toBe(uid);
    });

    it('of two replicas that believe to lead one succeeds', async () => {
      const uid = await makePod('p1', { stays: true });
      const client = await clientOf('administrator');
      const target = { namespace: shop.namespace, name: 'p1', uid };
      const bothLooked = Promise.withResolvers<void>();
      let looked = 0;
      const inStep: KubeClient = {
        ...client,
        async send(...request) {
          looked += 1;
          if (looked === 2) bothLooked.resolve();
          await bothLooked.promise;
          return client.send(...request);
        },
      };
      const results = await Promise.all([1, 2].map(() => evict(inStep, target, () => true, stopping.signal)));
      expect(results.map(({ kind }) => kind).toSorted()).toEqual(['evicted', 'gone']);
      expect((await podNamed('p1'))?.metadata.deletionTimestamp).toBeDefined();
    });

    it('that the last leader did not come to is done by the next, once, and by nobody else', async () => {
      await makePod('p1', { stays: true });
      // On record when the last leader was killed.
      await decide('p1', 'evicted');
      const follower = await start({ evict: true }, { leads: false });
      const next = await start({ evict: true });
      await eventually(() => next.evictions.length > 0, soon);
      next.leads = false;
      follower.leads = true;
      follower.acts.wake();
      await makePod('p2');
      await decide('p2', 'evicted');
      await eventually(() => follower.evictions.length > 0, soon);
      expect([next.evictions, follower.evictions]).toEqual([['p1 evicted'], ['p2 evicted']]);
    });

    it('is refused by a PodDisruptionBudget: on record for as long as it lasts, asked for again, then done', async () => {
      await makePod('p1', { stays: true });
      await allow(0);
      await decide('p1', 'evicted');
      const replica = await start({ evict: true });
      await eventually(() => replica.evictions.length >= 2, soon);
      expect(new Set(replica.evictions)).toEqual(new Set(['p1 refused']));
      expect([heldFor(), replica.codes()]).toEqual([['disruption-budget'], []]);
      expect((await podNamed('p1'))?.metadata.deletionTimestamp).toBeUndefined();
      await allow(1);
      await eventually(() => replica.evictions.includes('p1 evicted'), soon);
      expect(heldFor()).toEqual([undefined]);
    });

    it('of a pod that no controller would replace does not happen, and the record says so', async () => {
      await makePod('p1', { isAlone: true });
      await decide('p1', 'evicted');
      const replica = await start({ evict: true });
      await eventually(() => heldFor().includes('no-controller'), soon);
      expect([replica.evictions, (await podNamed('p1'))?.metadata.deletionTimestamp]).toEqual([[], undefined]);
    });

    it('waits for an API server that is away; the record says nothing of it', async () => {
      await makePod('p1');
      try {
        const replica = await start({ evict: true, label: true }, { url: cluster.wire.url });
        cluster.wire.cut();
        await decide('p1', 'evicted');
        await eventually(() => replica.codes().includes('KV0845') && replica.codes().includes('KV0846'), soon);
        expect([heldFor(), new Set(replica.evictions)]).toEqual([[undefined], new Set(['p1 failed'])]);
        cluster.wire.mend();
        await eventually(() => replica.evictions.includes('p1 evicted'), soon);
        expect(await podNamed('p1')).toBeUndefined();
        replica.stop();
      } finally {
        cluster.wire.mend();
      }
    });

    it('waits while a person has frozen the Service', async () => {
      await makePod('p1');
      await decide('p1', 'evicted');
      book.freeze = { actor: 'ana', reason: 'move', sinceMs: Date.now(), durationMs: 60_000 };
      const replica = await start({ evict: true, label: true });
      await eventually(async () => (await labelOf('p1')) === 'evicted', soon);
      expect(replica.evictions).toEqual([]);
      delete book.freeze;
      await eventually(async () => (await podNamed('p1')) === undefined, soon);
    });
  });

  describe('marks', () => {
    const marksOf = async (name: string) => {
      const { labels = {}, annotations = {} } = (await podNamed(name))?.metadata ?? {};
      return [labels['kubervisor.io/rotation'], annotations[cost], annotations['kubervisor.io/deletion-cost']];
    };
    const unmarked = [undefined, undefined, undefined];

    it('come with the state, change with it, and go with it', async () => {
      await makePod('p1');
      await makePod('p2');
      const replica = await start({ label: true, deletionCost: true });
      for (const state of ['ejected', 'probing'] as const) {
        await decide('p1', state);
        replica.acts.wake();
        await eventually(async () => (await labelOf('p1')) === state, soon);
        expect(await marksOf('p1')).toEqual([state, '-1000', '-1000']);
      }
      book.decisions = new Map();
      await eventually(async () => (await labelOf('p1')) === undefined, soon);
      expect([await marksOf('p1'), await marksOf('p2')]).toEqual([unmarked, unmarked]);
      expect((await podNamed('p1'))?.metadata.labels).toEqual({ app: 'pricer' });
    });

    it('that a leader left behind are taken away by the next, with the options off too', async () => {
      await makePod('p1');
      await decide('p1', 'paused');
      const first = await start({ label: true, deletionCost: true });
      await eventually(async () => (await labelOf('p1')) === 'paused', soon);
      first.stop();
      book.decisions = new Map();
      await start({}, { leads: false });
      await start(nothing);
      await eventually(async () => (await labelOf('p1')) === undefined, soon);
      expect(await marksOf('p1')).toEqual(unmarked);
    });

    it('a cost of somebody else is kept, before, meanwhile and afterwards', async () => {
      for (const name of ['p1', 'p2']) await makePod(name);
      const setCost = async (name: string, value: string) => {
        const metadata = { name, annotations: { [cost]: value } };
        await done(cluster.plane.api.apply(`${core()}/pods/${name}`, { apiVersion: 'v1', kind: 'Pod', metadata }));
      };
      await setCost('p1', '7');
      for (const name of ['p1', 'p2']) await decide(name, 'ejected');
      await start({ label: true, deletionCost: true });
      await eventually(async () => (await marksOf('p2'))[1] === '-1000', soon);
      await eventually(async () => (await labelOf('p1')) === 'ejected', soon);
      expect(await marksOf('p1')).toEqual(['ejected', '7', undefined]);
      await setCost('p2', '9');
      await eventually(async () => (await marksOf('p2'))[2] === undefined, soon);
      book.decisions = new Map();
      await eventually(async () => (await labelOf('p2')) === undefined, soon);
      expect([await marksOf('p1'), await marksOf('p2')]).toEqual([
        [undefined, '7', undefined],
        [undefined, '9', undefined],
      ]);
    });

    it('a Service that selects by the label is a problem', async () => {
      const spec = { selector: { 'kubervisor.io/rotation': 'ejected' }, ports: [{ port: 80 }] };
      await done(cluster.plane.api.post(`${core()}/services`, { metadata: { name: 'broken-ones' }, spec }));
      const [on, off] = [await start({ label: true }), await start({})];
      expect([on.codes(), off.codes()]).toEqual([['KV0848'], []]);
    });
  });

  it('each verb that RBAC lacks is named, and what it prevents is done as soon as it is there', async () => {
    await makePod('p1', { stays: true });
    await decide('p1', 'evicted');
    const grant = async (...more: readonly (readonly [resource: string, ...verbs: string[]])[]): Promise<void> => {
      const api = `/apis/rbac.authorization.k8s.io/v1/namespaces/${shop.namespace}`;
      const read = ['list', 'watch'];
      const rules = [
        { apiGroups: [''], resources: ['services', 'pods'], verbs: read },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
        { apiGroups: ['breaker.kubervisor.io'], resources: ['kubervisorservices'], verbs: read },
        ...more.map(([resource, ...verbs]) => ({ apiGroups: [''], resources: [resource], verbs })),
      ];
      const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1' };
      const metadata = { name: 'kubervisor' };
      await done(cluster.plane.api.apply(`${api}/roles/kubervisor`, { ...rbac, kind: 'Role', metadata, rules }));
      await done(
        cluster.plane.api.apply(`${api}/rolebindings/kubervisor`, {
          ...rbac,
          kind: 'RoleBinding',
          metadata,
          subjects: [{ kind: 'User', name: 'kubervisor', apiGroup: 'rbac.authorization.k8s.io' }],
          roleRef: { kind: 'Role', name: 'kubervisor', apiGroup: 'rbac.authorization.k8s.io' },
        }),
      );
    };
    await grant();
    const replica = await start({ evict: true, label: true }, { user: 'kubervisor' });
    const said = (code: string, text: string): boolean =>
      replica.acts.problems().some((each) => each.code === code && each.message.includes(text));
    await eventually(() => said('KV0845', 'cannot get resource "pods"'), soon);
    await eventually(() => said('KV0846', 'cannot get resource "pods"'), soon);
    expect(heldFor()).toEqual(['eviction-refused']);
    await grant(['pods', 'get']);
    await eventually(() => said('KV0845', 'cannot create resource "pods/eviction"'), soon);
    await eventually(() => said('KV0846', 'cannot patch resource "pods"'), soon);
    await grant(['pods', 'get', 'patch'], ['pods/eviction', 'create']);
    await eventually(() => replica.evictions.includes('p1 evicted'), soon);
    await eventually(() => replica.codes().length === 0, soon);
  });
});
