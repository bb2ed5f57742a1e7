/** What every HTTP listener of ours has in common: limits, headers, refusals, and how it opens and ends. */
import fastify, { type FastifyInstance } from 'fastify';
import { cannotListen, type ListenerName } from '../config/cannot-listen.ts';
import type { AdminListener } from '../config/config.ts';
import type { ListenAddress } from '../config/listen.ts';
import { sendRefusal } from './http-error.ts';
import { type RunningServer, readTls } from './listener.ts';
import { Refusal } from './refusal.ts';

/** Requests are a few names and a reason. */
const maxBodyBytes = 16 * 1024;
/** A client that sends its request byte by byte holds a connection no longer than this. */
const receiveWithinMs = 10_000;

/** @throws ProblemError when the certificate is unusable. */
export async function createHttpServer(listener: AdminListener, field: ListenerName): Promise<FastifyInstance> {
  const common = {
    bodyLimit: maxBodyBytes,
    requestTimeout: receiveWithinMs,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  } as const;
  const tls = await readTls(listener, field);
  // A certificate is asked for here and demanded by the gate: a kubelet that probes has none.
  const server: FastifyInstance =
    tls === undefined
      ? fastify(common)
      : fastify({ ...common, https: { ...tls, requestCert: true, rejectUnauthorized: false } });
  server.removeContentTypeParser('text/plain');
  server.addHook('onSend', async (_, reply) => {
    // What is true now, for nobody's cache, and never to be taken for a page.
    void reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });
  server.setErrorHandler((error, _, reply) => sendRefusal(reply, error));
  server.setNotFoundHandler((request, reply) => {
    const message = `there is no ${request.method} ${request.url.slice(0, 200)}`;
    const remedy = 'docs/admin-api.md lists the paths';
    return sendRefusal(reply, new Refusal('not-found', { code: 'KV0714', message, remedy }));
  });
  return server;
}

/** @throws ProblemError when the address is taken or not ours. */
export async function openHttpServer(
  server: FastifyInstance,
  address: ListenAddress,
  field: ListenerName,
): Promise<RunningServer> {
  try {
    await server.listen(address);
  } catch (error) {
    await server.close();
    throw cannotListen(field, address, error);
  }
  const bound = server.server.address();
  return {
    host: address.host,
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    close: () => server.close(),
  };
}
