/**
 * The admin API on HTTP: the JSON of the same messages, server-sent events for the watch, and what a kubelet and a
 * Prometheus ask for.
 */
import { TLSSocket } from 'node:tls';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Clock } from '../clock.ts';
import { cannotListen } from '../config/cannot-listen.ts';
import type { AdminListener } from '../config/config.ts';
import type { Problem } from '../problem.ts';
import type { Caller } from './acts.ts';
import { createGate, type Gate } from './gate.ts';
import type { AdminHandlers } from './handlers.ts';
import { notJson, sendRefusal } from './http-error.ts';
import { createInvoke, type UnaryMethod } from './invoke.ts';
import { type RunningServer, readTls, refuseOpen } from './listener.ts';
import { type AdminProto, loadAdminProto } from './proto.ts';
import { Refusal } from './refusal.ts';
import { streamEvents } from './sse.ts';

export interface HttpAdminOptions {
  readonly handlers: AdminHandlers;
  readonly listener: AdminListener;
  readonly clock: Clock;
  /** Default: read from its file, some ten milliseconds. */
  readonly proto?: AdminProto;
  readiness(): Readiness;
  /** The text exposition format of Prometheus. */
  metrics(): Promise<string>;
}

export interface Readiness {
  /** Every input was read once and assignments are served. An input that breaks later does not end it. */
  readonly ready: boolean;
  /** What is wrong now with inputs, store and metric sources. */
  readonly problems: readonly Problem[];
}

/** Requests are a few names and a reason. */
const maxBodyBytes = 16 * 1024;
/** A client that sends its request byte by byte holds a connection no longer than this. */
const receiveWithinMs = 10_000;

/** @throws ProblemError when the address is open to everybody or taken, or the certificate is unusable. */
export async function startHttpAdmin(options: HttpAdminOptions): Promise<RunningServer> {
  const { address } = options.listener;
  refuseOpen(options.listener, 'http');
  const server = await createServer(options.listener);
  const closing = new AbortController();
  const gate = createGate(options.listener, options.clock);
  addProbes(server, gate, options);
  addApi(server, gate, options, closing.signal);
  try {
    await server.listen(address);
  } catch (error) {
    await server.close();
    throw cannotListen('http', address, error);
  }
  const bound = server.server.address();
  return {
    host: address.host,
    port: typeof bound === 'object' && bound !== null ? bound.port : address.port,
    close() {
      closing.abort();
      return server.close();
    },
  };
}

async function createServer(listener: AdminListener): Promise<FastifyInstance> {
  const common = {
    bodyLimit: maxBodyBytes,
    requestTimeout: receiveWithinMs,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
  } as const;
  const tls = await readTls(listener, 'http');
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

/** A kubelet has neither token nor certificate: it learns yes or no, those who are let in learn why. */
function addProbes(server: FastifyInstance, gate: Gate, { readiness, metrics }: HttpAdminOptions): void {
  server.get('/healthz', (_, reply) => reply.type('text/plain').send('ok\n'));
  server.get('/readyz', async (request, reply) => {
    const { ready, problems } = readiness();
    const status = ready ? 'ready' : 'starting';
    const isLetIn = await admit(gate, request).then(
      () => true,
      () => false,
    );
    return reply.code(ready ? 200 : 503).send(isLetIn ? { status, problems } : { status });
  });
  server.get('/metrics', async (request, reply) => {
    await admit(gate, request);
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics());
  });
}

function addApi(server: FastifyInstance, gate: Gate, options: HttpAdminOptions, closing: AbortSignal): void {
  const { handlers, clock, proto = loadAdminProto() } = options;
  const invoke = createInvoke(handlers);
  const get = (path: string, method: UnaryMethod): void => {
    server.get(path, async (request) => {
      const caller = await admit(gate, request);
      return invoke(method, proto.readQuery(method, { ...fields(request.query), ...fields(request.params) }), caller);
    });
  };
  const post = (path: string, method: UnaryMethod, fixed: object = {}): void => {
    server.post(path, async (request) => {
      const caller = await admit(gate, request);
      if (request.body === undefined) throw notJson();
      // The path says what is acted on; the body must not say something else.
      return invoke(
        method,
        { ...proto.readRequest(method, request.body), ...fields(request.params), ...fixed },
        caller,
      );
    });
  };

  get('/api/v1/services', 'list');
  get('/api/v1/services/:namespace/:name', 'get');
  get('/api/v1/why', 'why');
  get('/api/v1/proxies', 'proxies');
  for (const verb of ['eject', 'pause', 'restore', 'suspend', 'resume', 'freeze', 'unfreeze'] as const) {
    post(
      `/api/v1/services/:namespace/:name/${verb}`,
      verb,
      verb === 'suspend' || verb === 'resume' ? { all: false } : {},
    );
  }
  post('/api/v1/suspend', 'suspend', { all: true });
  post('/api/v1/resume', 'resume', { all: true });
  server.get('/api/v1/watch', async (request, reply) => {
    await admit(gate, request);
    const wanted = proto.readWatch(request.query);
    await streamEvents(reply, (signal) => handlers.watch(wanted, signal), clock, closing);
  });
}

async function admit(gate: Gate, { headers, raw }: FastifyRequest): Promise<Caller> {
  gate.turnAwayPages(headers);
  const { socket } = raw;
  const isProven = socket instanceof TLSSocket && socket.authorized;
  return gate.admit({
    authorization: headers.authorization,
    certificate: isProven ? socket.getPeerCertificate() : undefined,
  });
}

function fields(values: unknown): object {
  return typeof values === 'object' && values !== null ? values : {};
}
