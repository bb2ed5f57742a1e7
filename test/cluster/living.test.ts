/** What the cluster says of itself, as a real API server says it. Controllers are played by hand: there are none. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { type Fleet, serviceKey } from '../../engine/model.ts';
import { formatProblem } from '../../engine/problem.ts';
import { createKubernetesSource, type KubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import { describeWith } from '../support/parts.ts';
import { useCluster } from './use-cluster.ts';
import { createShop, type PodSpec, type Shop } from './shop.ts';

const pods: readonly PodSpec[] = [1, 2, 3, 4].map((n) => ({
  name: `pricer-abc-${n}`,
  ip: `10.1.0.${n}`,
  labels: { 'pod-template-hash': 'abc' },
  owner: { kind: 'ReplicaSet', name: 'pricer-abc' },
}));
const soon = { timeoutMs: 20_000 };

describeWith(['kube-apiserver', 'etcd'], 'living with the cluster', (executables) => {
  const cluster = useCluster(executables);
  let shop: Shop;
  let count = 0;
  let stopping: AbortController;

  beforeEach(async () => {
    stopping = new AbortController();
    shop = await createShop(cluster.plane.api, `shop-${(count += 1)}`);
    await shop.service('pricer');
    for (const pod of pods) await shop.pod('pricer', pod);
    await shop.slice('pricer', pods);
  });

  afterEach(() => stopping.abort());

  interface Seen {
    readonly source: KubernetesSource;
    fleet(): Fleet | undefined;
    workloads(): Fleet['workloads'];
  }

  async function watch(user: 'administrator' | 'kubervisor' = 'administrator', workloads?: boolean): Promise<Seen> {
    const kubeconfig = join(cluster.folder, `${user}.yaml`);
    await writeFile(kubeconfig, cluster.plane.kubeconfig(user, cluster.wire.url));
    let fleet: Fleet | undefined;
    const source = createKubernetesSource({
      client: await connect({ kubeconfig }, systemClock),
      clock: systemClock,
      random: Math.random,
      namespaces: [shop.namespace],
      ...(workloads === undefined ? {} : { workloads }),
      onProblem: (problem) => {
        throw new Error(formatProblem(problem));
      },
    });
    await source.start((batch) => {
      for (const change of batch) {
        if (change.kind === 'fleet' && change.fleet.service === serviceKey(shop.namespace, 'pricer'))
          fleet = change.fleet;
      }
    }, stopping.signal);
    return { source, fleet: () => fleet, workloads: () => fleet?.workloads };
  }

  const atRest = { desired: 4, rollingOut: [], scaling: [] };

  it('a rollout and a scaling from their first moment to their last, and how many there should be', async () => {
    await shop.workload('deployments', 'pricer', { replicas: 4 });
    const seen = await watch();
    await eventually(() => seen.workloads() !== undefined, soon);
    // Nobody is there to say that the controller has looked at it.
    expect(seen.workloads()).toEqual({ ...atRest, scaling: ['Deployment/pricer'] });
    const rest = { replicas: 4, updatedReplicas: 4, readyReplicas: 4 };
    await shop.workloadStatus('deployments', 'pricer', rest);
    await eventually(() => seen.workloads()?.scaling.length === 0, soon);
    expect(seen.workloads()).toEqual(atRest);

    await shop.workload('deployments', 'pricer', { replicas: 4, version: '2' });
    await eventually(() => seen.workloads()?.rollingOut.length === 1, soon);
    await shop.workloadStatus('deployments', 'pricer', { ...rest, updatedReplicas: 1 });
    await shop.workloadStatus('deployments', 'pricer', rest);
    await eventually(() => seen.workloads()?.rollingOut.length === 0, soon);

    await shop.workload('deployments', 'pricer', { replicas: 7, version: '2' });
    await eventually(() => seen.workloads()?.scaling.length === 1, soon);
    expect(seen.workloads()).toEqual({ desired: 7, rollingOut: [], scaling: ['Deployment/pricer'] });

    // Of another one that the Service selects as well: both count.
    await shop.workload('statefulsets', 'pricer-db', { replicas: 2 });
    await eventually(() => seen.workloads()?.desired === 9, soon);
    await shop.delete('deployments/pricer');
    await eventually(() => seen.workloads()?.desired === 6, soon);
  });

  it('whose pods they are, and that one is to end', async () => {
    await shop.pod('pricer', { name: 'db-0', ip: '10.1.0.9', owner: { kind: 'StatefulSet', name: 'db' } });
    await shop.slice('pricer', [...pods, { name: 'db-0', ip: '10.1.0.9' }]);
    const seen = await watch();
    const backend = (name: string) => seen.fleet()?.backends.find((each) => each.name === name);
    expect(backend('db-0')?.workload).toEqual({ kind: 'StatefulSet', name: 'db' });
    expect(backend('pricer-abc-1')?.workload).toEqual({ kind: 'Deployment', name: 'pricer' });
    const drained = '2026-02-03T04:05:06Z';
    await shop.condition('pricer-abc-1', { type: 'DisruptionTarget', status: 'True', lastTransitionTime: drained });
    await eventually(() => backend('pricer-abc-1')?.disruptedSinceMs === Date.parse(drained), soon);
    await shop.condition('pricer-abc-1', { type: 'DisruptionTarget', status: 'False', lastTransitionTime: drained });
    await eventually(() => backend('pricer-abc-1')?.disruptedSinceMs === undefined, soon);
  });

  it('without the right to read workloads all goes on, and that is told once; with it they are used, until it is taken', async () => {
    await shop.workload('deployments', 'pricer', { replicas: 4 });
    await shop.workloadStatus('deployments', 'pricer', { replicas: 4, updatedReplicas: 4 });
    const needed = [
      ['', 'services', 'pods'],
      ['discovery.k8s.io', 'endpointslices'],
      ['breaker.kubervisor.io', 'kubervisorservices'],
    ] as const;
    const optional = ['apps', 'deployments', 'statefulsets'] as const;
    await shop.mayRead('kubervisor', needed);
    const seen = await watch('kubervisor');
    expect(seen.fleet()?.backends).toHaveLength(4);
    const told = () => seen.source.problems().map(formatProblem);
    await eventually(() => told().length > 0, soon);
    expect(told()).toEqual([
      expect.stringMatching(/^warning KV0840 workloads are not known .*deployments.*statefulsets/),
    ]);
    expect(seen.workloads()).toBeUndefined();

    await shop.mayRead('kubervisor', [...needed, optional]);
    await eventually(() => seen.workloads()?.desired === 4, soon);
    expect(told()).toEqual([]);
    await shop.mayRead('kubervisor', needed);
    await shop.workload('deployments', 'pricer', { replicas: 9 });
    // A watch that was let in goes on until it ends.
    cluster.wire.cut();
    cluster.wire.mend();
    await eventually(() => told().some((text) => text.includes('KV0840')), soon);
    await eventually(() => seen.workloads() === undefined, soon);
    expect(seen.fleet()?.backends).toHaveLength(4);
  });

  it('switched off they are not even asked for', async () => {
    await shop.workload('deployments', 'pricer', { replicas: 9 });
    const seen = await watch('administrator', false);
    expect(seen.source.health().map(({ path }) => path.replace(/.*\//, ''))).not.toContain('deployments');
    expect(seen.workloads()).toBeUndefined();
  });
});
