/** Two replicas of `serve` around one Service of six pods, each with a gate to the API server and a client of its own. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunningProcess, startProcess, untilReady } from '../../demo/world/process.ts';
import { eventually } from '../../demo/world/wait.ts';
import type { Cluster } from './use-cluster.ts';
import { type Gate, startGate } from './gate.ts';
import type { MeasuredPods } from './measured-pods.ts';
import { followRecords, type Records } from './records.ts';
import { createShop, done, type PodSpec, type Shop } from './shop.ts';
import { createToldClient } from './told-client.ts';

export interface PairReplica {
  readonly name: string;
  readonly gate: Gate;
  /** What its client was told: see `ToldClient`. */
  readonly views: readonly string[];
  /** Resolves when it is ready. */
  start(): Promise<void>;
  /** As it says it itself. */
  leads(): boolean;
  /** Codes of what is wrong, by `/readyz`. */
  problems(): Promise<readonly string[]>;
  evaluations(): Promise<number>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended. */
  kill(): Promise<void>;
  log(): string;
}

export interface Pair {
  readonly namespace: string;
  readonly shop: Shop;
  /** The first leads. */
  readonly replicas: readonly [PairReplica, PairReplica];
  readonly records: Records;
  /** From now on what is measured of a pod is bad, or good. */
  measure(pod: string, is: 'bad' | 'good'): void;
  /** Resolves with a replica that leads, and has judged since. */
  judging(): Promise<PairReplica>;
  stop(): Promise<void>;
}

export interface PairOptions {
  readonly namespace: string;
  readonly cluster: Pick<Cluster, 'plane' | 'folder'>;
  readonly pods: MeasuredPods;
  /** More of the policy. */
  readonly spec?: object;
  /** More of `source.kubernetes`. */
  readonly kubernetes?: object;
  readonly timing?: object;
  readonly user?: 'administrator' | 'kubervisor';
  /** More of the environment of a replica. */
  readonly env?: (name: string) => Readonly<Record<string, string>>;
}

export const soon = { timeoutMs: 30_000 };
/** For what a process has to be asked: not so often that it has nothing else to do. */
export const asking = { ...soon, everyMs: 100 };
const podSpecs: readonly PodSpec[] = [1, 2, 3, 4, 5, 6].map((n) => ({
  name: `p${n}`,
  ip: `10.1.0.${n}`,
  owner: { kind: 'ReplicaSet', name: 'pricer' },
  node: 'node-1',
}));
const nameOf = (address: string): string => podSpecs.find(({ ip }) => ip === address)?.name ?? address;
const main = join(import.meta.dirname, '../../cli/main.ts');
/** Leaders change in three seconds. */
const quickLease = { lease: '3s', renewDeadline: '2s', leaseRetry: '300ms' };

/** Whoever is bad goes at the first look, and stays out until the test has ended. */
export const policyOf = (more: object = {}): object => ({
  service: 'pricer',
  settle: 0,
  warmUp: 0,
  breakers: [
    {
      name: 'errors',
      evaluationPeriod: 1,
      confirm: { of: 1, atLeast: 1 },
      threshold: { query: 'max_over_time(errors[1s])', operator: '>', value: 5 },
    },
  ],
  activator: { period: '20m' },
  ...more,
});

/** Resolves when the first leads, the second follows, and the clients of both have everybody. */
export async function startPair(options: PairOptions): Promise<Pair> {
  const { namespace, cluster, pods } = options;
  const { plane, folder } = cluster;
  const shop = await createShop(plane.api, namespace);
  await shop.service('pricer');
  for (const pod of podSpecs) await shop.pod('pricer', pod);
  await shop.slice('pricer', podSpecs);
  const records = await followRecords(plane, folder, namespace);
  await done(shop.policy('pricer', policyOf(options.spec)));
  pods.add(
    namespace,
    podSpecs.map(({ name }) => name),
  );
  const replicas = [await createReplica('one', options), await createReplica('two', options)] as const;
  const pair: Pair = {
    namespace,
    shop,
    replicas,
    records,
    measure: (pod, is) => pods.set(namespace, pod, is === 'bad' ? 9 : 0),
    async judging() {
      const leader = await eventually(() => replicas.find((each) => each.leads()), { ...soon, what: 'one leads' });
      const from = await leader.evaluations();
      await eventually(async () => (await leader.evaluations()) >= from + 2, { ...asking, what: 'it judges' });
      return leader;
    },
    async stop() {
      await Promise.all(replicas.map((each) => each.kill()));
      await Promise.all(replicas.map(({ gate }) => gate.close()));
      await records.stop();
    },
  };
  try {
    const [first, second] = replicas;
    await first.start();
    await eventually(() => first.leads(), { ...soon, what: 'the first leads' });
    await second.start();
    await eventually(() => replicas.every(({ views }) => views.length === 1), { ...soon, what: 'both serve' });
    await eventually(() => records.all.length > 0, { ...soon, what: 'there is a record' });
    await pair.judging();
    return pair;
  } catch (error) {
    const logs = replicas.map(({ name, log }) => `--- ${name}:\n${log().slice(-3000)}`);
    await pair.stop();
    throw new Error(`${namespace}: ${error instanceof Error ? error.message : String(error)}\n${logs.join('\n')}`);
  }
}

async function createReplica(name: string, options: PairOptions): Promise<PairReplica> {
  const { namespace, cluster, pods, kubernetes = {}, timing = {}, user = 'administrator', env } = options;
  const own = join(cluster.folder, namespace, name);
  await mkdir(own, { recursive: true });
  const gate = await startGate(cluster.plane);
  const kubeconfig = join(own, 'kube.yaml');
  await writeFile(kubeconfig, cluster.plane.kubeconfig(user, gate.url, gate.ca));
  const free = { listen: '127.0.0.1:0' };
  const config = {
    xds: free,
    http: free,
    grpcAdmin: free,
    source: { kubernetes: { namespaces: [namespace], kubeconfig, ...kubernetes } },
    metricSources: { default: { prometheus: { url: pods.prometheusUrl, timeout: '2s' } } },
    timing: { ...quickLease, fleetRest: '0s', longestChange: '0s', ...timing },
    replicas: { namespace, identity: name },
  };
  const file = join(own, 'kubervisor.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(config));
  const client = createToldClient(`${namespace}/pricer:http`, nameOf);
  let running: RunningProcess | undefined;
  let logs = '';

  const url = (): string => `http://${servingLine(running?.log() ?? '')?.http}`;
  return {
    name,
    gate,
    views: client.views,
    async start() {
      const args = [main, 'serve', '--config', file];
      const started = await startProcess({ name, command: process.execPath, args, env: env?.(name) ?? {} });
      running = started;
      const { xds } = await untilReady(started, () => servingLine(started.log()), soon);
      client.follow(Number(xds.split(':').at(-1)));
    },
    leads: () => lastRoleLine(running?.log() ?? '').includes('"message":"leading'),
    problems: async () => {
      const { problems = [] } = (await (await fetch(`${url()}/readyz`)).json()) as { problems?: { code: string }[] };
      return problems.map(({ code }) => code);
    },
    evaluations: async () => {
      const text = await (await fetch(`${url()}/metrics`)).text();
      const lines = [...text.matchAll(/^kubervisor_breaker_evaluations_total\{.*\} (\d+)$/gm)];
      return lines.reduce((sum, [, count]) => sum + Number(count), 0);
    },
    signal: (signal) => running?.kill(signal),
    async kill() {
      const ended = running;
      if (ended === undefined) return;
      running = undefined;
      ended.kill('SIGKILL');
      await ended.exited;
      logs += ended.log();
    },
    log: () => logs + (running?.log() ?? ''),
  };
}

interface ServingLine {
  readonly xds: string;
  readonly http: string;
}

/** Where it listens is known once it serves. */
function servingLine(log: string): ServingLine | undefined {
  const line = log.split('\n').find((each) => each.includes('"message":"serving"'));
  return line === undefined ? undefined : (JSON.parse(line) as ServingLine);
}

function lastRoleLine(log: string): string {
  return log.split('\n').findLast((line) => /"message":"(leading|following): /.test(line)) ?? '';
}
