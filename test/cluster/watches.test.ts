/** What goes wrong with lists and watches, on a real API server with a gate before it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, type TestContext } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import type { ReflectorHealth } from '../../engine/kubernetes/reflector.ts';
import { type Backend, type Fleet, serviceKey } from '../../engine/model.ts';
import { formatProblem } from '../../engine/problem.ts';
import { createKubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import type { SourceChange } from '../../engine/sources/source.ts';
import { describeWith } from '../support/parts.ts';
import { type Asked, type Gate, isWatch, passes, startGate } from './gate.ts';
import { createShop, done, type PodSpec, type Shop } from './shop.ts';
import { useCluster } from './use-cluster.ts';

const pods: readonly PodSpec[] = [1, 2, 3, 4].map((n) => ({ name: `pricer-${n}`, ip: `10.1.0.${n}` }));
const [first = { name: '', ip: '' }, ...others] = pods;
const spec = { service: 'pricer', breakers: [{ name: 'a', threshold: { query: 'x', operator: '>', value: 1 } }] };
const soon = { timeoutMs: 40_000 };

interface Seen {
  readonly shop: Shop;
  readonly gate: Gate;
  readonly changes: readonly SourceChange[];
  fleet(): Fleet | undefined;
  backend(name: string): Backend | undefined;
  health(resource: string): ReflectorHealth;
}

/** What happens to an object of each kind, and how it shows. */
const kinds: readonly (readonly [
  resource: string,
  happens: (seen: Seen) => Promise<unknown>,
  shows: (seen: Seen) => boolean,
])[] = [
  [
    'services',
    ({ shop }) => shop.delete('services/pricer'),
    ({ changes }) => changes.some(({ kind }) => kind === 'fleet-gone'),
  ],
  [
    'endpointslices',
    ({ shop }) => shop.slice('pricer', [{ ...first, ready: false }, ...others]),
    ({ backend }) => backend(first.name)?.ready === false,
  ],
  [
    'pods',
    ({ shop }) => shop.label(first.name, { version: '2' }),
    ({ backend }) => backend(first.name)?.labels?.['version'] === '2',
  ],
  [
    'kubervisorservices',
    ({ shop }) => done(shop.policy('p', { ...spec, settle: 3 })),
    ({ changes }) => changes.some((each) => each.kind === 'policy' && each.policy.settle === 3),
  ],
];

describeWith(['kube-apiserver', 'etcd'], 'lists and watches', (executables) => {
  const cluster = useCluster(executables);
  let count = 0;

  async function follow({ onTestFinished }: TestContext): Promise<Seen> {
    const shop = await createShop(cluster.plane.api, `shop-${(count += 1)}`);
    await shop.service('pricer');
    for (const pod of pods) await shop.pod('pricer', pod);
    await shop.slice('pricer', pods);
    await done(shop.policy('p', spec));
    const gate = await startGate(cluster.plane);
    const kubeconfig = join(cluster.folder, `${shop.namespace}.yaml`);
    await writeFile(kubeconfig, cluster.plane.kubeconfig('administrator', gate.url, gate.ca));
    const stopping = new AbortController();
    onTestFinished(async () => {
      stopping.abort();
      await gate.close();
    });
    const changes: SourceChange[] = [];
    const source = createKubernetesSource({
      client: await connect({ kubeconfig }, systemClock),
      clock: systemClock,
      random: Math.random,
      namespaces: [shop.namespace],
      watching: { leastSeconds: 2, moreSeconds: 1, graceMs: 2000 },
      onProblem: (problem) => {
        throw new Error(formatProblem(problem));
      },
    });
    await source.start((batch) => changes.push(...batch), stopping.signal);
    const service = serviceKey(shop.namespace, 'pricer');
    const fleet = (): Fleet | undefined =>
      changes.flatMap((each) => (each.kind === 'fleet' && each.fleet.service === service ? [each.fleet] : [])).at(-1);
    return {
      shop,
      gate,
      changes,
      fleet,
      backend: (name) => fleet()?.backends.find((each) => each.name === name),
      health(resource) {
        const found = source.health().find(({ path }) => path.endsWith(`/${resource}`));
        if (found === undefined) throw new Error(`nobody watches ${resource}`);
        return found;
      },
    };
  }

  it.concurrent.for(kinds)(
    'K3: that of %s goes silent: it is given up, and what it kept back is heard',
    async ([resource, happens, shows], test) => {
      const seen = await follow(test);
      await eventually(() => seen.gate.asked.some((asked) => isOpen(asked, resource)), soon);
      seen.gate.silence(({ path }) => path.includes(`/${resource}`));
      await happens(seen);
      await eventually(() => shows(seen), { ...soon, what: 'it is heard of' });
      // From where it was, without a list.
      expect(seen.health(resource)).toMatchObject({ lists: 1, failures: 1 });
    },
  );

  it.concurrent('K4: a list from the past is not believed: who is gone does not come back, and who is new stays', async (test) => {
    const seen = await follow(test);
    const path = `/apis/discovery.k8s.io/v1/namespaces/${seen.shop.namespace}/endpointslices`;
    const past = JSON.stringify((await done(cluster.plane.api.get(path))).body);
    await seen.shop.deletePod(first.name);
    await seen.shop.slice('pricer', others);
    await eventually(() => seen.fleet()?.backends.length === others.length, soon);
    const from = seen.changes.length;
    // A replica of the API server that lags, after a watch that it could not go on with.
    const expired = JSON.stringify({ kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
    seen.gate.rule((asked) => {
      if (!asked.path.startsWith(path)) return passes;
      return isWatch(asked)
        ? { kind: 'answered', status: 410, body: expired }
        : { kind: 'answered', status: 200, body: past };
    });
    seen.gate.breakOff((asked) => asked.path.startsWith(path));
    await eventually(() => seen.health('endpointslices').stale > 1, soon);
    seen.gate.rule(() => passes);
    await eventually(() => seen.health('endpointslices').error === undefined, soon);
    const told = seen.changes.slice(from).flatMap((each) => (each.kind === 'fleet' ? [each.fleet] : []));
    const names = (each: Fleet | undefined): readonly string[] | undefined =>
      each?.backends.map(({ name }) => name).toSorted();
    for (const each of [...told, seen.fleet()]) expect(names(each)).toEqual(others.map(({ name }) => name));
  });

  it('K2: a version that the API server has forgotten: a new list, from which only what has changed is told', async (test) => {
    const seen = await follow(test);
    await eventually(() => seen.gate.asked.some((asked) => isOpen(asked, 'endpointslices')), soon);
    const from = seen.changes.length;
    const isOfSlices = ({ path }: Asked): boolean => path.includes('/endpointslices');
    seen.gate.rule((asked) => (isOfSlices(asked) ? { kind: 'answered', status: 503, body: '{}' } : passes));
    seen.gate.breakOff(isOfSlices);
    await seen.shop.slice('pricer', [{ ...first, ready: false }, ...others]);
    await cluster.plane.restart();
    seen.gate.rule(() => passes);
    await eventually(() => seen.backend(first.name)?.ready === false, soon);
    expect(seen.health('endpointslices').lists).toBe(2);
    expect(seen.changes.slice(from).map(({ kind }) => kind)).toEqual(['fleet']);
  });
});

function isOpen(asked: Asked, resource: string): boolean {
  return isWatch(asked) && asked.path.includes(`/${resource}`) && asked.answered !== undefined;
}
