/** How long nobody leads when the leader is killed, and when it is told to end: with the default times of the Lease, on a real API server. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { findPart, type PartName } from '../../demo/world/parts.ts';
import { type RunningProcess, startProcess } from '../../demo/world/process.ts';
import { eventually } from '../../demo/world/wait.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { done } from '../cluster/shop.ts';
import type { Figure } from './figures.ts';

const timing = JSON.stringify({ leaseMs: 15_000, renewDeadlineMs: 10_000, leaseRetryMs: 2000 });
const namespace = 'mesh';
const patience = { timeoutMs: 60_000, everyMs: 5 };

export async function benchFailover(runs: number): Promise<readonly Figure[]> {
  const executables = { 'kube-apiserver': part('kube-apiserver'), etcd: part('etcd') };
  const plane = await startControlPlane({ executables });
  try {
    return await inTemporaryFolder('failover', async (folder) => {
      await done(plane.api.post('/api/v1/namespaces', { metadata: { name: namespace } }));
      const kubeconfig = join(folder, 'kube.yaml');
      await writeFile(kubeconfig, plane.kubeconfig('administrator'));
      const figures: Figure[] = [];
      for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
        const samples = await measure(kubeconfig, signal, runs);
        figures.push({ name: `${signal} of the leader until another leads`, unit: 's', samples, goal: 'under 20 s' });
      }
      await removeFolder(folder);
      return figures;
    });
  } finally {
    await plane.stop();
  }
}

async function measure(kubeconfig: string, signal: NodeJS.Signals, runs: number): Promise<readonly number[]> {
  let count = 0;
  const candidates = new Set<RunningProcess>();
  const enter = async (): Promise<void> => {
    count += 1;
    const args = [candidateFile, kubeconfig, namespace, `${signal}-${count}`, timing];
    const candidate = await startProcess({ name: `candidate ${count}`, command: process.execPath, args });
    candidates.add(candidate);
    await eventually(() => candidate.log() !== '', patience);
  };
  const leader = (): RunningProcess | undefined => [...candidates].find((each) => lastOf(each)?.kind === 'leading');
  const samples: number[] = [];
  try {
    for (let each = 0; each < 3; each++) await enter();
    for (let run = 0; run < runs; run++) {
      const leading = await eventually(leader, patience);
      candidates.delete(leading);
      const endedMs = Date.now();
      leading.kill(signal);
      const next = await eventually(leader, patience);
      samples.push(((lastOf(next)?.atMs ?? Number.NaN) - endedMs) / 1000);
      await leading.exited;
      await enter();
    }
    return samples;
  } finally {
    for (const candidate of candidates) await candidate.stop();
  }
}

const candidateFile = join(import.meta.dirname, '../cluster/hosts/candidate.ts');

interface Told {
  readonly atMs: number;
  readonly kind: string;
}

function lastOf(candidate: RunningProcess): Told | undefined {
  const line = candidate
    .log()
    .trim()
    .split('\n')
    .findLast((each) => each.startsWith('{'));
  return line === undefined ? undefined : (JSON.parse(line) as Told);
}

function part(name: PartName): string {
  const found = findPart(name, process.env);
  if (found === undefined) throw new Error(`${name} is not in the parts cache; npm run setup -- ${name}`);
  return found;
}
