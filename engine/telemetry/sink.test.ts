import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Problem } from '../problem.ts';
import { appendTo } from './sink.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubervisor-sink-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const unheard = (problem: Problem): void => {
  throw new Error(problem.message);
};

test('lines are appended, in order, all of them written when it is closed; later ones are dropped', async () => {
  const file = join(directory, 'audit.log');
  const first = await appendTo(file, unheard);
  for (let line = 0; line < 1000; line++) first.write(`${line}\n`);
  await first.close();
  first.write('too late\n');
  await first.close();
  const second = await appendTo(file, unheard);
  second.write('again\n');
  await second.close();
  expect(await readFile(file, 'utf8')).toBe([...Array(1000).keys(), 'again', ''].join('\n'));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('a file that cannot be opened is a problem at the start', async () => {
  const file = join(directory, 'missing', 'audit.log');
  await expect(appendTo(file, unheard)).rejects.toMatchObject({ problem: { code: 'KV0511', file } });
});

test('a full disk is reported once and neither throws nor keeps the close waiting', async () => {
  const problems: Problem[] = [];
  // Opens like any file; every write gives ENOSPC.
  const sink = await appendTo('/dev/full', (problem) => problems.push(problem));
  for (let line = 0; line < 10; line++) {
    sink.write(`${line}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await sink.close();
  expect(problems).toMatchObject([{ code: 'KV0511', message: expect.stringContaining('ENOSPC') }]);
});
