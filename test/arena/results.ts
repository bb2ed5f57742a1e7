/** Recordings kept between runs, so that a run that was interrupted goes on where it was. Git ignores the folder. */
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recording } from './recording.ts';
import type { Scenario } from './scenario.ts';

const root = join(import.meta.dirname, '../..');
const usualFolder = join(root, 'node_modules/.cache/kubervisor/arena');

export interface Results {
  /** Undefined unless the same source recorded the same scenario. */
  get(scenario: Scenario): Recording | undefined;
  put(scenario: Scenario, recording: Recording): void;
}

interface Kept {
  readonly key: string;
  readonly recording: Recording;
}

export interface ResultsOptions {
  /** Forgets what is there. */
  readonly fresh: boolean;
  readonly folder?: string;
}

export function openResults({ fresh, folder = usualFolder }: ResultsOptions): Results {
  if (fresh) rmSync(folder, { recursive: true, force: true });
  const source = sourceHash();
  const fileOf = ({ name }: Scenario): string => join(folder, `${name}.json`);
  return {
    get(scenario) {
      const kept = read(fileOf(scenario));
      return kept?.key === keyOf(scenario, source) ? kept.recording : undefined;
    },
    put(scenario, recording) {
      mkdirSync(folder, { recursive: true });
      const kept: Kept = { key: keyOf(scenario, source), recording };
      writeFileSync(fileOf(scenario), JSON.stringify(kept));
    },
  };
}

/** Words about a scenario may change without its being played again. */
function keyOf({ title: _, story: __, lesson: ___, ...inputs }: Scenario, source: string): string {
  return createHash('sha256')
    .update(JSON.stringify([source, inputs]))
    .digest('hex');
}

function read(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept;
  } catch {
    return undefined;
  }
}

/** Of what decides, serves, asks and records. What counts and draws afterwards may change. */
const sources = [
  '{engine,xds,proto}/**/*.{ts,proto}',
  'cli/render/*.ts',
  'demo/world/*.ts',
  'test/arena/{contender,envoys,fleet,load,pods,policy,recording,requests,run,scenario,watch}.ts',
  'package-lock.json',
];

function sourceHash(): string {
  const hash = createHash('sha256');
  const files = globSync([...sources], { cwd: root, exclude: ['proto/gen/**'] });
  for (const name of files.filter((path) => !path.endsWith('.test.ts')).sort()) {
    hash.update(name).update(readFileSync(join(root, name)));
  }
  return hash.digest('hex');
}
