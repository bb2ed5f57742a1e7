/** Runs the program `kubervisor` as a person does: its own process, its own exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const program = join(import.meta.dirname, '../../cli/main.ts');

export function startCli(args: readonly string[], server?: string): ChildProcess {
  const env = { ...process.env, ...(server === undefined ? {} : { KUBERVISOR_SERVER: server }) };
  return spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** `server` is what KUBERVISOR_SERVER says. */
export async function runCli(args: readonly string[], server?: string): Promise<Ran> {
  const child = startCli(args, server);
  const code = new Promise<number | null>((resolve, reject) => child.on('exit', resolve).on('error', reject));
  const read = async (out: Readable | null): Promise<string> => (out === null ? '' : text(out));
  const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)]);
  return { code: await code, stdout, stderr };
}
