/** The last look at a listener before it opens. */
import type { AdminListener } from '../config/config.ts';
import { formatListen, isLoopback } from '../config/listen.ts';
import { ProblemError } from '../problem.ts';
import { judgeTls, readTlsFiles, type TlsFlaw, type TlsMaterial } from '../tls/files.ts';

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

/**
 * Undefined where the listener speaks plain text.
 *
 * @throws ProblemError KV0716 for a file that cannot be read or is not what it should be.
 */
export async function readTls({ auth }: AdminListener, field: string): Promise<Required<TlsMaterial> | undefined> {
  if (auth?.kind !== 'mtls') return undefined;
  const reading = await readTlsFiles({ cert: auth.certFile, key: auth.keyFile, ca: auth.caFile });
  if (reading.kind === 'flawed') throw badTls(`${field}.auth.mtls`, reading.flaw);
  const judgement = judgeTls(reading.material);
  if (judgement.kind === 'flawed') throw badTls(`${field}.auth.mtls`, judgement.flaw);
  const { ca } = reading.material;
  // Without authorities of its own, those of the machine would count.
  if (ca === undefined) throw badTls(`${field}.auth.mtls`, { file: 'ca', message: 'is missing' });
  return { ...reading.material, ca };
}

function badTls(field: string, { file, message }: TlsFlaw): ProblemError {
  const remedy = 'give PEM files that this user can read, the key that belongs to the certificate';
  const where = file === undefined ? field : `${field}.${file}File`;
  return new ProblemError({ code: 'KV0716', severity: 'error', field: where, message, remedy });
}
