/** Runs the program `kubervisor` as a person does: its own process, its own exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const program = join(import.meta.dirname, '../../cli/main.ts');
/** What `npm install --global .` links. */
const launcher = join(import.meta.dirname, '../../cli/kubervisor');

export function startCli(args: readonly string[], server?: string): ChildProcess {
  const env = { ...process.env, ...(server === undefined ? {} : { KUBERVISOR_SERVER: server }) };
  return spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** As after a pipe. */
export function runCliOn(stdin: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(stdin);
  return ended(child);
}

/** `server` is what KUBERVISOR_SERVER says. */
export function runCli(args: readonly string[], server?: string): Promise<Ran> {
  return ended(startCli(args, server));
}

export interface PluginOptions {
  readonly kubectl: string;
  readonly kubeconfig: string;
  /** Where the program is put under the name by which kubectl finds it. */
  readonly folder: string;
}

/** `kubectl kubervisor`. */
export async function runPlugin(args: readonly string[], options: PluginOptions): Promise<Ran> {
  await symlink(launcher, join(options.folder, 'kubectl-kubervisor')).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const { KUBERVISOR_SERVER: _, PATH = '', ...rest } = process.env;
  const path = [options.folder, PATH].join(delimiter);
  const env = { ...rest, PATH: path, KUBECONFIG: options.kubeconfig };
  return ended(spawn(options.kubectl, ['kubervisor', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** kubectl itself, as its users run it. */
export function runKubectl(
  args: readonly string[],
  { kubectl, kubeconfig }: Pick<PluginOptions, 'kubectl' | 'kubeconfig'>,
): Promise<Ran> {
  const env = { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, KUBECACHEDIR: `${kubeconfig}.cache` };
  return ended(spawn(kubectl, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
}

async function ended(child: ChildProcess): Promise<Ran> {
  const code = new Promise<number | null>((resolve, reject) => child.on('exit', resolve).on('error', reject));
  const read = async (out: Readable | null): Promise<string> => (out === null ? '' : text(out));
  const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)]);
  return { code: await code, stdout, stderr };
}
