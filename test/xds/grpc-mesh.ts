/**
 * Proxyless gRPC: real `@grpc/grpc-js-xds` clients, and backends to call. Listeners and routes, which we do not serve,
 * come from a server of the test under an authority of its own; clusters and endpoints come from us, by the client's own
 * stream.
 */
import { join } from 'node:path';
import {
  Client,
  credentials,
  type handleBidiStreamingCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';
import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { messageForm } from '../../proto/files.ts';
import type { AssignedEndpoint } from '../../engine/assignment/assignment.ts';
import { endpointOf } from '../support/assignments.ts';
import { protos, type SotwRequestMessage, type SotwResponseMessage } from '../support/protos.ts';

export interface GrpcBackends<Name extends string> {
  endpoint(name: Name, change?: Partial<AssignedEndpoint>): AssignedEndpoint;
  /** Its port refuses connections from now on, and those that there are end. */
  kill(name: Name): void;
  stop(): Promise<void>;
}

const path = '/test.Who/Ask';
const asIs = (bytes: Buffer): Buffer => bytes;

/** Each answers a call with its name. */
export async function startGrpcBackends<Name extends string>(names: readonly Name[]): Promise<GrpcBackends<Name>> {
  const service: ServiceDefinition = {
    Ask: {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  };
  const started = await Promise.all(
    names.map(async (name) => {
      const server = new Server();
      server.addService(service, {
        Ask: (_: unknown, done: (error: null, answer: Buffer) => void) => done(null, Buffer.from(name)),
      });
      return [name, { server, port: await bind(server) }] as const;
    }),
  );
  const backends = new Map(started);
  return {
    endpoint: (name, change) => {
      const backend = backends.get(name);
      if (backend === undefined) throw new Error(`no backend ${name}`);
      return endpointOf('127.0.0.1', { port: backend.port, ...change });
    },
    kill: (name) => backends.get(name)?.server.forceShutdown(),
    async stop() {
      for (const { server } of backends.values()) server.forceShutdown();
    },
  };
}

export interface ListenerServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Whatever listener is asked for sends everything to the cluster. */
export async function startListenerServer(cluster: string): Promise<ListenerServer> {
  const { StreamAggregatedResources } = protos['envoy.service.discovery.v3.AggregatedDiscoveryService'];
  const answer: handleBidiStreamingCall<SotwRequestMessage, SotwResponseMessage> = (call) => {
    call.on(
      'data',
      ({ type_url: typeUrl = '', resource_names: names = [], response_nonce: nonce }: SotwRequestMessage) => {
        if (nonce !== undefined && nonce !== '') return;
        const resources = names.map((name) => listener(name, cluster));
        call.write({ version_info: '1', nonce: '1', type_url: typeUrl, resources } as SotwResponseMessage);
      },
    );
    call.on('end', () => call.end());
  };
  const server = new Server();
  server.addService({ StreamAggregatedResources }, { StreamAggregatedResources: answer });
  return { port: await bind(server), stop: async () => server.forceShutdown() };
}

export interface GrpcClientOptions {
  readonly xdsPort: number;
  readonly listenerPort: number;
  readonly nodeId: string;
  readonly locality?: { readonly zone: string; readonly sub_zone?: string };
}

export interface GrpcClient {
  /** Who answered how many of so many calls. */
  tally(calls: number): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}

export function startGrpcClient({ xdsPort, listenerPort, nodeId, locality }: GrpcClientOptions): GrpcClient {
  register();
  const server = (port: number): object => ({
    server_uri: `127.0.0.1:${port}`,
    channel_creds: [{ type: 'insecure' }],
    server_features: ['xds_v3'],
  });
  const bootstrap = {
    xds_servers: [server(xdsPort)],
    authorities: { listeners: { xds_servers: [server(listenerPort)] } },
    node: { id: nodeId, ...(locality === undefined ? {} : { locality }) },
  };
  const client = new Client('xds://listeners/pricer', credentials.createInsecure(), {
    'grpc.TEST_ONLY_DO_NOT_USE_IN_PROD.xds_bootstrap_config': JSON.stringify(bootstrap),
  });
  const ask = (): Promise<string> =>
    new Promise((resolve) => {
      const deadline = new Date(Date.now() + 20_000);
      client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), { deadline }, (error, answer) =>
        resolve(error === null ? `${answer?.toString()}` : `status ${error.code}`),
      );
    });
  return {
    async tally(calls) {
      const counts: Record<string, number> = {};
      for (let left = calls; left > 0; left -= 50) {
        for (const who of await Promise.all(Array.from({ length: Math.min(50, left) }, ask))) {
          counts[who] = (counts[who] ?? 0) + 1;
        }
      }
      return counts;
    },
    stop: async () => client.close(),
  };
}

function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

function listener(name: string, cluster: string): object {
  const manager = any('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '' }, route: { cluster } }] }],
    },
    http_filters: [
      {
        name: 'router',
        typed_config: {
          type_url: 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
          value: Buffer.alloc(0),
        },
      },
    ],
  });
  return any('envoy.config.listener.v3.Listener', { name, api_listener: { api_listener: manager } });
}

function any(type: string, message: object): object {
  const definition = listenerProtos()[type] as MessageTypeDefinition<object, object>;
  return { type_url: `type.googleapis.com/${type}`, value: definition.serialize(message) };
}

function listenerProtos(): ReturnType<typeof loadSync> {
  return loadSync(
    [
      'envoy/config/listener/v3/listener.proto',
      'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
    ],
    { ...messageForm, includeDirs: [join(import.meta.dirname, '../../proto/gen/protos')] },
  );
}
