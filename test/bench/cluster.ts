/** A thousand Services of ten pods each in a real API server: how soon a replica knows them, and what it costs to wait. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterConfigYaml } from '../cluster/serving-config.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { findPart } from '../../demo/world/parts.ts';
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts';
import { installCrd } from '../cluster/crd.ts';
import { startWire, type Wire } from '../cluster/wire.ts';
import { freePorts, startServing } from '../support/serving.ts';
import { fillCluster } from './cluster/fill.ts';
import type { Figure } from './figures.ts';

const size = { namespaces: 20, services: 1000, podsOfEach: 10 };
const idleMs = 30_000;

interface Run {
  readonly readyMs: number;
  /** Between two turns of the event loop, of which a timer of 10 ms is a part; from the start until ready. */
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
  readonly firstBytes: number;
  readonly rssMiB: number;
  readonly peakMiB: number;
  readonly idlePercent: number;
  readonly idleBytes: number;
}

export async function benchCluster(runs: number): Promise<readonly Figure[]> {
  const apiServer = findPart('kube-apiserver', process.env);
  const etcd = findPart('etcd', process.env);
  if (apiServer === undefined || etcd === undefined) {
    throw new Error('kube-apiserver or etcd is not there; fetch them with: npm run setup -- kube-apiserver etcd');
  }
  const plane = await startControlPlane({ executables: { 'kube-apiserver': apiServer, etcd } });
  try {
    await installCrd(plane.api);
    const startedMs = performance.now();
    await fillCluster(plane.api, size);
    process.stderr.write(`  the cluster is filled, ${Math.round((performance.now() - startedMs) / 1000)} s\n`);
    const done: Run[] = [];
    for (let run = 0; run < runs; run++) done.push(await once(plane));
    const over = (pick: (run: Run) => number): readonly number[] => done.map(pick);
    return [
      {
        name: '1,000 Services, 10,000 pods, 1,000 policies: start to ready',
        unit: 'ms',
        samples: over(({ readyMs }) => readyMs),
        goal: 'under 10000',
      },
      { name: '  event loop until then, 99 % of its turns', unit: 'ms', samples: over(({ loopP99Ms }) => loopP99Ms) },
      { name: '  event loop until then, longest turn', unit: 'ms', samples: over(({ loopMaxMs }) => loopMaxMs) },
      { name: '  read until then', unit: 'MiB', samples: over(({ firstBytes }) => firstBytes / 2 ** 20) },
      { name: '  memory, resident', unit: 'MiB', samples: over(({ rssMiB }) => rssMiB), goal: 'under 400' },
      { name: '  memory, at most', unit: 'MiB', samples: over(({ peakMiB }) => peakMiB), goal: 'under 400' },
      {
        name: '  CPU while nothing happens',
        unit: '% of one core',
        samples: over(({ idlePercent }) => idlePercent),
        goal: 'under 5',
      },
      { name: '  read meanwhile', unit: 'kB/s', samples: over(({ idleBytes }) => idleBytes / idleMs) },
    ];
  } finally {
    await plane.stop();
  }
}

function once(plane: ControlPlane): Promise<Run> {
  return inTemporaryFolder('cluster', async (folder) => {
    const wire = await startWire(plane.url);
    const ports = await freePorts();
    const config = clusterConfigYaml(ports, '{kubeconfig: ./kube.yaml}');
    await writeFile(join(folder, 'kubervisor.yaml'), config);
    await writeFile(join(folder, 'kube.yaml'), plane.kubeconfig('administrator', wire.url));
    const serving = await startServing(folder, ports, 60_000);
    try {
      const firstBytes = wire.receivedBytes();
      // Begins anew with each scrape: this is the first.
      const scraped = await (await fetch(`${serving.url}/metrics`)).text();
      await untilQuiet(wire);
      const before = { cpuMs: await cpuMs(serving.process.pid), bytes: wire.receivedBytes() };
      await sleep(idleMs);
      const spentMs = (await cpuMs(serving.process.pid)) - before.cpuMs;
      return {
        readyMs: serving.readyAfterMs,
        loopP99Ms: gaugeMs(scraped, 'nodejs_eventloop_lag_p99_seconds'),
        loopMaxMs: gaugeMs(scraped, 'nodejs_eventloop_lag_max_seconds'),
        firstBytes,
        rssMiB: await memoryMiB(serving.process.pid, 'VmRSS'),
        peakMiB: await memoryMiB(serving.process.pid, 'VmHWM'),
        idlePercent: (100 * spentMs) / idleMs,
        idleBytes: wire.receivedBytes() - before.bytes,
      };
    } finally {
      await serving.process.stop();
      await wire.close();
      await removeFolder(folder);
    }
  });
}

/** The first status of each policy is written at 20 a second, and heard of by the watch. */
async function untilQuiet(wire: Wire): Promise<void> {
  for (let left = 36; left > 0; left--) {
    const before = wire.receivedBytes();
    await sleep(5_000);
    if (wire.receivedBytes() - before < 25_000) return;
  }
}

function gaugeMs(scraped: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(scraped)?.[1]) * 1000;
}

/** In ticks of 10 ms, as on every Linux there is. */
async function cpuMs(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function memoryMiB(pid: number, field: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}
