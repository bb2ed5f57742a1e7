/**
 * `/healthz`, `/readyz` and `/metrics` alone, on a listener of their own: a kubelet and a Prometheus come from other
 * machines and prove nothing, and nothing here acts.
 */
import type { ListenAddress } from '../config/listen.ts';
import type { Problem } from '../problem.ts';
import { createHttpServer, openHttpServer } from './http-server.ts';
import type { RunningServer } from './listener.ts';

/** What there is to ask about this process. */
export interface Telemetry {
  readiness(): Readiness;
  /** The text exposition format of Prometheus. */
  metrics(): Promise<string>;
}

export interface Readiness {
  /**
   * `ready` when every input was read once and assignments are served. An input that breaks later does not end it.
   * `stopping` while clients are sent away: new ones should go elsewhere.
   */
  readonly status: 'starting' | 'ready' | 'stopping';
  /** What is wrong now with inputs, store and metric sources. */
  readonly problems: readonly Problem[];
}

/** @throws ProblemError when the address is taken or not ours. */
export async function startTelemetry(
  address: ListenAddress,
  { readiness, metrics }: Telemetry,
): Promise<RunningServer> {
  const server = await createHttpServer({ address }, 'telemetry');
  server.get('/healthz', (_, reply) => reply.type('text/plain').send('ok\n'));
  server.get('/readyz', (_, reply) => {
    const { status } = readiness();
    // Why not is for those whom the admin API lets in: it names objects and addresses.
    return reply.code(status === 'ready' ? 200 : 503).send({ status });
  });
  server.get('/metrics', async (_, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics()),
  );
  return openHttpServer(server, address, 'telemetry');
}
