/** `cli/kubervisor`, which finds the Node to run on: from wherever it is linked, whatever Node is in the PATH. */
import { execFile, spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const launcher = join(root, 'cli/kubervisor');

interface Ran {
  readonly code: number;
  readonly output: string;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(command, args, { env, cwd: '/' }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` }),
    );
  });
}

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubervisor-launcher-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A Node that reads no TypeScript, first in the PATH of everything else. */
async function withOldNode(): Promise<string> {
  const bin = join(folder, 'old');
  await mkdir(bin);
  await writeFile(join(bin, 'node'), '#!/bin/sh\n[ "$1" = --version ] && echo v20.0.0\nexit 1\n');
  await chmod(join(bin, 'node'), 0o755);
  return [bin, process.env['PATH'] ?? ''].join(delimiter);
}

/** A checkout of which there is only what the launcher looks at; what it starts tells what it was given. */
async function checkout(at = 'checkout'): Promise<string> {
  const path = join(folder, at);
  for (const each of ['cli', 'proto/gen', 'node_modules/.bin']) await mkdir(join(path, each), { recursive: true });
  await cp(launcher, join(path, 'cli/kubervisor'));
  await writeFile(
    join(path, 'cli/main.ts'),
    `const told: unknown = [process.pid, process.env['KUBERVISOR_CALLED_AS'], ...process.argv.slice(2)];
    console.log(JSON.stringify(told));
    process.exitCode = 65;`,
  );
  await writeFile(join(path, 'proto/gen/stamp'), '');
  await symlink(process.execPath, join(path, 'node_modules/.bin/node'));
  return path;
}

it('is what `npm install --global .` links, under both names, and runs on the Node of the checkout', async () => {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'));
  const env = Object.fromEntries(own);
  const args = ['install', '--global', '--prefix', folder, '--offline', '--no-audit', '--no-fund', root];
  expect(await run('npm', args, env)).toMatchObject({ code: 0 });
  const names = await readdir(join(folder, 'bin'));
  expect(names.toSorted()).toEqual(['kubectl-kubervisor', 'kubervisor']);
  const path = await withOldNode();
  for (const name of names) {
    expect(await run(join(folder, 'bin', name), ['--version'], { ...env, PATH: path })).toEqual({
      code: 0,
      output: expect.stringMatching(/^kubervisor \d\S+ \(Node v2[2-9]/),
    });
    const usage = name === 'kubervisor' ? 'Usage: kubervisor' : 'Usage: kubectl kubervisor';
    expect(await run(join(folder, 'bin', name), ['--help'], { ...env, PATH: path })).toEqual({
      code: 0,
      output: expect.stringContaining(usage),
    });
  }
});

it('becomes the program: the same process, its arguments as they are, its exit code', async () => {
  const linked = join(folder, 'kubectl-kubervisor');
  await symlink(join(await checkout('a check out'), 'cli/kubervisor'), linked);
  const child = spawn(linked, ['why', 'a b', '', '*'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, JSON.parse(Buffer.concat(chunks).toString())]).toEqual([
    65,
    [child.pid, linked, 'why', 'a b', '', '*'],
  ]);
});

describe('says what is wrong, and what to do', () => {
  it.each<[title: string, at: string, without: string | undefined, message: RegExp]>([
    [
      'before the setup',
      'checkout',
      'proto/gen/stamp',
      /^kubervisor: \S+\/checkout is not set up: run `npm run setup` there\n$/,
    ],
    [
      'where it was copied to',
      'node_modules/kubervisor',
      undefined,
      /^kubervisor: it was copied into node_modules, .*clone/,
    ],
    [
      'on a Node that is too old',
      'checkout',
      'node_modules/.bin/node',
      /Node 22\.19 or later is needed, \S+\/old\/node is v20/,
    ],
  ])('%s', async (_, at, without, message) => {
    const path = await checkout(at);
    if (without !== undefined) await rm(join(path, without));
    const { code, output } = await run(join(path, 'cli/kubervisor'), ['get'], { PATH: await withOldNode() });
    expect([code, output]).toEqual([1, expect.stringMatching(message)]);
  });

  it('but not on one that is new enough', async () => {
    const path = await checkout();
    await rm(join(path, 'node_modules/.bin/node'));
    const env = { PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) };
    expect(await run(join(path, 'cli/kubervisor'), ['get'], env)).toMatchObject({ code: 65 });
  });
});
