/** Runs a command line tool of this project's dependencies and keeps its output until somebody wants to read it. */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

export const root = join(import.meta.dirname, '..');

export interface ToolRun {
  readonly ok: boolean;
  /** Standard output and standard error, in the order they came. */
  readonly output: string;
}

/** Commands of `node_modules/.bin` are found first, so that tools written for Node run on the Node of this project. */
export function toolEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}` };
}

export function runTool(command: string, args: readonly string[], options: { cwd?: string } = {}): Promise<ToolRun> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: toolEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const output = (): string => Buffer.concat(chunks).toString('utf8').trim();
    child.on('error', (error) => resolve({ ok: false, output: `${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ ok: code === 0, output: output() }));
  });
}

/** @throws with the tool's own words when it fails. */
export async function mustRun(
  command: string,
  args: readonly string[],
  options: { cwd?: string } = {},
): Promise<string> {
  const run = await runTool(command, args, options);
  if (!run.ok) {
    throw new Error(`${command} failed:\n${run.output}`);
  }
  return run.output;
}
