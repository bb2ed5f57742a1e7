/**
 * A mesh in a network of its own: pods that answer, a Prometheus that scrapes them, an API server that knows them, three
 * replicas of Kubervisor, and an Envoy for each, under load.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { obeyingEnvoy } from '../../../demo/files.ts';
import { type Load, startLoad } from '../../../demo/load.ts';
import { type Envoy, startEnvoy } from '../../../demo/world/envoy.ts';
import { inTemporaryFolder, removeFolder } from '../../../demo/world/folder.ts';
import { findPart, type PartName } from '../../../demo/world/parts.ts';
import { type RunningProcess, startProcess, untilReady } from '../../../demo/world/process.ts';
import { type Prometheus, startPrometheus } from '../../../demo/world/prometheus.ts';
import { eventually } from '../../../demo/world/wait.ts';
import { createUndo } from '../../../engine/undo.ts';
import { type ControlPlane, startControlPlane } from '../control-plane.ts';
import { installCrd } from '../crd.ts';
import { createShop, done, type PodSpec, type Shop } from '../shop.ts';
import { startWire, type Wire } from '../wire.ts';
import { createReplica, type Replica } from './replica.ts';
import { grantRights } from './rights.ts';

export interface Mesh {
  readonly plane: ControlPlane;
  /** Between all replicas and the API server. */
  readonly wire: Wire;
  readonly shop: Shop;
  readonly prometheus: Prometheus;
  readonly replicas: readonly Replica[];
  /** One for each replica, in the same order. */
  readonly envoys: readonly Envoy[];
  readonly loads: readonly Load[];
  /** Starts a pod, and makes it known as ready. */
  join(pod: PodSpec): Promise<void>;
  /** Takes a pod out of the Service; its process goes on, as one does that is told to end. */
  leave(name: string): Promise<void>;
  end(name: string): Promise<void>;
  /** From now on it answers 200, with a wrong price. */
  spoil(name: string): Promise<void>;
  /** The value of an instant query that returns one; undefined where it returns none. */
  ask(query: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

export const podPort = 8080;
const requestsPerSecond = 40;
const patience = { timeoutMs: 60_000 };

export const pods = (generation: 'a' | 'b'): readonly PodSpec[] =>
  [1, 2, 3, 4, 5, 6].map((n) => ({
    name: `pricer-${generation}-${n}`,
    ip: `10.1.0.${n + (generation === 'a' ? 0 : 10)}`,
    labels: { 'pod-template-hash': generation },
  }));

export async function startMesh(timing: object, policy: object): Promise<Mesh> {
  return inTemporaryFolder('mesh', async (folder) => {
    const undo = createUndo();
    const stop = (): Promise<void> => undo.run((problem) => console.error(problem.message));
    undo.add(() => removeFolder(folder));
    try {
      return await build(folder, timing, policy, undo.add, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  });
}

async function build(
  folder: string,
  timing: object,
  policy: object,
  later: (step: () => Promise<void> | void) => void,
  stop: () => Promise<void>,
): Promise<Mesh> {
  const kept = <T extends { stop(): Promise<void> }>(thing: T): T => {
    later(() => thing.stop());
    return thing;
  };
  const executables = { 'kube-apiserver': part('kube-apiserver'), etcd: part('etcd') };
  const [plane, prometheus] = await Promise.all([
    startControlPlane({ executables }),
    startPrometheus({ executable: part('prometheus'), config: scraping() }),
  ]);
  kept(plane);
  kept(prometheus);
  const wire = await startWire(plane.url);
  later(() => wire.close());
  await installCrd(plane.api);
  await done(plane.api.post('/api/v1/namespaces', { metadata: { name: 'mesh' } }));
  const shop = await createShop(plane.api, 'shop');
  await grantRights(plane.api, part('helm'));
  await shop.service('pricer');

  const processes = new Map<string, RunningProcess>();
  const members: PodSpec[] = [];
  const relist = (): Promise<void> => shop.slice('pricer', members);
  async function start(pod: PodSpec): Promise<void> {
    processes.set(pod.name, kept(await startPricer(pod)));
    await shop.pod('pricer', pod);
    members.push(pod);
  }
  for (const pod of pods('a')) await start(pod);
  await relist();
  await done(shop.policy('pricer', policy));

  const kubeconfig = join(folder, 'kube.yaml');
  await writeFile(kubeconfig, await plane.accountKubeconfig('mesh', 'kubervisor', wire.url));
  const config = {
    source: { kubernetes: { namespaces: ['shop'], kubeconfig } },
    metricSources: { default: { prometheus: { url: prometheus.url, timeout: '2s' } } },
    timing,
  };
  const replicas: Replica[] = [];
  for (const name of ['one', 'two', 'three']) replicas.push(kept(await createReplica({ name, config, folder })));
  await Promise.all(replicas.map((replica) => replica.start()));
  const envoys = await Promise.all(
    replicas.map(async ({ name, xdsPort }) =>
      kept(await startEnvoy({ executable: part('envoy'), name: `envoy-${name}`, bootstrap: obeyingEnvoy(xdsPort) })),
    ),
  );
  const loads = await Promise.all(
    envoys.map(async (envoy) => {
      const url = await eventually(() => envoy.listener('search'), patience);
      return startLoad(Number(new URL(url).port), requestsPerSecond);
    }),
  );
  later(() => loads.forEach((load) => load.stop()));

  const podOf = (name: string): PodSpec => {
    const found = [...pods('a'), ...pods('b')].find((pod) => pod.name === name);
    if (found === undefined) throw new Error(`there is no pod ${name}`);
    return found;
  };
  return {
    plane,
    wire,
    shop,
    prometheus,
    replicas,
    envoys,
    loads,
    async join(pod) {
      await start(pod);
      await relist();
    },
    async leave(name) {
      members.splice(
        members.findIndex((pod) => pod.name === name),
        1,
      );
      await relist();
      await shop.deletePod(name);
    },
    async end(name) {
      await processes.get(name)?.stop();
    },
    async spoil(name) {
      await fetch(`http://${podOf(name).ip}:${podPort}/fault?price=zero`, { method: 'POST' });
    },
    async ask(query) {
      const answer = await fetch(`${prometheus.url}/api/v1/query?query=${encodeURIComponent(query)}`);
      const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
      return data.result[0] && Number(data.result[0].value[1]);
    },
    stop,
  };
}

function part(name: PartName): string {
  const found = findPart(name, process.env);
  if (found === undefined) throw new Error(`${name} is not in the parts cache`);
  return found;
}

function scraping(): object {
  const scrape_configs = [
    {
      job_name: 'pricer',
      static_configs: [...pods('a'), ...pods('b')].map(({ name, ip }) => ({
        targets: [`${ip}:${podPort}`],
        labels: { namespace: 'shop', pod: name },
      })),
    },
  ];
  return { global: { scrape_interval: '1s', scrape_timeout: '1s' }, scrape_configs };
}

async function startPricer({ name, ip }: PodSpec): Promise<RunningProcess> {
  const file = join(import.meta.dirname, '../../../demo/pricer.ts');
  const running = await startProcess({ name, command: process.execPath, args: [file, name, ip, String(podPort)] });
  await untilReady(running, () => running.log().includes('listens'), { timeoutMs: 20_000 });
  return running;
}
