/** What a thousand policies cost while nothing much happens, which is most of the time. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { EngineLoad } from './engine-load.ts';
import type { Figure } from './figures.ts';

export async function benchEngine(runs: number): Promise<readonly Figure[]> {
  const loads = Array.from({ length: runs }, () => {
    const played = spawnSync(process.execPath, [join(import.meta.dirname, 'engine-load.ts')], { encoding: 'utf8' });
    if (played.status !== 0) throw new Error(`the load failed:\n${played.stderr}`);
    return JSON.parse(played.stdout) as EngineLoad;
  });
  const over = (pick: (load: EngineLoad) => number): readonly number[] => loads.map(pick);
  return [
    {
      name: '1,000 policies x 100 endpoints, period 5 s: CPU',
      unit: '% of one core',
      samples: over(({ cpuPercent }) => cpuPercent),
      goal: 'under 25',
    },
    { name: '  memory, resident', unit: 'MiB', samples: over(({ rssMiB }) => rssMiB), goal: 'under 300' },
    { name: '  memory, heap', unit: 'MiB', samples: over(({ heapMiB }) => heapMiB) },
    { name: '  evaluations in 20 s', unit: '', samples: over(({ evaluations }) => evaluations), goal: '4000' },
    { name: '  Services with one out', unit: '', samples: over(({ ejected }) => ejected), goal: '10' },
  ];
}
