/**
 * Two replicas on a real API server, each with an xDS client. From an ejection being asked for on the one that leads to
 * the push on either: decide, write to the status of the policy, hear of it by the watch, assign, push. And how often
 * the status is written of a policy whose decisions change without pause.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { servingConfigYaml } from '../../demo/files.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { findPart } from '../../demo/world/parts.ts';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { installCrd } from '../cluster/crd.ts';
import { createShop, done, type PodSpec } from '../cluster/shop.ts';
import { clusterLoadAssignment } from '../support/protos.ts';
import { act, freePorts, type Serving, startServing } from '../support/serving.ts';
import { connectXds } from '../support/xds-client.ts';
import type { Figure } from './figures.ts';

const pods: readonly PodSpec[] = [1, 2, 3, 4].map((n) => ({ name: `pricer-${n}`, ip: `10.1.0.${n}` }));
const ejected = 'pricer-1';
const address = '10.1.0.1';
const policies = '/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices';
/** More often than that a policy is not written: each act begins when the one before is over and done with. */
const restMs = 1_100;
const unrestMs = 20_000;

interface Replica {
  readonly name: string;
  readonly serving: Serving;
  /** When a push first said so of the pod that is ejected and brought back; asked before it is. */
  said(status: 'HEALTHY' | 'DRAINING'): Promise<number>;
  stop(): Promise<void>;
}

export async function benchReplicas(runs: number): Promise<readonly Figure[]> {
  const apiServer = findPart('kube-apiserver', process.env);
  const etcd = findPart('etcd', process.env);
  if (apiServer === undefined || etcd === undefined) {
    throw new Error('kube-apiserver or etcd is not there; fetch them with: npm run setup -- kube-apiserver etcd');
  }
  const plane = await startControlPlane({ executables: { 'kube-apiserver': apiServer, etcd } });
  const replicas: Replica[] = [];
  try {
    await fill(plane);
    return await inTemporaryFolder('replicas', async (folder) => {
      for (const name of ['one', 'two']) replicas.push(await startReplica(plane, folder, name));
      const figures = await measure(plane, replicas, runs);
      await removeFolder(folder);
      return figures;
    });
  } finally {
    for (const replica of replicas) await replica.stop();
    await plane.stop();
  }
}

async function fill(plane: ControlPlane): Promise<void> {
  await installCrd(plane.api);
  await done(plane.api.post('/api/v1/namespaces', { metadata: { name: 'kubervisor' } }));
  const shop = await createShop(plane.api, 'shop');
  await shop.service('pricer');
  for (const pod of pods) await shop.pod('pricer', pod);
  await shop.slice('pricer', pods);
  const threshold = { query: 'rate(errors[1m])', operator: '>', value: 5 };
  const breakers = [{ name: 'errors', evaluationPeriod: '1h', threshold }];
  await done(shop.policy('p', { service: 'pricer', settle: 0, breakers }));
}

async function startReplica(plane: ControlPlane, parent: string, name: string): Promise<Replica> {
  const folder = join(parent, name);
  await mkdir(folder);
  const ports = await freePorts();
  const config = servingConfigYaml(ports)
    .replace('{files: ./config}', '{kubernetes: {kubeconfig: ./kube.yaml}}')
    .replace(/^state:.*\n/m, '');
  await writeFile(
    join(folder, 'kubervisor.yaml'),
    `${config}replicas: {namespace: kubervisor, lease: kubervisor, identity: ${name}}\n`,
  );
  await writeFile(join(folder, 'kube.yaml'), plane.kubeconfig('administrator'));
  const serving = await startServing(folder, ports, 60_000);
  const client = connectXds(ports.xds);
  const stream = client.sotw();
  const awaited = new Map<string, (atMs: number) => void>();
  const follow = async (): Promise<void> => {
    const names = { resource_names: ['shop/pricer:http'] };
    stream.say(names);
    for (;;) {
      const response = await stream.next();
      const atMs = performance.now();
      stream.say({ ...names, response_nonce: response.nonce ?? '', version_info: response.version_info ?? '' });
      const [resource] = response.resources ?? [];
      const status = statusIn(resource?.value);
      awaited.get(status)?.(atMs);
      awaited.delete(status);
    }
  };
  // Ends with the stream.
  follow().catch(() => undefined);
  return {
    name,
    serving,
    said: (status) => new Promise((resolve) => void awaited.set(status, resolve)),
    async stop() {
      stream.cancel();
      await client.stop();
      await serving.process.stop();
    },
  };
}

function statusIn(bytes: unknown): string {
  if (!Buffer.isBuffer(bytes)) return '';
  const { endpoints = [] } = clusterLoadAssignment.deserialize(bytes);
  const hosts = endpoints.flatMap(({ lb_endpoints: listed = [] }) => listed);
  const host = hosts.find(({ endpoint }) => endpoint?.address?.socket_address?.address === address);
  return String(host?.health_status ?? '');
}

async function measure(plane: ControlPlane, replicas: readonly Replica[], runs: number): Promise<readonly Figure[]> {
  const holder = await eventually(() => holderOf(plane), { timeoutMs: 30_000, what: 'a replica leads' });
  const isHolder = ({ name }: Replica): boolean => holder.startsWith(`${name}_`);
  const leader = replicas.find(isHolder);
  const other = replicas.find((replica) => !isHolder(replica));
  if (leader === undefined || other === undefined) throw new Error(`${holder} leads, and is none of ours`);
  await sleep(restMs);
  const own: number[] = [];
  const others: number[] = [];
  const between: number[] = [];
  const { url } = leader.serving;
  for (let run = 0; run < runs; run++) {
    const out = [leader.said('DRAINING'), other.said('DRAINING')];
    const startedMs = performance.now();
    await act(url, 'eject', ejected, { forSeconds: 600, force: true });
    const [ownMs = Number.NaN, otherMs = Number.NaN] = await Promise.all(out);
    own.push(ownMs - startedMs);
    others.push(otherMs - startedMs);
    between.push(otherMs - ownMs);
    await sleep(restMs);
    const back = [leader.said('HEALTHY'), other.said('HEALTHY')];
    await act(url, 'restore', ejected);
    await Promise.all(back);
    await sleep(restMs);
  }
  const writes = await countingWrites(plane, async () => {
    const endMs = performance.now() + unrestMs;
    while (performance.now() < endMs) {
      await act(url, 'eject', ejected, { forSeconds: 600, force: true });
      await act(url, 'restore', ejected);
    }
  });
  return [
    { name: 'two replicas: ejection asked for to the push of the leader', unit: 'ms', samples: own },
    { name: '  to the push of the other', unit: 'ms', samples: others, goal: 'median under 50' },
    { name: '  from the one push to the other', unit: 'ms', samples: between },
    {
      name: '  writes of a status whose decisions change without pause',
      unit: '/s',
      samples: [(writes * 1000) / unrestMs],
      goal: 'at most 1',
    },
  ];
}

async function holderOf(plane: ControlPlane): Promise<string | undefined> {
  const { body } = await plane.api.get('/apis/coordination.k8s.io/v1/namespaces/kubervisor/leases/kubervisor');
  return (body as { spec?: { holderIdentity?: string } }).spec?.holderIdentity;
}

/** Each write of the policy is an event of a watch. */
async function countingWrites(plane: ControlPlane, during: () => Promise<void>): Promise<number> {
  return inTemporaryFolder('writes', async (folder) => {
    const kubeconfig = join(folder, 'kube.yaml');
    await writeFile(kubeconfig, plane.kubeconfig('administrator'));
    const client = await connect({ kubeconfig }, systemClock);
    const { body } = await plane.api.get(policies);
    const { resourceVersion } = (body as { metadata: { resourceVersion: string } }).metadata;
    const stopping = new AbortController();
    let writes = 0;
    const observer = { opened: () => undefined, event: () => void (writes += 1) };
    const watching = client.watch(policies, { watch: true, resourceVersion }, observer, stopping.signal);
    await during();
    stopping.abort();
    await watching.catch(() => undefined);
    await removeFolder(folder);
    return writes;
  });
}
