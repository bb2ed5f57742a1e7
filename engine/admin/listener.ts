/** The last look at a listener before it opens, and what its certificate is made of. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { AdminListener } from '../config/config.ts';
import { formatListen, isLoopback } from '../config/listen.ts';
import { ProblemError } from '../problem.ts';

/** A started listener. */
export interface RunningServer {
  readonly host: string;
  /** The real one, where the config said 0. */
  readonly port: number;
  /** Ends what is under way, watches included. */
  close(): Promise<void>;
}

/**
 * Whoever reaches this API can take endpoints out of rotation. The serving config refuses this too, with its place in
 * the file; here it is refused whatever the listener came from.
 *
 * @throws ProblemError KV0715 for an address that others can reach and nobody has to prove anything at.
 */
export function refuseOpen({ address, auth }: AdminListener, field: string): void {
  if (isLoopback(address) || auth !== undefined) return;
  throw new ProblemError({
    code: 'KV0715',
    severity: 'error',
    field: `${field}.listen`,
    message: `${formatListen(address)} can be reached from other machines, and nothing says who may act`,
    remedy: `add ${field}.auth with bearerFile or mtls, or listen on 127.0.0.1`,
  });
}

export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/**
 * Undefined where the listener speaks plain text.
 *
 * @throws ProblemError KV0716 for a file that cannot be read or is not what it should be.
 */
export async function readTls({ auth }: AdminListener, field: string): Promise<TlsMaterial | undefined> {
  if (auth?.kind !== 'mtls') return undefined;
  const read = (name: 'certFile' | 'keyFile' | 'caFile'): Promise<Buffer> =>
    readFile(auth[name]).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw badTls(`${field}.auth.mtls.${name}`, `cannot be read: ${reason}`, cause);
    });
  const [cert, key, ca] = await Promise.all([read('certFile'), read('keyFile'), read('caFile')]);
  try {
    createSecureContext({ cert, key, ca });
  } catch (cause) {
    throw badTls(
      `${field}.auth.mtls`,
      'these files are not valid PEM, or the key is not that of the certificate',
      cause,
    );
  }
  return { cert, key, ca };
}

function badTls(field: string, message: string, cause: unknown): ProblemError {
  const remedy = 'give PEM files that this user can read, the key that belongs to the certificate';
  return new ProblemError({ code: 'KV0716', severity: 'error', field, message, remedy }, { cause });
}
