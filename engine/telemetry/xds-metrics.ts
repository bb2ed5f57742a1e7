/**
 * What the xDS server does, by type of resource and by protocol, never by client: ten thousand of them would make
 * ten thousand series. Who is behind is told by `kubervisor proxies`.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { createQuickHistogram } from './quick-histogram.ts';

/** What happens, as it happens. `type` is the short name of the resource type: `eds`, `cds`. */
export interface XdsMetrics {
  /** There were as many connections as there may be. */
  connectionRefused(): void;
  /** A request arrived. */
  received(bytes: number): void;
  /** A stream was let in, this long after it came. */
  admitted(waitedMs: number): void;
  /** A response was handed to the transport. */
  pushed(type: string, bytes: number): void;
  /** The client's flow control let a response go, this long after it was handed over. */
  sent(type: string, durationMs: number): void;
  /** A client accepted a response, this long after it was sent. */
  acked(type: string, latencyMs: number): void;
  /** A client accepted a change of what it had, this long after the change was published. */
  converged(type: string, durationMs: number): void;
  nacked(type: string): void;
  /** A request spoke of a response that is not the last. */
  staleNonce(type: string): void;
  /** A client did not take a response in time, and its stream was cut. */
  stalled(): void;
  /** Somebody asked for a name that no Service has. */
  unknownName(): void;
  /** Somebody asked for a type of resources that we do not serve. */
  unknownType(): void;
}

/** Who is connected at the moment of a scrape. */
export interface XdsPresent {
  /** Connections with at least one stream, by dialect. */
  readonly clients: ReadonlyMap<string, number>;
  readonly streams: readonly XdsStreams[];
  /** Names asked for, by type. */
  readonly subscriptions: ReadonlyMap<string, number>;
  /** Responses that no client has answered yet, by type. */
  readonly unanswered: ReadonlyMap<string, number>;
  /** Streams that wait to be let in. */
  readonly waiting: number;
  /** Names that somebody watches, each counted once. */
  readonly watchedNames: number;
}

export interface XdsStreams {
  /** `envoy`, `grpc` or `unknown`. */
  readonly dialect: string;
  readonly variant: 'sotw' | 'delta';
  /** Its one type, or `ads`. */
  readonly type: string;
  readonly count: number;
}

/** Loopback is 1 ms, a slow proxy seconds. */
const latencySeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** A thousand endpoints are 30 kB; gRPC clients refuse messages over 4 MiB. */
const sizeBytes = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];

export interface XdsMetricsShown extends XdsMetrics {
  /** At each scrape; undefined before there is a server. */
  show(present: XdsPresent | undefined): void;
}

export function createXdsMetrics(registry: Registry): XdsMetricsShown {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, ...labelNames: readonly Label[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const byType = (name: string, help: string, buckets: readonly number[]) =>
    createQuickHistogram({ registry, name, help, label: 'type', buckets });
  const present = createPresentGauges(registry);
  const pushes = counter('kubervisor_xds_pushes_total', 'xDS responses sent, by resource type', 'type');
  const sizes = byType('kubervisor_xds_push_size_bytes', 'Size of an xDS response', sizeBytes);
  const sends = byType(
    'kubervisor_xds_send_duration_seconds',
    "Until the client's flow control lets a response go",
    latencySeconds,
  );
  const acks = byType(
    'kubervisor_xds_ack_duration_seconds',
    'From a response to its acknowledgement by the client',
    latencySeconds,
  );
  const convergence = byType(
    'kubervisor_xds_convergence_seconds',
    'From the moment a change was published to its acknowledgement by a client that had the old version',
    latencySeconds,
  );
  const nacks = counter('kubervisor_xds_nacks_total', 'xDS responses that a client refused, by resource type', 'type');
  const staleNonces = counter(
    'kubervisor_xds_stale_nonces_total',
    'Requests that speak of a response which is not the last',
    'type',
  );
  const waits = new Histogram({
    name: 'kubervisor_xds_admission_wait_seconds',
    help: 'From a new stream to its admission',
    buckets: [...latencySeconds],
    registers,
  });
  const refusedConnections = counter(
    'kubervisor_xds_connections_refused_total',
    'Connections closed at once because there were as many as there may be',
  );
  const stalls = counter('kubervisor_xds_stalled_streams_total', 'Streams cut because the client did not read');
  const unknownNames = counter('kubervisor_xds_unknown_names_total', 'Resource names asked for that no Service has');
  const unknownTypes = counter(
    'kubervisor_xds_unknown_types_total',
    'Types of resources asked for that are not served, once per stream',
  );
  /** prom-client looks its labels up at every increment, ten thousand times in a row. */
  const pushesOfType = new Map<string, { inc(): void }>();
  function countPush(type: string): void {
    const ofType = pushesOfType.get(type) ?? pushes.labels({ type });
    pushesOfType.set(type, ofType);
    ofType.inc();
  }
  let maxRequestBytes = 0;
  const largestRequest = new Gauge({
    name: 'kubervisor_xds_request_max_bytes',
    help: 'Size of the largest request since the start',
    registers,
  });

  return {
    connectionRefused: () => refusedConnections.inc(),
    received(bytes) {
      if (bytes > maxRequestBytes) maxRequestBytes = bytes;
    },
    admitted: (waitedMs) => waits.observe(waitedMs / 1000),
    pushed(type, bytes) {
      countPush(type);
      sizes.observe(type, bytes);
    },
    sent: (type, durationMs) => sends.observe(type, durationMs / 1000),
    acked: (type, latencyMs) => acks.observe(type, latencyMs / 1000),
    converged: (type, durationMs) => convergence.observe(type, durationMs / 1000),
    nacked: (type) => nacks.inc({ type }),
    staleNonce: (type) => staleNonces.inc({ type }),
    stalled: () => stalls.inc(),
    unknownName: () => unknownNames.inc(),
    unknownType: () => unknownTypes.inc(),
    show(now) {
      largestRequest.set(maxRequestBytes);
      present(now);
    },
  };
}

function createPresentGauges(registry: Registry): (present: XdsPresent | undefined) => void {
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: readonly Label[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
  const clients = gauge('kubervisor_xds_clients', 'Connections with at least one xDS stream', 'dialect');
  const streams = gauge('kubervisor_xds_streams', 'xDS streams that are open', 'type', 'variant', 'dialect');
  const subscriptions = gauge('kubervisor_xds_subscriptions', 'Resource names that clients ask for', 'type');
  const unanswered = gauge('kubervisor_xds_unacknowledged', 'Responses that the client has not answered yet', 'type');
  const waiting = gauge('kubervisor_xds_admission_queue', 'Streams that wait to be let in');
  const watched = gauge('kubervisor_xds_watched_names', 'Resource names that somebody watches, each counted once');
  return (present) => {
    for (const each of [clients, streams, subscriptions, unanswered]) each.reset();
    if (present === undefined) return;
    for (const [dialect, count] of present.clients) clients.set({ dialect }, count);
    for (const { count, ...labels } of present.streams) streams.set({ ...labels }, count);
    for (const [type, count] of present.subscriptions) subscriptions.set({ type }, count);
    for (const [type, count] of present.unanswered) unanswered.set({ type }, count);
    waiting.set(present.waiting);
    watched.set(present.watchedNames);
  };
}
