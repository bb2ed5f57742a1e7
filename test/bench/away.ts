/**
 * Kubervisor is away for ten minutes, and meanwhile all pods are replaced, one by one. What clients of four Envoys see:
 * two that were running before and two that start while it is away, each with and without a fallback.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Envoy, startEnvoy } from '../../demo/world/envoy.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { findPart } from '../../demo/world/parts.ts';
import { freePort } from '../../demo/world/ports.ts';
import { eventually } from '../../demo/world/wait.ts';
import { runCli } from '../support/cli.ts';
import { freePorts, type Serving, startServing, writeInput } from '../support/serving.ts';
import { type Asking, keepAsking } from './away/asking.ts';
import { type Rollout, startRollout } from './away/pods.ts';
import type { Figure } from './figures.ts';

const podCount = 6;
const service = 'shop/pricer:http';

/** Tenths of the time away. */
const phases = {
  before: 'Kubervisor there',
  quiet: 'away, no change',
  replacing: 'away, pods replaced, one old one left',
  replaced: 'away, no old pod left',
  back: 'back',
} as const;

interface Watched {
  readonly title: string;
  readonly envoy: Envoy;
  readonly asking: Asking;
  readonly openedAfterMs: number;
  membershipChanges: number;
}

export async function benchAway(runs: number, awayMs = 600_000): Promise<readonly Figure[]> {
  const executable = findPart('envoy', process.env);
  if (executable === undefined) throw new Error('envoy is not there; fetch it with: npm run setup -- envoy');
  const figures: Figure[] = [];
  for (let run = 0; run < runs; run++) figures.push(...(await once(executable, awayMs)));
  return figures;
}

function once(executable: string, awayMs: number): Promise<readonly Figure[]> {
  return inTemporaryFolder('away', async (folder) => {
    const ports = await freePorts();
    const rollout = await startRollout(await freePort(), podCount);
    const running: { stop(): Promise<void> }[] = [rollout, { stop: () => removeFolder(folder) }];
    const say = (line: string): void => void process.stderr.write(`  ${line}\n`);
    const publish = (): Promise<void> => writeFile(join(folder, 'config/service.yaml'), rollout.yaml());
    const serve = async (): Promise<Serving> => {
      const serving = await startServing(folder, ports);
      running.push(serving.process);
      return serving;
    };
    const watch = async (title: string, phase: string, ...args: readonly string[]): Promise<Watched> => {
      const startedMs = performance.now();
      const { stdout } = await runCli([
        ...['render', 'envoy', service, '--transport', 'delta-ads', '-o', 'json', ...args],
        ...['--xds-address', `127.0.0.1:${ports.xds}`, '--listen', `127.0.0.1:${await freePort()}`],
      ]);
      const bootstrap = JSON.parse(stdout) as object;
      const envoy = await startEnvoy({ executable, name: 'web', bootstrap, timeoutMs: 60_000 });
      running.push(envoy);
      const asking = keepAsking((await envoy.listener('ingress')) ?? '', phase);
      running.push({ stop: async () => asking.stop() });
      return { title, envoy, asking, openedAfterMs: performance.now() - startedMs, membershipChanges: 0 };
    };
    const fallback = ['--fallback', `localhost:${rollout.servicePort}`];

    try {
      await writeInput(folder, ports);
      await publish();
      const first = await serve();
      const watched = [
        await watch('running', phases.before),
        await watch('running, fallback', phases.before, ...fallback),
      ];
      const enter = (phase: string): void => {
        say(`${phase}: ${rollout.names.join(', ')}`);
        for (const { asking } of watched) asking.enter(phase);
      };
      const tenth = awayMs / 10;
      say(phases.before);
      await sleep(tenth);

      enter(phases.quiet);
      first.process.kill('SIGKILL');
      await first.process.exited;
      await sleep(tenth);

      enter(phases.replacing);
      for (let replaced = 1; replaced < podCount; replaced++) {
        await rollout.replaceOne();
        await publish();
        await sleep(replaced === podCount - 1 ? 2 * tenth : tenth / 2);
      }
      watched.push(
        await watch('fresh', phases.replacing),
        await watch('fresh, fallback', phases.replacing, ...fallback),
      );
      await sleep(tenth);

      enter(phases.replaced);
      await rollout.replaceOne();
      await publish();
      await sleep(3.5 * tenth);

      for (const each of watched) each.membershipChanges = await membershipChanges(each.envoy);
      enter(phases.back);
      const backMs = performance.now();
      await serve();
      const readyMs = performance.now();
      await eventually(
        async () => (await Promise.all(watched.map(({ envoy }) => isUpToDate(envoy, rollout)))).every(Boolean),
        { timeoutMs: 120_000, everyMs: 50, what: 'every Envoy has the new pods' },
      );
      const followedMs = performance.now();
      say(`all Envoys have the new pods, ${Math.round(followedMs - readyMs)} ms after it was ready`);
      for (const { asking } of watched) asking.enter('back, followed');
      await sleep(tenth);

      const changes = await Promise.all(
        watched.map(async ({ envoy, membershipChanges: before }) => (await membershipChanges(envoy)) - before),
      );
      return [
        { name: 'restart to ready', unit: 'ms', samples: [readyMs - backMs] },
        { name: 'ready to the last Envoy that has the new pods', unit: 'ms', samples: [followedMs - readyMs] },
        { name: 'changes of membership after it was back, per Envoy', unit: '', samples: changes, goal: '1' },
        ...watched.flatMap(figuresOf),
      ];
    } finally {
      for (const each of running.reverse()) await each.stop();
    }
  });
}

/** As of now: the asking goes on. */
function figuresOf({ title, asking, openedAfterMs }: Watched): readonly Figure[] {
  return [
    { name: `${title}: start to open`, unit: 'ms', samples: [openedAfterMs] },
    ...[...asking.phases].flatMap(([phase, { asked, failed, answerMs }]) => [
      { name: `${title}: ${phase}: failed of ${asked}`, unit: '%', samples: [(100 * failed) / asked] },
      ...(answerMs.length === 0
        ? []
        : [{ name: `${title}: ${phase}: answered in`, unit: 'ms', samples: [...answerMs] }]),
    ]),
  ];
}

async function membershipChanges(envoy: Envoy): Promise<number> {
  return (await envoy.stats(`cluster.${service.replaceAll(':', '_')}.membership_change`)) ?? 0;
}

async function isUpToDate(envoy: Envoy, rollout: Rollout): Promise<boolean> {
  const hosts = await envoy.clusters(service);
  return (
    hosts.length === podCount && hosts.every(({ address }) => rollout.yaml().includes(address.replace(/:\d+$/, ']')))
  );
}
