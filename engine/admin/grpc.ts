/** The admin API on gRPC, on a listener of its own: what acts never shares one with what proxies may reach. */
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
  type UntypedServiceImplementation,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { Clock } from '../clock.ts';
import { cannotListen } from '../config/cannot-listen.ts';
import type { AdminListener } from '../config/config.ts';
import { formatListen } from '../config/listen.ts';
import type { Caller } from './acts.ts';
import { createGate, type Gate } from './gate.ts';
import type { AdminHandlers } from './handlers.ts';
import { createInvoke, type UnaryMethod } from './invoke.ts';
import { type RunningServer, readTls, refuseOpen } from './listener.ts';
import type { WatchRequest, WatchResponse } from './messages.ts';
import { type AdminProto, loadAdminProto } from './proto.ts';
import { pump } from './pump.ts';
import { asRefusal, type RefusalStatus } from './refusal.ts';

export interface GrpcAdminOptions {
  readonly handlers: AdminHandlers;
  readonly listener: AdminListener;
  readonly clock: Clock;
  /** Default: read from its file, some ten milliseconds. */
  readonly proto?: AdminProto;
  /** Adds further services before it listens, such as health and reflection. */
  extend?(server: Server): void;
}

/** Requests are a few names and a reason. */
const maxRequestBytes = 64 * 1024;
/** A List with every backend of a thousand Services. */
const maxResponseBytes = 256 * 1024 * 1024;

/** @throws ProblemError when the address is open to everybody or taken, or the certificate is unusable. */
export async function startGrpcAdmin(options: GrpcAdminOptions): Promise<RunningServer> {
  const { listener, clock, handlers, proto = loadAdminProto() } = options;
  refuseOpen(listener, 'grpcAdmin');
  const credentials = await credentialsOf(listener);
  const gate = createGate(listener, clock);
  const server = new Server({
    'grpc.max_receive_message_length': maxRequestBytes,
    'grpc.max_send_message_length': maxResponseBytes,
  });
  server.addService(proto.definition, implementation(handlers, gate, clock));
  options.extend?.(server);
  const port = await bind(server, listener, credentials);
  return { host: listener.address.host, port, close: async () => server.forceShutdown() };
}

function bind(server: Server, { address }: AdminListener, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(formatListen(address), credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(cannotListen('grpcAdmin', address, error));
    });
  });
}

async function credentialsOf(listener: AdminListener): Promise<ServerCredentials> {
  const tls = await readTls(listener, 'grpcAdmin');
  if (tls === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(tls.ca, [{ cert_chain: tls.cert, private_key: tls.key }], true);
}

type Call = ServerUnaryCall<unknown, unknown> | ServerWritableStream<WatchRequest, WatchResponse>;

const unaryMethods: readonly UnaryMethod[] = [
  'list',
  'get',
  'why',
  'proxies',
  'eject',
  'pause',
  'restore',
  'suspend',
  'resume',
  'freeze',
  'unfreeze',
];

function implementation(handlers: AdminHandlers, gate: Gate, clock: Clock): UntypedServiceImplementation {
  const invoke = createInvoke(handlers);
  const unary = (method: UnaryMethod) => (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) =>
    void admit(gate, call)
      .then((caller) => invoke(method, call.request, caller))
      .then(
        (response) => callback(null, response),
        (error: unknown) => callback(toStatus(error)),
      );
  return {
    ...Object.fromEntries(unaryMethods.map((method) => [method, unary(method)])),
    watch: (call: ServerWritableStream<WatchRequest, WatchResponse>) => void watch(handlers, gate, clock, call),
  };
}

async function watch(
  handlers: AdminHandlers,
  gate: Gate,
  clock: Clock,
  call: ServerWritableStream<WatchRequest, WatchResponse>,
): Promise<void> {
  const abort = new AbortController();
  for (const end of ['cancelled', 'close', 'error']) call.on(end, () => abort.abort());
  try {
    await admit(gate, call);
    await pump(handlers.watch(call.request, abort.signal), call, (event) => event, { clock, abort });
    call.end();
  } catch (error) {
    call.emit('error', toStatus(error));
  }
}

async function admit(gate: Gate, call: Call): Promise<Caller> {
  const authorization = call.metadata.get('authorization')[0];
  return gate.admit({
    authorization: authorization === undefined ? undefined : String(authorization),
    certificate: call.getAuthContext().sslPeerCertificate,
  });
}

function toStatus(error: unknown): ServerErrorResponse {
  const { status: kind, problem } = asRefusal(error);
  const metadata = new Metadata();
  metadata.set('kubervisor-code', problem.code);
  const remedy = problem.remedy === undefined ? '' : ` (${problem.remedy})`;
  const details = `${problem.code} ${problem.message}${remedy}`;
  return Object.assign(new Error(details), { code: statusCodes[kind], details, metadata });
}

const statusCodes: Readonly<Record<RefusalStatus, status>> = {
  invalid: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  'not-found': status.NOT_FOUND,
  conflict: status.FAILED_PRECONDITION,
  'too-large': status.RESOURCE_EXHAUSTED,
  'not-json': status.INVALID_ARGUMENT,
  unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
};
