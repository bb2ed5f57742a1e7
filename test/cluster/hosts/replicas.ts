/**
 * Three replicas lose one thing after the other. Runs in a network of its own, and prints what it saw: one JSON object a
 * step, for the test that started it.
 */
import type { Envoy, HostStatus } from '../../../demo/world/envoy.ts';
import { eventually } from '../../../demo/world/wait.ts';
import { type Mesh, podPort, pods, startMesh } from './mesh.ts';
import type { Replica } from './replica.ts';
import { cluster, startWatchman, type Watchman } from './watchman.ts';

const timing = { lease: '3s', renewDeadline: '2s', leaseRetry: '300ms', fleetRest: '0s', longestChange: '0s' };
const policy = {
  service: 'pricer',
  settle: 3,
  warmUp: 0,
  budget: { minAvailableCount: 3, minAvailableRatio: 50, maxEjectedPercent: 50 },
  breakers: [
    {
      name: 'price',
      evaluationPeriod: 1,
      continuousValueDeviation: {
        query: 'rate(price_sum[4s]) / rate(price_count[4s])',
        maxDeviationPercent: 30,
      },
    },
  ],
  // Longer than the play: what is out stays out, so that whatever changes was changed by a fault.
  activator: { mode: 'periodic', period: '20m' },
};
const soon = { timeoutMs: 30_000 };
/** An Envoy that has lost its server tries again after up to 30 s. */
const late = { timeoutMs: 60_000 };

export interface Snapshot {
  readonly hosts: readonly HostStatus[];
  /** A hash of what was last accepted. */
  readonly version: number | undefined;
  /** Responses so far. */
  readonly updates: number | undefined;
}

let step = 'start';

async function snapshot(envoys: readonly Envoy[]): Promise<readonly Snapshot[]> {
  return Promise.all(
    envoys.map(async (envoy) => ({
      hosts: await envoy.clusters(cluster),
      version: await envoy.stats(`cluster.${cluster}.version`),
      updates: await envoy.stats(`cluster.${cluster}.update_success`),
    })),
  );
}

/** With how often each Envoy was looked at by then, and how many requests it had answered. */
function tell(facts: object): void {
  const seen = [watchman.looks(), ...mesh.loads.map(({ answers }) => answers.length)];
  console.log(JSON.stringify({ step, seen, ...facts }));
}

const addressOf = (ip: string): string => `${ip}:${podPort}`;

async function isEverywhere(mesh: Mesh, ip: string, health: string | undefined): Promise<boolean> {
  const seen = await Promise.all(
    mesh.envoys.map(async (envoy) => (await envoy.clusters(cluster)).find(({ address }) => address === addressOf(ip))),
  );
  return seen.every((host) => host?.edsHealth === health);
}

async function leader({ plane, replicas }: Mesh): Promise<Replica | undefined> {
  const { body } = await plane.api.get('/apis/coordination.k8s.io/v1/namespaces/mesh/leases/kubervisor');
  const { spec } = body as { readonly spec?: { readonly holderIdentity?: string } };
  return replicas.find(({ name }) => spec?.holderIdentity?.startsWith(`${name}_`));
}

/** A leader that judges, other than `before`. */
async function judgingLeader(mesh: Mesh, before?: Replica): Promise<Replica> {
  const found = await eventually(async () => {
    const now = await leader(mesh);
    return now !== before && now;
  }, soon);
  const from = await found.evaluations();
  await eventually(async () => (await found.evaluations()) >= from + 3, { ...soon, what: `${found.name} judges` });
  return found;
}

async function isBack(replica: Replica): Promise<void> {
  await eventually(() => replica.isServing(), { ...late, what: `the Envoy of ${replica.name} is back` });
}

async function ejects(mesh: Mesh, watchman: Watchman): Promise<void> {
  step = 'a broken pod';
  await judgingLeader(mesh);
  watchman.excuse(addressOf('10.1.0.3'));
  await mesh.spoil('pricer-a-3');
  await eventually(() => isEverywhere(mesh, '10.1.0.3', 'DRAINING'), { ...soon, what: 'it is out everywhere' });
  tell({ after: await snapshot(mesh.envoys) });
}

async function losesItsLeader(mesh: Mesh): Promise<void> {
  step = 'the leader is killed';
  const before = await snapshot(mesh.envoys);
  const first = await judgingLeader(mesh);
  const killed = mesh.replicas.indexOf(first);
  await first.kill('SIGKILL');
  const second = await judgingLeader(mesh, first);
  const after = await snapshot(mesh.envoys);
  await first.start();
  await isBack(first);
  tell({ killed, leaders: [first.name, second.name], before, after, restarted: await snapshot(mesh.envoys) });
}

/** What people and leaders read of a policy. */
async function status({ plane }: Mesh): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await plane.api.get('/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices/pricer');
  return (body as { readonly status?: Readonly<Record<string, unknown>> }).status ?? {};
}

async function hasTwoLeaders(mesh: Mesh): Promise<void> {
  step = 'the leader is stopped, and goes on';
  const first = await judgingLeader(mesh);
  const before = await snapshot(mesh.envoys);
  first.pause();
  const second = await judgingLeader(mesh, first);
  const written = (await status(mesh))['record'];
  first.resume();
  const from = await second.evaluations();
  await eventually(async () => (await second.evaluations()) >= from + 3 && !(await first.leads()), soon);
  tell({
    leaders: [first.name, second.name],
    before,
    after: await snapshot(mesh.envoys),
    records: [written, (await status(mesh))['record']],
  });
}

async function losesItsLeaderAtTheWorstMoment(mesh: Mesh, watchman: Watchman): Promise<void> {
  step = 'the leader is killed between a write and its answer';
  const first = await judgingLeader(mesh);
  watchman.excuse(addressOf('10.1.0.2'));
  mesh.wire.slow(400);
  await mesh.spoil('pricer-a-2');
  const written = await eventually(
    async () =>
      JSON.stringify((await status(mesh))['ejectedEndpoints'] ?? []).includes('pricer-a-2') &&
      (await status(mesh))['ejectedEndpoints'],
    { ...soon, everyMs: 10 },
  );
  await first.kill('SIGKILL');
  mesh.wire.slow(0);
  const second = await judgingLeader(mesh, first);
  await first.start();
  await isBack(first);
  await eventually(() => isEverywhere(mesh, '10.1.0.2', 'DRAINING'), { ...late, what: 'it is out everywhere' });
  tell({
    leaders: [first.name, second.name],
    after: await snapshot(mesh.envoys),
    records: [written, (await status(mesh))['ejectedEndpoints']],
  });
}

async function losesTheApiServer(mesh: Mesh, watchman: Watchman): Promise<void> {
  step = 'the API server is away';
  const before = await snapshot(mesh.envoys);
  mesh.wire.cut();
  await eventually(
    async () =>
      (await Promise.all(mesh.replicas.map((each) => each.problems()))).every((each) => each?.includes('KV0820')),
    { ...soon, what: 'all replicas say so' },
  );
  watchman.excuse(addressOf('10.1.0.5'));
  await mesh.spoil('pricer-a-5');
  // As long as it takes to see it five times over.
  await eventually(
    async () =>
      ((await mesh.ask('sum_over_time((rate(price_sum{pod="pricer-a-5"}[2s]) == bool 0)[15s:1s])')) ?? 0) >= 5,
    soon,
  );
  const after = await snapshot(mesh.envoys);
  mesh.wire.mend();
  await eventually(() => isEverywhere(mesh, '10.1.0.5', 'DRAINING'), { ...late, what: 'it goes on' });
  tell({ before, after });
}

async function losesPrometheus(mesh: Mesh): Promise<void> {
  step = 'Prometheus is away';
  const leading = await judgingLeader(mesh);
  const before = await snapshot(mesh.envoys);
  mesh.prometheus.process.kill('SIGSTOP');
  await eventually(async () => (await leading.problems())?.some((code) => code.startsWith('KV03')), soon);
  const from = await leading.evaluations();
  await eventually(async () => (await leading.evaluations()) >= from + 3, { ...soon, what: 'it goes on asking' });
  const after = await snapshot(mesh.envoys);
  mesh.prometheus.process.kill('SIGCONT');
  await eventually(async () => !(await leading.problems())?.some((code) => code.startsWith('KV03')), late);
  tell({ before, after });
}

async function isReplaced(mesh: Mesh, watchman: Watchman): Promise<void> {
  step = 'a rollout, of the Service and of the replicas';
  const exits: unknown[] = [];
  const news = pods('b');
  const olds = pods('a');
  for (const [index, replica] of mesh.replicas.entries()) {
    for (const each of [2 * index, 2 * index + 1]) {
      const [next, last] = [news[each], olds[each]];
      if (next === undefined || last === undefined) throw new Error('as many come as go');
      await mesh.join(next);
      await eventually(() => isEverywhere(mesh, next.ip, 'HEALTHY'), { ...late, what: `${next.name} serves` });
      watchman.expect(addressOf(next.ip));
      watchman.excuse(addressOf(last.ip));
      await mesh.leave(last.name);
      // As the kubelet waits for a preStop hook: nobody is told to end while requests are sent to it.
      await eventually(() => isEverywhere(mesh, last.ip, undefined), { ...late, what: `${last.name} is gone` });
      await mesh.end(last.name);
    }
    exits.push(await replica.kill('SIGTERM'));
    await replica.start();
    await isBack(replica);
  }
  await judgingLeader(mesh);
  tell({ exits, after: await snapshot(mesh.envoys) });
}

const mesh = await startMesh(timing, policy);
const stopping = (): void => void mesh.stop().then(() => process.exit(1));
process.once('SIGTERM', stopping);
const watchman = startWatchman(mesh.envoys, () => step);
try {
  for (const { ip } of pods('a')) {
    await eventually(() => isEverywhere(mesh, ip, 'HEALTHY'), late);
    watchman.expect(addressOf(ip));
  }
  await ejects(mesh, watchman);
  await losesItsLeader(mesh);
  await hasTwoLeaders(mesh);
  await losesItsLeaderAtTheWorstMoment(mesh, watchman);
  await losesTheApiServer(mesh, watchman);
  await losesPrometheus(mesh);
  await isReplaced(mesh, watchman);
  await watchman.stop();
  step = 'all of it';
  const answers = mesh.loads.flatMap((load) => load.answers);
  tell({
    losses: [...watchman.losses],
    fewest: watchman.fewest(),
    failed: answers.filter(({ kind }) => kind === 'failed').length,
  });
} catch (error) {
  console.error(`during "${step}":`, error);
  for (const replica of mesh.replicas) console.error(`--- ${replica.name}:\n${replica.log().slice(-6000)}`);
  process.exitCode = 1;
} finally {
  await watchman.stop();
  await mesh.stop();
}
