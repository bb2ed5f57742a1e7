/** The Kubernetes source against a real API server, over a wire that can be cut. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { type Fleet, type ServiceKey, serviceKey } from '../../engine/model.ts';
import { formatProblem } from '../../engine/problem.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { createKubernetesSource, type KubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import type { SourceChange } from '../../engine/sources/source.ts';
import { describeWith } from '../support/parts.ts';
import { withLooseCrd } from './crd.ts';
import { useCluster } from './use-cluster.ts';
import { createShop, done, type PodSpec, type Shop } from './shop.ts';

const pods: readonly PodSpec[] = [1, 2, 3, 4].map((n) => ({
  name: `pricer-${n}`,
  ip: `10.1.0.${n}`,
  zone: n % 2 === 0 ? 'east' : 'west',
  labels: { 'pod-template-hash': 'abc' },
}));
const spec = { service: 'pricer', breakers: [{ name: 'a', threshold: { query: 'x', operator: '>', value: 1 } }] };

/** A source, and what it has told so far. */
interface Seen {
  readonly source: KubernetesSource;
  readonly started: Promise<void>;
  readonly changes: readonly SourceChange[];
  /** As `error ...` or `info no longer: ...`. */
  readonly logged: readonly string[];
  fleet(service: ServiceKey): Fleet | undefined;
  names(): readonly string[];
}

describeWith(['kube-apiserver', 'etcd'], 'the Kubernetes source', (executables) => {
  const cluster = useCluster(executables);
  let shop: Shop;
  let count = 0;
  let stopping: AbortController;
  /** Called for each batch. */
  let watching: () => void;

  beforeEach(async () => {
    stopping = new AbortController();
    watching = () => undefined;
    shop = await createShop(cluster.plane.api, `shop-${(count += 1)}`);
    await shop.service('pricer');
    for (const pod of pods) await shop.pod('pricer', pod);
    await shop.slice('pricer', pods);
  });

  afterEach(() => stopping.abort());

  async function watch(user: 'administrator' | 'kubervisor' = 'administrator', namespaces = [shop.namespace]) {
    const kubeconfig = join(cluster.folder, `${user}.yaml`);
    await writeFile(kubeconfig, cluster.plane.kubeconfig(user, cluster.wire.url));
    const changes: SourceChange[] = [];
    const fleets = new Map<ServiceKey, Fleet>();
    const logged: string[] = [];
    const write = (level: string) => (_: object, message: string) => void logged.push(`${level} ${message}`);
    const source = createKubernetesSource({
      client: await connect({ kubeconfig }, systemClock),
      clock: systemClock,
      random: Math.random,
      namespaces,
      log: { info: write('info'), warn: write('warn'), error: write('error') },
      onProblem: (problem) => {
        throw new Error(formatProblem(problem));
      },
    });
    const started = source.start((batch) => {
      watching();
      changes.push(...batch);
      for (const change of batch) {
        if (change.kind === 'fleet') fleets.set(change.fleet.service, change.fleet);
        if (change.kind === 'fleet-gone') fleets.delete(change.service);
      }
    }, stopping.signal);
    // A test that ends before the first list is no failure.
    started.catch(() => undefined);
    const fleet = (service: ServiceKey): Fleet | undefined => fleets.get(service);
    const seen: Seen = {
      source,
      started,
      changes,
      logged,
      fleet,
      names: () => (fleet(pricer()) ?? { backends: [] }).backends.map(({ name }) => name).toSorted(),
    };
    return seen;
  }

  const pricer = (): ServiceKey => serviceKey(shop.namespace, 'pricer');
  const soon = { timeoutMs: 20_000 };

  it('reads fleet and policy as they are: labels, zone, age, identity', async () => {
    await done(shop.policy('p', spec));
    const seen = await watch();
    await seen.started;
    expect(seen.source.problems().filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(seen.changes.map(({ kind }) => kind)).toEqual(['fleet', 'policy']);
    expect(seen.fleet(pricer())).toMatchObject({
      hasSelector: true,
      ports: [{ name: 'http', number: 80 }],
    });
    const backend = seen.fleet(pricer())?.backends.find(({ name }) => name === 'pricer-2');
    expect(backend).toMatchObject({
      podName: 'pricer-2',
      podUid: backend?.id,
      ready: true,
      zone: 'east',
      labels: { app: 'pricer', 'pod-template-hash': 'abc' },
      readySinceMs: Date.parse('2026-01-02T03:04:05Z'),
      endpoints: [{ portName: 'http', address: '10.1.0.2', port: 8080 }],
    });
  });

  it('follows: an endpoint that is not ready, a pod that goes, a policy that is edited and deleted, a Service that goes', async () => {
    await done(shop.policy('p', spec));
    const seen = await watch();
    await seen.started;

    await shop.slice('pricer', [{ ...(pods[0] as PodSpec), ready: false }, ...pods.slice(1)]);
    await eventually(() => seen.fleet(pricer())?.backends.some(({ ready }) => !ready), soon);

    await shop.deletePod('pricer-4');
    await shop.slice('pricer', pods.slice(0, 3));
    await eventually(() => seen.names().length === 3, soon);

    await done(shop.policy('p', { ...spec, settle: 3 }));
    await eventually(() => seen.changes.some((each) => each.kind === 'policy' && each.policy.settle === 3), soon);

    await shop.delete('kubervisorservices/p');
    await eventually(() => seen.changes.some(({ kind }) => kind === 'policy-gone'), soon);
    await shop.delete('services/pricer');
    await eventually(() => seen.fleet(pricer()) === undefined, soon);
  });

  it('a status that is written is no change of the policy', async () => {
    await done(shop.policy('p', spec));
    const seen = await watch();
    await seen.started;
    const path = `/apis/breaker.kubervisor.io/v1/namespaces/${shop.namespace}/kubervisorservices/p`;
    const { body } = await cluster.plane.api.get(path);
    await done(cluster.plane.api.put(`${path}/status`, { ...(body as object), status: { serving: '4/4' } }));
    await shop.slice('pricer', pods.slice(0, 3));
    await eventually(() => seen.names().length === 3, soon);
    expect(seen.changes.filter(({ kind }) => kind === 'policy')).toHaveLength(1);
  });

  it('while the API server is away everything stays; afterwards it follows what happened meanwhile', async () => {
    const seen = await watch();
    await seen.started;
    // Workloads too, which nothing waits for.
    await eventually(() => seen.source.health().every(({ heardAtMs }) => heardAtMs !== undefined), soon);
    cluster.wire.cut();
    try {
      await eventually(() => seen.source.problems().some(({ code }) => code === 'KV0801'), soon);
      await shop.slice('pricer', pods.slice(0, 3));
      expect(seen.names()).toHaveLength(4);
    } finally {
      cluster.wire.mend();
    }
    await eventually(() => seen.names().length === 3, soon);
    await eventually(() => seen.source.problems().length === 0, soon);
    // Six watches broke, and nobody wants to read of each.
    expect(seen.logged).toEqual([
      expect.stringMatching(/^error the API server cannot be read/),
      expect.stringMatching(/^info no longer: the API server cannot be read/),
    ]);
    // It went on from where it was.
    expect(seen.source.health().map(({ lists }) => lists)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('starts when the API server is not there yet, and is not ready before it was', async () => {
    cluster.wire.cut();
    const seen = await watch();
    let isStarted = false;
    void seen.started.then(() => {
      isStarted = true;
    });
    try {
      await eventually(() => seen.source.problems().length === 6, soon);
      expect(seen.source.problems()[0]?.message).toContain('nothing was read yet');
      expect(isStarted).toBe(false);
    } finally {
      cluster.wire.mend();
    }
    await seen.started;
    expect(seen.names()).toHaveLength(4);
  });

  it('a list that lacks much is believed once others say so too, and until then everything stays', async () => {
    const seen = await watch();
    await seen.started;
    // How often the slices were listed, at each change of the fleet.
    const lists = (): number =>
      seen.source.health().find(({ path }) => path.endsWith('/endpointslices'))?.lists ?? Number.NaN;
    const before = seen.changes.length;
    const at: number[] = [];
    watching = () => at.push(lists());
    await cluster.plane.restart((etcd) => etcd.forget(`/registry/endpointslices/${shop.namespace}/`));
    await eventually(() => seen.source.problems().some(({ code }) => code === 'KV0212'), soon);
    expect(seen.names()).toHaveLength(4);
    await eventually(() => seen.names().length === 0, soon);
    // The first, one that lacks them and one that confirms it; another one for the backends of a Service.
    expect(at.at(-1)).toBeGreaterThanOrEqual(4);
    expect(seen.changes.length).toBe(before + 1);
  }, 60_000);

  it('a right that is missing is named, and used as soon as it is given', async () => {
    const role = (resources: readonly [group: string, ...names: string[]][]) =>
      cluster.plane.api.apply(`/apis/rbac.authorization.k8s.io/v1/namespaces/${shop.namespace}/roles/reader`, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'reader' },
        rules: resources.map(([group, ...names]) => ({
          apiGroups: [group],
          resources: names,
          verbs: ['list', 'watch'],
        })),
      });
    const others = [
      ['discovery.k8s.io', 'endpointslices'],
      ['breaker.kubervisor.io', 'kubervisorservices'],
    ] as const satisfies readonly [string, ...string[]][];
    await done(role([['', 'services'], ...others]));
    await done(
      cluster.plane.api.post(`/apis/rbac.authorization.k8s.io/v1/namespaces/${shop.namespace}/rolebindings`, {
        metadata: { name: 'reader' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
        subjects: [{ kind: 'User', name: 'kubervisor' }],
      }),
    );
    const seen = await watch('kubervisor');
    const problem = await eventually(() => seen.source.problems().find(({ code }) => code === 'KV0802'), soon);
    expect(formatProblem(problem)).toContain('cannot list resource "pods" in API group ""');
    await done(role([['', 'services', 'pods'], ...others]));
    await seen.started;
    expect(seen.names()).toHaveLength(4);
  });

  it('an object that an older CRD let in is told, and does not come into force', async () => {
    await withLooseCrd(cluster.plane.api, () =>
      eventually(async () => (await shop.policy('p', { ...spec, settle: 'often' })).status < 300, soon),
    );
    const seen = await watch();
    await seen.started;
    expect(seen.changes.map(({ kind }) => kind)).toEqual(['fleet', 'policy-invalid']);
    expect(seen.source.problems().map(formatProblem)).toEqual([
      expect.stringMatching(/^KubervisorService shop-\d+\/p: error KV0104 spec\.settle: must be an integer/),
    ]);
  });

  it('policies that are made to take long to read, which the API server takes, come into force neither at a start nor later', async () => {
    const nested = `${'sum(a+'.repeat(500)}a${')'.repeat(500)}`;
    const breakers = (query: string, ...names: readonly string[]) =>
      names.map((name) => ({ name, ratio: { bad: query, total: query }, activity: { query, min: 1 } }));
    const bomb = { service: 'other', breakers: breakers(nested, 'a') };
    await done(shop.policy('p', spec));
    for (let n = 0; n < 10; n++) await done(shop.policy(`nested-${n}`, bomb));
    await done(
      shop.policy('long', { service: 'another', breakers: breakers(`a # ${'-'.repeat(2000)}`, 'a', 'b', 'c', 'd') }),
    );
    const seen = await watch();
    await seen.started;
    const refused = (): readonly string[] =>
      seen.source.problems().flatMap(({ code, message }) => (code === 'KV0104' ? [message] : []));
    expect(refused()).toHaveLength(10 * 3 + 1);
    expect(new Set(refused().map((message) => message.replace(/, at character .*/, '')))).toEqual(
      new Set(['has brackets nested more than 64 deep', 'has queries of 24048 characters in all, 16384 are the most']),
    );
    expect(seen.changes.flatMap((each) => (each.kind === 'policy' ? [each.policy.name] : []))).toEqual(['p']);
    await done(shop.policy('later', bomb));
    await eventually(() => refused().length === 11 * 3 + 1, soon);
  });

  it('all namespaces at once, when none is named', async () => {
    const seen = await watch('administrator', []);
    await seen.started;
    expect(seen.names()).toHaveLength(4);
    expect(seen.fleet(serviceKey('default', 'kubernetes'))).toMatchObject({ backends: [] });
  });
});
