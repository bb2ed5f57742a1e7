/**
 * From an ejection being asked for to Envoy's own view of it, less the time the store took. A manual ejection takes the
 * way of a verdict from the state machine on: decide, persist, assign, encode, push, apply.
 */
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { findPart } from '../../demo/world/parts.ts';
import type { Envoy, HostStatus } from '../../demo/world/envoy.ts';
import type { Figure } from './figures.ts';
import { act, freePorts, startObeyingEnvoy, startServing, writeInput } from '../support/serving.ts';

const pod = 'pricer-1';
const address = '127.0.0.11:8080';

export async function benchLatency(runs: number): Promise<readonly Figure[]> {
  const executable = findPart('envoy', process.env);
  if (executable === undefined) throw new Error('envoy is not there; fetch it with: npm run setup -- envoy');
  return inTemporaryFolder('bench', async (folder) => {
    const ports = await freePorts();
    await writeInput(folder, ports);
    const serving = await startServing(folder, ports);
    const envoy = await startObeyingEnvoy(executable, ports);
    const total: number[] = [];
    const store: number[] = [];
    const above: number[] = [];
    try {
      const base = serving.url;
      for (let run = 0; run < runs; run++) {
        const before = await storeTotals(base);
        const startedMs = performance.now();
        const asked = act(base, 'eject', pod, { forSeconds: 600, force: true });
        await untilSeen(envoy, 'DRAINING');
        const totalMs = performance.now() - startedMs;
        await asked;
        const after = await untilSaved(base, before.count + 1);
        const storeMs = (after.seconds - before.seconds) * 1000;
        total.push(totalMs);
        store.push(storeMs);
        above.push(totalMs - storeMs);
        await act(base, 'restore', pod);
        await untilSeen(envoy, 'HEALTHY');
        await untilSaved(base, after.count + 1);
      }
    } finally {
      await envoy.stop();
      await serving.process.stop();
      await removeFolder(folder);
    }
    return [
      { name: 'ejection: asked to seen by Envoy', unit: 'ms', samples: total },
      { name: '  of that in the store', unit: 'ms', samples: store },
      { name: '  above the store', unit: 'ms', samples: above, goal: 'median under 5' },
    ];
  });
}

/** Asked without pause: the resolution is that of one request to Envoy's admin interface. */
async function untilSeen(envoy: Envoy, health: HostStatus['edsHealth']): Promise<void> {
  for (;;) {
    const host = (await envoy.clusters('pricer')).find((status) => status.address === address);
    if (host?.edsHealth === health) return;
  }
}

interface StoreTotals {
  readonly count: number;
  readonly seconds: number;
}

async function storeTotals(base: string): Promise<StoreTotals> {
  const text = await (await fetch(`${base}/metrics`)).text();
  const value = (suffix: string): number =>
    Number(new RegExp(`^kubervisor_store_save_duration_seconds_${suffix} (\\S+)`, 'm').exec(text)?.[1] ?? 0);
  return { count: value('count'), seconds: value('sum') };
}

/** Bringing back is served before it is written: the next round begins when the store is quiet again. */
async function untilSaved(base: string, count: number): Promise<StoreTotals> {
  for (;;) {
    const totals = await storeTotals(base);
    if (totals.count >= count) return totals;
  }
}
