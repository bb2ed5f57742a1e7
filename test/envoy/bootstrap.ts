/** An Envoy whose clusters get their endpoints from an xDS server, in each of the ways Envoy has for it. */
import { loopback } from '../../demo/world/envoy.ts';

export const ways = ['sotw', 'delta', 'sotw on ads', 'delta on ads'] as const;
export type Way = (typeof ways)[number];

export interface EdsBootstrap {
  readonly way: Way;
  readonly xdsPort: number;
  /**
   * Names of clusters, which are also the names they ask endpoints by. The listener sends a request to the one that its
   * header `cluster` names, else to the first.
   */
  readonly clusters: readonly [string, ...(readonly string[])];
  /** How long Envoy waits for the first endpoints of a cluster; default 15s. */
  readonly initialFetchTimeout?: string;
}

export const listenerName = 'ingress';

export function edsBootstrap({ way, xdsPort, clusters, initialFetchTimeout = '15s' }: EdsBootstrap): object {
  const isAggregated = way.endsWith('on ads');
  const apiConfig = apiConfigOf(way);
  const edsConfig = {
    resource_api_version: 'V3',
    initial_fetch_timeout: initialFetchTimeout,
    ...(isAggregated ? { ads: {} } : { api_config_source: apiConfig }),
  };
  return {
    ...(isAggregated ? { dynamic_resources: { ads_config: apiConfig } } : {}),
    static_resources: {
      listeners: [httpListener(clusters[0])],
      clusters: [...clusters.map((name) => edsCluster(name, edsConfig)), xdsCluster(xdsPort)],
    },
  };
}

export interface AloneBootstrap {
  readonly way: Extract<Way, `${string} on ads`>;
  readonly xdsPort: number;
  /** Whether Envoy remembers endpoints for clusters that ask for them again; default true, as Envoy's. */
  readonly edsCache?: boolean;
  /** A cluster of the bootstrap, and the name by which it asks for endpoints. */
  readonly cluster?: { readonly name: string; readonly serviceName: string };
  /** Where Envoy is; it says so in its first request. */
  readonly locality?: { readonly zone: string; readonly sub_zone: string };
}

/**
 * Of an Envoy that has nobody but us: clusters and endpoints are ours, listeners and routes it is told there are none.
 * The listener of the bootstrap sends a request to the cluster that its header `cluster` names.
 */
export function aloneBootstrap({ way, xdsPort, edsCache = true, cluster, locality }: AloneBootstrap): object {
  const ads = { resource_api_version: 'V3', ads: {} };
  const ownCluster = cluster && {
    name: cluster.name,
    type: 'EDS',
    eds_cluster_config: { service_name: cluster.serviceName, eds_config: ads },
  };
  return {
    ...(locality === undefined ? {} : { node: { locality } }),
    layered_runtime: {
      layers: [
        { name: 'test', static_layer: { 'envoy.restart_features.use_eds_cache_for_ads': edsCache } },
        { name: 'admin', admin_layer: {} },
      ],
    },
    dynamic_resources: { ads_config: apiConfigOf(way), cds_config: ads, lds_config: ads },
    static_resources: {
      listeners: [httpListener()],
      clusters: [...(ownCluster === undefined ? [] : [ownCluster]), xdsCluster(xdsPort)],
    },
  };
}

function apiConfigOf(way: Way): object {
  return {
    api_type: way.startsWith('sotw') ? 'GRPC' : 'DELTA_GRPC',
    transport_api_version: 'V3',
    grpc_services: [{ envoy_grpc: { cluster_name: 'kubervisor' } }],
  };
}

function edsCluster(name: string, edsConfig: object): object {
  return {
    name,
    type: 'EDS',
    connect_timeout: '1s',
    lb_policy: 'ROUND_ROBIN',
    eds_cluster_config: { eds_config: edsConfig },
    common_lb_config: { update_merge_window: '0s' },
  };
}

export function xdsCluster(port: number): object {
  return {
    name: 'kubervisor',
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: 'kubervisor',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(port) } }] }],
    },
  };
}

/** Requests without the header `cluster` go to this one. */
function httpListener(cluster?: string): object {
  const routes = [
    {
      match: { prefix: '/', headers: [{ name: 'cluster', present_match: true }] },
      route: { cluster_header: 'cluster' },
    },
    ...(cluster === undefined ? [] : [{ match: { prefix: '/' }, route: { cluster } }]),
  ];
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: listenerName,
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes }],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  return {
    name: listenerName,
    address: loopback(0),
    filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
  };
}
