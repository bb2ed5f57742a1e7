import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../tool.ts';

/** Which import, written in which file, the rules of `.oxlintrc.json` refuse. */
const refused: readonly (readonly [file: string, imported: string])[] = [
  ['engine/breakers/a.ts', 'node:fs'],
  ['engine/budget/a.ts', '@grpc/grpc-js'],
  ['engine/rotation/a.ts', 'axios'],
  ['engine/assignment/a.ts', '@kubernetes/client-node'],
  ['engine/policy/a.ts', 'pino'],
  ['engine/policy/schema/a.ts', 'fastify'],
  ['engine/rotation/b.ts', 'prom-client'],
  ['engine/rotation/c.ts', '../store/file.ts'],
  ['engine/policy/schema/b.ts', '../../telemetry/log.ts'],
  ['engine/budget/b.ts', '../loop.ts'],
  ['engine/breakers/b.ts', '../metrics/prometheus.ts'],
  ['engine/breakers/c.ts', '../../xds/cache.ts'],
  ['engine/loop.ts', '../xds/cache.ts'],
  ['engine/admin/a.ts', '../../xds/server.ts'],
  ['engine/store/a.ts', '../../cli/main.ts'],
  ['engine/store/b.ts', '../../test/support/world.ts'],
  ['xds/a.ts', '../engine/breakers/judge.ts'],
  ['xds/b.ts', '../engine/rotation/step.ts'],
  ['xds/sotw/a.ts', '../../engine/store/store.ts'],
  ['xds/c.ts', '../engine/loop.ts'],
];

const allowed: readonly (readonly [file: string, imported: string])[] = [
  ['engine/main.ts', '../xds/server.ts'],
  ['engine/breakers/d.ts', '../metrics/source.ts'],
  ['engine/rotation/d.ts', '../breakers/verdict.ts'],
  ['engine/policy/b.ts', 'yaml'],
  ['engine/store/c.ts', 'node:fs'],
  ['engine/breakers/e.test.ts', 'node:fs'],
  ['xds/d.ts', '../engine/assignment/assignment.ts'],
  ['xds/e.ts', '@grpc/grpc-js'],
];

let folder: string;
let report: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kubervisor-lint-'));
  copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  for (const [file, imported] of [...refused, ...allowed]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), `import * as imported from '${imported}';\nexport const used = imported;\n`);
  }
  report = await new Promise((resolve) => {
    const oxlint = join(root, 'node_modules/.bin/oxlint');
    execFile(oxlint, ['--format=unix'], { cwd: folder }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function findingsIn(file: string): string[] {
  return report.split('\n').filter((line) => line.startsWith(`${file}:`) && line.includes('no-restricted-imports'));
}

describe('the import rules', () => {
  it.each(refused)('%s may not import %s', (file) => {
    expect(findingsIn(file)).toHaveLength(1);
  });

  it.each(allowed)('%s may import %s', (file) => {
    expect(findingsIn(file)).toEqual([]);
  });
});
