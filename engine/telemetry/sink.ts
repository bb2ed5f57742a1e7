/** Where the lines of log and audit go. */
import { open } from 'node:fs';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { type Problem, ProblemError } from '../problem.ts';

export interface LineSink {
  /** One line, its newline included. Never waits and never throws; when too much waits already, the line is dropped. */
  write(line: string): void;
}

export interface ClosableSink extends LineSink {
  /** Resolves when everything is written; later lines are dropped. */
  close(): Promise<void>;
}

/** What may wait for a reader that has stopped, or a disk that is slow. */
const maxWaitingBytes = 8 * 1024 * 1024;

export function standardError(): ClosableSink {
  // Whoever reads it is gone when it fails, and then there is nobody to tell.
  return toSink(pino.destination({ fd: 2, sync: false, maxLength: maxWaitingBytes }), () => undefined);
}

/**
 * Appends to a file, which only its owner may read.
 * @param onProblem told when lines are lost, once until writing works again.
 * @throws ProblemError when the file cannot be opened.
 */
export async function appendTo(file: string, onProblem: (problem: Problem) => void): Promise<ClosableSink> {
  // Opened here: a destination that could not open its file would throw when the process exits.
  const fd = await promisify(open)(file, 'a', 0o600).catch((cause: Error) => {
    throw new ProblemError(unwritable(file, cause), { cause });
  });
  const destination = pino.destination({ fd, sync: false, maxLength: maxWaitingBytes });
  return toSink(destination, (cause) => onProblem(unwritable(file, cause)));
}

function toSink(destination: ReturnType<typeof pino.destination>, onFailure: (cause: Error) => void): ClosableSink {
  let failing = false;
  let closed = false;
  const failed = (cause: Error): void => {
    if (!failing) onFailure(cause);
    failing = true;
  };
  destination.on('error', failed);
  destination.on('drop', () => failed(new Error('too many lines wait to be written')));
  destination.on('write', () => {
    failing = false;
  });
  return {
    write(line) {
      if (!closed) destination.write(line);
    },
    close() {
      if (closed) return Promise.resolve();
      closed = true;
      return new Promise((resolve) => {
        destination.once('close', resolve);
        // What cannot be written must not keep the process alive.
        destination.once('error', () => resolve());
        destination.end();
      });
    },
  };
}

function unwritable(file: string, cause: Error): Problem {
  return {
    code: 'KV0511',
    severity: 'error',
    file,
    message: `the audit file cannot be written: ${cause.message}`,
    remedy: 'name a file in an existing directory that this user can write, on a file system with room',
  };
}
