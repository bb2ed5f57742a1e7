/** Cold start: from the start of the process until `/readyz` says ready. */
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import type { Figure } from './figures.ts';
import { freePorts, startServing, writeInput } from '../support/serving.ts';

export async function benchStart(runs: number): Promise<readonly Figure[]> {
  const samples: number[] = [];
  for (let run = 0; run < runs; run++) {
    await inTemporaryFolder('bench', async (folder) => {
      const ports = await freePorts();
      await writeInput(folder, ports);
      const serving = await startServing(folder, ports);
      samples.push(serving.readyAfterMs);
      await serving.process.stop();
      await removeFolder(folder);
    });
  }
  return [{ name: 'serve: start to ready', unit: 'ms', samples, goal: 'under 1000' }];
}
