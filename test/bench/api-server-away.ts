/**
 * The API server ends and is back ten minutes later, in real time and with all times at their defaults; two replicas, one
 * pod that is out and has recovered, and one that breaks meanwhile. What clients are told, and how soon all is as before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { findPart, type PartName } from '../../demo/world/parts.ts';
import { eventually } from '../../demo/world/wait.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { installCrd } from '../cluster/crd.ts';
import { startMeasuredPods } from '../cluster/measured-pods.ts';
import { type Pair, startPair } from '../cluster/pair.ts';
import type { Figure } from './figures.ts';

const awayMs = 600_000;
const timing = { lease: '15s', renewDeadline: '10s', leaseRetry: '2s' };
/** Over before the API server is back. */
const activator = { period: '4m', ramp: { weights: [5, 50, 100], stepPeriod: '5s' } };
const patience = { timeoutMs: 180_000 };

export async function benchApiServerAway(runs: number): Promise<readonly Figure[]> {
  const executables = { 'kube-apiserver': part('kube-apiserver'), etcd: part('etcd') };
  const plane = await startControlPlane({ executables });
  const pods = await startMeasuredPods(part('prometheus'));
  try {
    await installCrd(plane.api);
    return await inTemporaryFolder('away', async (folder) => {
      const done: Run[] = [];
      for (let run = 0; run < runs; run++) {
        const pair = await startPair({
          namespace: `away-${run}`,
          cluster: { plane, folder },
          pods,
          timing,
          spec: { activator },
        });
        try {
          done.push(await once(pair, (during) => plane.restart(during)));
        } finally {
          await pair.stop();
        }
      }
      await removeFolder(folder);
      const over = (pick: (run: Run) => number): readonly number[] => done.map(pick);
      return [
        {
          name: 'the API server is away for ten minutes: changes that clients are told',
          unit: '',
          samples: over(({ told }) => told),
          goal: '0',
        },
        {
          name: '  requests of a replica to it meanwhile',
          unit: '/min',
          samples: over(({ asked }) => asked / 2 / (awayMs / 60_000)),
        },
        { name: '  back until a replica leads', unit: 's', samples: over(({ leadsS }) => leadsS) },
        {
          name: '  until the one whose time was over meanwhile has begun to come back everywhere',
          unit: 's',
          samples: over(({ probesS }) => probesS),
        },
        {
          name: '  until the one that broke meanwhile is out everywhere',
          unit: 's',
          samples: over(({ outS }) => outS),
        },
        { name: '  requests of a replica in the first minute', unit: '', samples: over(({ burst }) => burst / 2) },
      ];
    });
  } finally {
    await pods.stop();
    await plane.stop();
  }
}

interface Run {
  readonly told: number;
  readonly asked: number;
  readonly leadsS: number;
  readonly probesS: number;
  readonly outS: number;
  readonly burst: number;
}

async function once(pair: Pair, away: (during: () => Promise<void>) => Promise<void>): Promise<Run> {
  const { replicas } = pair;
  const views = (): number => replicas.reduce((sum, each) => sum + each.views.length, 0);
  const requests = (): number => replicas.reduce((sum, { gate }) => sum + gate.asked.length, 0);
  const all = (word: string): boolean => replicas.every((each) => each.views.at(-1)?.includes(word) === true);
  pair.measure('p3', 'bad');
  await eventually(() => all('p3 out'), patience);
  pair.measure('p3', 'good');
  const before = views();
  const askedBefore = requests();
  let backMs = 0;
  let told = 0;
  let asked = 0;
  await away(async () => {
    await sleep(awayMs / 2);
    pair.measure('p5', 'bad');
    await sleep(awayMs / 2);
    told = views() - before;
    asked = requests() - askedBefore;
    backMs = performance.now();
  });
  const askedThen = requests();
  const seconds = async (what: () => boolean): Promise<number> => {
    await eventually(what, patience);
    return (performance.now() - backMs) / 1000;
  };
  const [leadsS, probesS, outS] = await Promise.all([
    seconds(() => replicas.some((each) => each.leads())),
    seconds(() => !replicas.some((each) => each.views.at(-1)?.includes('p3 out'))),
    seconds(() => all('p5 out')),
  ]);
  await sleep(Math.max(0, 60_000 - (performance.now() - backMs)));
  for (const { name, views: seen } of replicas) process.stderr.write(`  ${name} told: ${seen.join(' | ')}\n`);
  return { told, asked, leadsS, probesS, outS, burst: requests() - askedThen };
}

function part(name: PartName): string {
  const found = findPart(name, process.env);
  if (found === undefined) throw new Error(`${name} is not in the parts cache; npm run setup -- ${name}`);
  return found;
}
