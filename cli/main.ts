#!/usr/bin/env node
/** The program `kubervisor`: the only place of the CLI that knows of a process and its environment. */
import { enableCompileCache } from 'node:module';
import { userInfo } from 'node:os';
import type { WriteStream } from 'node:tty';
import type { Output } from './context.ts';
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

function interrupted(): AbortSignal {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  return abort.signal;
}

process.exitCode = await runCli(process.argv.slice(2), {
  defaultServer: process.env['KUBERVISOR_SERVER'] ?? 'http://127.0.0.1:18080',
  user: userName(),
  stdout: output(process.stdout),
  stderr: output(process.stderr),
  env: process.env,
  now: () => Date.now(),
  interrupted,
});
