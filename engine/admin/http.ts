/**
 * The admin API on HTTP: the JSON of the same messages, server-sent events for the watch, and what a kubelet and a
 * Prometheus ask for.
 */
import { TLSSocket } from 'node:tls';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../clock.ts';
import type { AdminListener } from '../config/config.ts';
import type { Caller } from './acts.ts';
import { createGate, type Gate } from './gate.ts';
import type { AdminHandlers } from './handlers.ts';
import { notJson } from './http-error.ts';
import { createHttpServer, openHttpServer } from './http-server.ts';
import { createInvoke, type UnaryMethod } from './invoke.ts';
import { type RunningServer, refuseOpen } from './listener.ts';
import { type AdminProto, loadAdminProto } from './proto.ts';
import { streamEvents } from './sse.ts';
import type { Telemetry } from './telemetry.ts';

export interface HttpAdminOptions extends Telemetry {
  readonly handlers: AdminHandlers;
  readonly listener: AdminListener;
  readonly clock: Clock;
  /** Default: read from its file, some ten milliseconds. */
  readonly proto?: AdminProto;
}

/** @throws ProblemError when the address is open to everybody or taken, or the certificate is unusable. */
export async function startHttpAdmin(options: HttpAdminOptions): Promise<RunningServer> {
  const { address } = options.listener;
  refuseOpen(options.listener, 'http');
  const server = await createHttpServer(options.listener, 'http');
  const closing = new AbortController();
  const gate = createGate(options.listener, options.clock);
  addProbes(server, gate, options);
  addApi(server, gate, options, closing.signal);
  const running = await openHttpServer(server, address, 'http');
  return {
    ...running,
    close() {
      closing.abort();
      return running.close();
    },
  };
}

/** A kubelet has neither token nor certificate: it learns yes or no, those who are let in learn why. */
function addProbes(server: FastifyInstance, gate: Gate, { readiness, metrics }: HttpAdminOptions): void {
  server.get('/healthz', (_, reply) => reply.type('text/plain').send('ok\n'));
  server.get('/readyz', async (request, reply) => {
    const { status, problems } = readiness();
    const isLetIn = await admit(gate, request).then(
      () => true,
      () => false,
    );
    return reply.code(status === 'ready' ? 200 : 503).send(isLetIn ? { status, problems } : { status });
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
