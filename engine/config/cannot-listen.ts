/** A listener that could not be opened, in words. */
import { ProblemError } from '../problem.ts';
import { formatListen, type ListenAddress } from './listen.ts';

export type ListenerName = 'xds' | 'http' | 'grpcAdmin' | 'telemetry';

/** `field` is the listener's name in the serving config. */
export function cannotListen(field: ListenerName, address: ListenAddress, cause: unknown): ProblemError {
  const text = cause instanceof Error ? cause.message : String(cause);
  // gRPC reports the system's error inside a sentence of its own.
  const errno = /\bE[A-Z]{3,}\b/.exec(text)?.[0] ?? '';
  const problem = { code: 'KV0510', severity: 'error', field: `${field}.listen` } as const;
  return new ProblemError({ ...problem, ...explain(errno, formatListen(address), field, text) }, { cause });
}

function explain(errno: string, where: string, field: string, text: string): { message: string; remedy: string } {
  switch (errno) {
    case 'EADDRINUSE':
      return {
        message: `${where} is in use by another process`,
        remedy: `stop that process (ss -ltnp shows it), or set ${field}.listen to another port`,
      };
    case 'EADDRNOTAVAIL':
      return {
        message: `${where} is not an address of this machine`,
        remedy: `set ${field}.listen to one of its addresses`,
      };
    case 'EACCES':
      return {
        message: `this user may not listen on ${where}`,
        remedy: `set ${field}.listen to a port from 1024 upwards`,
      };
    default:
      return { message: `cannot listen on ${where}: ${text}`, remedy: `set ${field}.listen to another address` };
  }
}
