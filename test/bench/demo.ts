/** The demo's figures over several runs: what a reader of the README is promised. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { DemoFigures } from '../../demo/run.ts';
import type { Figure } from './figures.ts';

export async function benchDemo(runs: number): Promise<readonly Figure[]> {
  const figures: DemoFigures[] = [];
  for (let run = 0; run < runs; run++) {
    process.stderr.write(`demo ${run + 1} of ${runs}\n`);
    const main = join(import.meta.dirname, '../../cli/main.ts');
    const played = spawnSync(process.execPath, [main, 'demo', '--ci'], { encoding: 'utf8', maxBuffer: 2 ** 26 });
    if (played.status !== 0) throw new Error(`the demo failed:\n${played.stdout}${played.stderr}`);
    figures.push(JSON.parse(played.stdout.trim().split('\n').at(-1) ?? '') as DemoFigures);
  }
  const over = (pick: (figure: DemoFigures) => number): readonly number[] => figures.map(pick);
  return [
    {
      name: 'fault to last wrong answer before the first probe',
      unit: 'ms',
      samples: over(({ obeying }) => obeying.faultToLastWrongMs ?? Number.NaN),
      goal: 'median under 4000',
    },
    {
      name: 'wrong answers while ejected',
      unit: '',
      samples: over(({ obeying }) => obeying.wrongWhileEjected),
      goal: '0',
    },
    { name: 'healed to full weight', unit: 'ms', samples: over(({ healedToServingMs }) => healedToServingMs) },
    {
      name: 'ejected while five of six were bad',
      unit: '',
      samples: over(({ outInCollectiveFailure }) => outInCollectiveFailure),
      goal: '0',
    },
  ];
}
