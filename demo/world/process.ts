/** A child process that is ready when it says so, keeps its log for the day it fails, and never outlives us. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { eventually } from './wait.ts';

export interface ProcessSpec {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Undefined while it runs. */
  exit(): Exit | undefined;
  /** Standard output and standard error in the order they came; only the last 256 KiB. */
  log(): string;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after 5 s; resolves when the process is gone. May be called again. */
  stop(): Promise<void>;
}

const graceMs = 5000;
const logLimit = 256 * 1024;

/** @throws when the command cannot be started. */
export async function startProcess(spec: ProcessSpec): Promise<RunningProcess> {
  const { command, args } = endWithParent(spec.command, spec.args);
  const child = spawn(command, args, {
    cwd: spec.cwd,
    env: { ...process.env, ...spec.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a group of its own: Ctrl-C in a terminal reaches us alone, and we stop it in order.
    detached: true,
  });
  const log = keepLog(child);
  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });
  const pid = await started(child, spec);
  const kill = (signal: NodeJS.Signals): void => {
    if (exit === undefined) {
      child.kill(signal);
    }
  };
  return {
    name: spec.name,
    pid,
    exited,
    exit: () => exit,
    log,
    kill,
    async stop() {
      kill('SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/**
 * Waits until `ready` returns a value. When the process ends before that, or time runs out, it is stopped and the error
 * carries its log.
 */
export async function untilReady<T>(
  running: RunningProcess,
  ready: () => T | Promise<T>,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<Exclude<T, false | undefined>> {
  const ended = new AbortController();
  void running.exited.then((exit) =>
    ended.abort(new Error(`${running.name} ended (${exit.signal ?? `exit code ${exit.code}`}) before it was ready`)),
  );
  const signals = [ended.signal, ...(options.signal === undefined ? [] : [options.signal])];
  try {
    return await eventually(ready, {
      timeoutMs: options.timeoutMs,
      what: `${running.name} is ready`,
      signal: AbortSignal.any(signals),
    });
  } catch (error) {
    await running.stop();
    options.signal?.throwIfAborted();
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${running.log()}`, { cause: error });
  }
}

/**
 * The kernel ends the child when we die, even by SIGKILL, where no handler of ours would run. Where util-linux is
 * missing the child is started as it is.
 */
function endWithParent(command: string, args: readonly string[]): { command: string; args: string[] } {
  const wrapper = ['--pdeathsig', 'KILL'];
  const usable = spawnSync('setpriv', [...wrapper, 'true']).status === 0;
  return usable ? { command: 'setpriv', args: [...wrapper, '--', command, ...args] } : { command, args: [...args] };
}

function keepLog(child: ChildProcess): () => string {
  let kept = '';
  const keep = (chunk: string): void => {
    kept = (kept + chunk).slice(-logLimit);
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);
  return () => kept;
}

function started(child: ChildProcess, spec: ProcessSpec): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0));
    child.once('error', (error) =>
      reject(new Error(`${spec.name} cannot be started: ${error.message}`, { cause: error })),
    );
  });
}
