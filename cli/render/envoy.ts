/**
 * What a plain Envoy needs to get its endpoints from us: its clusters, or a whole bootstrap. As Envoy's JSON, with its
 * own field names.
 */
import { isIP } from 'node:net';
import type { ListenAddress } from '../../engine/config/listen.ts';
import { type ClusterFacts, jsonForm, recommendedCluster } from '../../xds/cluster.ts';
import type { TlsFiles } from '../xds-options.ts';
import { tlsSocket } from './tls.ts';

/** How Envoy asks: a stream for each cluster or one for all, everything or differences. */
export const transports = ['sotw', 'delta', 'ads', 'delta-ads'] as const;
export type Transport = (typeof transports)[number];

export interface EnvoyFacts extends Pick<ClusterFacts, 'ejectedAs' | 'protocol'> {
  /** Of the endpoints, such as `shop/pricer:http`; the cluster has the same. */
  readonly name: string;
  readonly transport: Transport;
  /** Of our xDS listener. */
  readonly xds: ListenAddress;
  readonly tls?: TlsFiles;
  /** Whom Envoy asks by DNS when none of our endpoints can be reached. */
  readonly fallback?: ListenAddress;
  /** How long a cluster waits for its first endpoints before Envoy goes on without. */
  readonly initialFetchTimeoutMs: number;
}

export interface BootstrapFacts extends EnvoyFacts {
  /** Where Envoy takes requests. */
  readonly listen: ListenAddress;
  readonly nodeId?: string;
  readonly zone?: string;
  /** The Kubernetes node. */
  readonly subZone?: string;
}

const xdsClusterName = 'kubervisor-xds';

/** Ours, what it falls back to, and where to ask for endpoints; {@link routedCluster} is the one to route to. */
export function envoyClusters(facts: EnvoyFacts): readonly object[] {
  const eds = recommendedCluster(
    {
      name: facts.name,
      serviceName: facts.name,
      edsConfig: edsConfig(facts),
      ejectedAs: facts.ejectedAs,
      hasFallback: facts.fallback !== undefined,
      ...(facts.protocol === undefined ? {} : { protocol: facts.protocol }),
    },
    jsonForm,
  );
  return [...withFallback(eds, facts), xdsCluster(facts)];
}

export function envoyBootstrap(facts: BootstrapFacts): object {
  const locality = {
    ...(facts.zone === undefined ? {} : { zone: facts.zone }),
    ...(facts.subZone === undefined ? {} : { sub_zone: facts.subZone }),
  };
  const node = {
    ...(facts.nodeId === undefined ? {} : { id: facts.nodeId, cluster: facts.nodeId }),
    ...(Object.keys(locality).length === 0 ? {} : { locality }),
  };
  return {
    ...(Object.keys(node).length === 0 ? {} : { node }),
    admin: { address: socketAddress({ host: '127.0.0.1', port: 9901 }) },
    ...adsResources(facts),
    static_resources: { listeners: [listener(facts)], clusters: envoyClusters(facts) },
  };
}

/** The name of the cluster to route to. */
export function routedCluster({ name, fallback }: Pick<EnvoyFacts, 'name' | 'fallback'>): string {
  return fallback === undefined ? name : `${name}-or-dns`;
}

/** The part of a bootstrap that `ads` in a cluster refers to; empty where the cluster asks by itself. */
export function adsResources(facts: Pick<EnvoyFacts, 'transport'>): { readonly dynamic_resources?: object } {
  return isAggregated(facts) ? { dynamic_resources: { ads_config: apiConfig(facts) } } : {};
}

function isAggregated({ transport }: Pick<EnvoyFacts, 'transport'>): boolean {
  return transport.endsWith('ads');
}

function edsConfig(facts: EnvoyFacts): object {
  return {
    resource_api_version: 'V3',
    initial_fetch_timeout: jsonForm.duration(facts.initialFetchTimeoutMs),
    ...(isAggregated(facts) ? { ads: {} } : { api_config_source: apiConfig(facts) }),
  };
}

function apiConfig({ transport }: Pick<EnvoyFacts, 'transport'>): object {
  return {
    api_type: transport.startsWith('delta') ? 'DELTA_GRPC' : 'GRPC',
    transport_api_version: 'V3',
    grpc_services: [
      {
        envoy_grpc: {
          cluster_name: xdsClusterName,
          retry_policy: { retry_back_off: { base_interval: '0.5s', max_interval: '5s' } },
        },
      },
    ],
    set_node_on_first_message_only: true,
  };
}

function xdsCluster({ xds, tls }: EnvoyFacts): object {
  return {
    ...dnsCluster(xdsClusterName, xds),
    typed_extension_protocol_options: http2({ connection_keepalive: { interval: '30s', timeout: '10s' } }),
    ...(tls === undefined ? {} : { transport_socket: tlsSocket(tls, xds) }),
  };
}

/** Our cluster alone, or with one of DNS and one that goes to the first of them that is healthy. */
function withFallback(eds: object, { name, fallback, protocol = 'http1' }: EnvoyFacts): readonly object[] {
  if (fallback === undefined) return [eds];
  const dnsName = `${name}-dns`;
  const aggregate = {
    name: routedCluster({ name, fallback }),
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.aggregate',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig',
        clusters: [name, dnsName],
      },
    },
  };
  const dns = {
    ...dnsCluster(dnsName, fallback),
    ...(protocol === 'http2' ? { typed_extension_protocol_options: http2({}) } : {}),
  };
  return [eds, dns, aggregate];
}

function http2(options: object): object {
  return {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: options },
    },
  };
}

function dnsCluster(name: string, address: ListenAddress): object {
  return {
    name,
    // Envoy takes literal addresses for STRICT_DNS too; STATIC says plainly that nothing is looked up.
    ...(isIP(address.host) === 0 ? { type: 'STRICT_DNS', dns_lookup_family: 'V4_PREFERRED' } : { type: 'STATIC' }),
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(address) } }] }],
    },
  };
}

function listener(facts: BootstrapFacts): object {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'ingress',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: routedCluster(facts), retry_policy: retryPolicy } }],
        },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  return {
    name: 'ingress',
    address: socketAddress(facts.listen),
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  };
}

export const retryPolicy = {
  retry_on: 'connect-failure,refused-stream,reset-before-request',
  num_retries: 5,
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
      },
    },
  ],
  host_selection_retry_max_attempts: 10,
  retry_back_off: { base_interval: '0.005s', max_interval: '0.05s' },
};

function socketAddress({ host, port }: ListenAddress): object {
  return { socket_address: { address: host, port_value: port } };
}
