/**
 * Everything that can be known without running the tests. One line a step; the output of a step is shown when it
 * failed; all steps run, so that one look shows all there is to mend.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { belowFloor, type Lockfile, type Manifest, namesHosts, notExact, undocumented } from './check/dependencies.ts';
import { floors } from './floors.ts';
import { root, runTool, type ToolRun } from './tool.ts';

interface Step {
  readonly name: string;
  run(): Promise<ToolRun>;
}

/** The slow ones first, so that the quick ones fill the gaps. */
const steps: readonly Step[] = [
  { name: 'types', run: () => runTool('tsc', ['--project', '.']) },
  { name: 'lint', run: () => runTool('oxlint', []) },
  { name: 'unused code', run: () => runTool('knip', ['--no-progress']) },
  { name: 'format', run: () => runTool('biome', ['format', '.']) },
  { name: 'protos', run: () => runTool('buf', ['lint', 'proto']) },
  { name: 'generated files', run: generatedAreCurrent },
  { name: 'dependencies', run: dependenciesAreSound },
];

const atOnce = 2;

async function generatedAreCurrent(): Promise<ToolRun> {
  // Loaded here: a mistake in the source they are made from is this step's failure, not the end of all others.
  const { staleFiles } = await import('./generated.ts');
  return findings(staleFiles().map((path) => `${path} is not what its source says: run \`npm run gen\``));
}

async function dependenciesAreSound(): Promise<ToolRun> {
  const manifest = JSON.parse(read('package.json')) as Manifest;
  const lockfile = JSON.parse(read('package-lock.json')) as Lockfile;
  return findings([
    ...belowFloor(lockfile, floors),
    ...notExact(manifest),
    ...undocumented(manifest, read('docs/dependencies.md')),
    ...namesHosts(lockfile),
  ]);
}

function findings(list: readonly string[]): ToolRun {
  return { ok: list.length === 0, output: list.join('\n') };
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

async function runStep(step: Step): Promise<boolean> {
  const startedMs = Date.now();
  const result = await step.run().catch((error: unknown) => ({ ok: false, output: String(error) }));
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  console.log(`${result.ok ? 'ok    ' : 'FAILED'} ${step.name.padEnd(16)} ${seconds} s`);
  if (!result.ok) {
    console.log(`${result.output}\n`);
  }
  return result.ok;
}

async function worker(queue: Step[]): Promise<boolean[]> {
  const results: boolean[] = [];
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    results.push(await runStep(step));
  }
  return results;
}

const queue = [...steps];
const results = await Promise.all(Array.from({ length: atOnce }, () => worker(queue)));
process.exitCode = results.flat().every(Boolean) ? 0 : 1;
