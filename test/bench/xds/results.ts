/** Measurements kept between runs, so that a run that was interrupted goes on where it was. */
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Measurement } from './measure.ts';
import type { Scenario, ServerName } from './scenarios.ts';

const root = join(import.meta.dirname, '../../..');
const file = join(root, 'node_modules/.cache/kubervisor/bench-xds.json');

export interface Results {
  get(scenario: Scenario, server: ServerName, round: number): Measurement | undefined;
  put(scenario: Scenario, server: ServerName, round: number, measurement: Measurement): void;
}

/** Of this source: what another version of it measured is not ours. */
export function openResults({ fresh }: { readonly fresh: boolean }): Results {
  if (fresh) rmSync(file, { force: true });
  const source = sourceHash();
  const kept = read();
  const key = (scenario: Scenario, server: ServerName, round: number): string =>
    createHash('sha256')
      .update(JSON.stringify([source, scenario, server, round]))
      .digest('hex');
  return {
    get: (...of) => kept[key(...of)],
    put(scenario, server, round, measurement) {
      kept[key(scenario, server, round)] = measurement;
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, JSON.stringify(kept));
    },
  };
}

function read(): Record<string, Measurement> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, Measurement>;
  } catch {
    return {};
  }
}

function sourceHash(): string {
  const hash = createHash('sha256');
  const files = globSync(['xds/*.ts', 'test/bench/xds/*.ts', 'test/bench/xds/go/*', 'package-lock.json'], {
    cwd: root,
  });
  for (const name of files.filter((path) => !path.endsWith('.test.ts')).sort()) {
    hash.update(name).update(readFileSync(join(root, name)));
  }
  return hash.digest('hex');
}
