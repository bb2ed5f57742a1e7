/** The xDS listener: clusters and endpoints, by services of their own and aggregated, health and reflection. Nothing on it acts. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { type Clock, systemClock } from '../engine/clock.ts';
import type { ListenAddress } from '../engine/config/listen.ts';
import { createAgeing } from './ageing.ts';
import type { ServiceFilter } from './book.ts';
import type { Census } from './census.ts';
import type { ProxyView } from './proxy-view.ts';
import type { XdsCache } from './cache.ts';
import type { XdsCall } from './call.ts';
import { createCallGuard } from './call-guard.ts';
import { createClientStatus } from './csds.ts';
import { delta } from './delta.ts';
import { createDoor } from './door.ts';
import { createFetch } from './fetch.ts';
import { createHalfOpenCloser } from './half-open.ts';
import { addHealth } from './health.ts';
import { defaultLimits, type XdsLimits } from './limits.ts';
import { listen } from './listener.ts';
import { silentObserver, type XdsObserver } from './observer.ts';
import type { Identify } from './peer.ts';
import { addReflection } from './reflection.ts';
import {
  aggregatedMethods,
  aggregatedService,
  clusterMethods,
  clusterService,
  endpointMethods,
  endpointService,
  healthService,
  statusMethods,
  statusService,
} from './services.ts';
import { sotw } from './sotw.ts';
import { createStallGuard } from './stall.ts';
import { createStreams, type Streams } from './streams.ts';
import type { TlsOptions } from './tls.ts';
import type { ResourceType } from './types.ts';
import { createUnread } from './unread.ts';

export interface XdsServerOptions {
  readonly listen: ListenAddress;
  /** Plain text without: for loopback, and networks that keep others out. */
  readonly tls?: TlsOptions | undefined;
  readonly cache: XdsCache;
  readonly clock?: Clock;
  /** From 0 to 1; default Math.random. */
  readonly random?: () => number;
  readonly limits?: Partial<XdsLimits>;
  readonly observer?: XdsObserver;
}

export interface XdsServer {
  readonly address: string;
  /** The real one, where 0 was asked for. */
  readonly port: number;
  /** Who is connected, and how far it has followed; or, where `about` says so of a Service, who asks for it. */
  proxies(about?: ServiceFilter): readonly ProxyView[];
  /** How many of what kind are connected. */
  census(): Census;
  /**
   * Says to health checks that we go, and to clients, one after the other, to go to another replica; those that come
   * are served until then. Resolves when all have left, after `withinMs` at the latest.
   */
  drain(withinMs: number): Promise<void>;
  /** Says so to health checks, ends every stream, and waits a little for clients to leave. */
  stop(): Promise<void>;
}

const services = [endpointService, clusterService, aggregatedService, statusService];

/** Listens at once; until the cache is open, streams are turned away. @throws ProblemError when it cannot listen. */
export async function startXdsServer(options: XdsServerOptions): Promise<XdsServer> {
  const { cache, clock = systemClock, random = Math.random, observer = silentObserver } = options;
  const limits = { ...defaultLimits, ...options.limits };
  // The listener comes last: nobody connects before there is something to connect to.
  const identify: Identify = (address) => listener.identify(address);
  const door = createDoor({ identify, clock, observer });
  const streams = createStreams({ cache, door, limits, observer, clock });
  const halfOpen = createStallGuard(clock, limits.halfOpenMs);
  const stalls = createStallGuard(clock, limits.streamStallMs);
  const unread = createUnread(stalls);
  const ageing = createAgeing({ limits, clock, random, identify });
  const server = new Server({
    'grpc.max_receive_message_length': limits.maxRequestBytes,
    // An Envoy without ADS has a stream for each of its clusters, thousands of them on one connection.
    'grpc.max_concurrent_streams': limits.maxStreamsPerConnection,
    // Finds peers that vanished without a word, or never said one: they hold memory, and are shown as connected.
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    // Statistics of every message, which nobody reads.
    'grpc.enable_channelz': 0,
    interceptors: [createCallGuard(limits), ageing.interceptor, createHalfOpenCloser(halfOpen)],
  });
  const clientStatus = createClientStatus({ streams, cache, door, limits, clock });
  server.addService(statusMethods, { StreamClientStatus: clientStatus.stream, FetchClientStatus: clientStatus.fetch });
  addDiscovery(server, streams, (type) => createFetch({ cache, type, door, limits, observer, unread }), cache);
  const setHealth = addHealth(server, { services, maxWatches: limits.maxConnections });
  addReflection(server, [...services, healthService], createUnread(stalls));

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = await listen(options.listen, {
    maxConnections: limits.maxConnections,
    tls: options.tls,
    onConnection: (socket) => injector.injectConnection(socket),
    onRefused: observer.connectionRefused,
    onHandshakeFailed: observer.handshakeFailed,
  });
  let isStopping = false;
  void cache.opened.then(() => {
    if (!isStopping) setHealth('SERVING');
  });

  return {
    address: listener.address,
    port: listener.port,
    proxies: streams.proxies,
    census: streams.census,
    async drain(withinMs) {
      isStopping = true;
      setHealth('NOT_SERVING');
      await ageing.drain(withinMs);
    },
    async stop() {
      isStopping = true;
      setHealth('NOT_SERVING');
      streams.stop();
      halfOpen.stop();
      stalls.stop();
      clientStatus.stop();
      // It tells clients to leave; that they have left is for our own listener to say.
      server.tryShutdown(() => undefined);
      const cancelGrace = clock.at(clock.now() + limits.stopGraceMs, listener.destroyConnections);
      await listener.close();
      cancelGrace();
    },
  };
}

function addDiscovery(
  server: Server,
  streams: Streams,
  fetch: (type: ResourceType) => ReturnType<typeof createFetch>,
  { clusters, endpoints }: Pick<XdsCache, 'clusters' | 'endpoints'>,
): void {
  server.addService(endpointMethods, {
    StreamEndpoints: (call: XdsCall) => streams.accept(call, sotw, endpoints.typeUrl),
    DeltaEndpoints: (call: XdsCall) => streams.accept(call, delta, endpoints.typeUrl),
    FetchEndpoints: fetch(endpoints),
  });
  server.addService(clusterMethods, {
    StreamClusters: (call: XdsCall) => streams.accept(call, sotw, clusters.typeUrl),
    DeltaClusters: (call: XdsCall) => streams.accept(call, delta, clusters.typeUrl),
    FetchClusters: fetch(clusters),
  });
  server.addService(aggregatedMethods, {
    StreamAggregatedResources: (call: XdsCall) => streams.accept(call, sotw),
    DeltaAggregatedResources: (call: XdsCall) => streams.accept(call, delta),
  });
}
