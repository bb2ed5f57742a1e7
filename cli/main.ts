#!/usr/bin/env node
/** The program `kubervisor`: the only place of the CLI that knows of a process and its environment. */
import { enableCompileCache } from 'node:module';
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import type { WriteStream } from 'node:tty';
import type { Output } from './context.ts';
import { exitCodes, Interrupted } from './exit.ts';
import { runCli } from './run.ts';

/** What is loaded from here on is compiled once per machine and version: it halves the time to start. */
enableCompileCache();

function output(stream: WriteStream): Output {
  // A reader that has seen enough, such as `head`, is no failure of ours.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  return {
    write: (text) => void stream.write(text),
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 100;
    },
  };
}

/** A container may run as a number that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/** A person who presses Ctrl-C twice is in a hurry, not in need of what a clean end leaves out; the fifth time is meant. */
const patience = 5;

function interrupted(): AbortSignal {
  const abort = new AbortController();
  let times = 0;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      times += 1;
      abort.abort(new Interrupted());
      if (times >= patience) process.exit(exitCodes.error);
    });
  }
  return abort.signal;
}

/** kubectl calls a program of this name for `kubectl kubervisor`, and who calls it so means the cluster. */
const calledAs = process.env['KUBERVISOR_CALLED_AS'] ?? process.argv[1] ?? '';
const isPlugin = basename(calledAs).startsWith('kubectl-');

process.exitCode = await runCli(process.argv.slice(2), {
  program: isPlugin ? 'kubectl kubervisor' : 'kubervisor',
  defaultServer: process.env['KUBERVISOR_SERVER'] ?? (isPlugin ? undefined : 'http://127.0.0.1:18080'),
  user: userName(),
  stdin: () => text(process.stdin),
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  env: process.env,
  now: () => Date.now(),
  interrupted,
});
