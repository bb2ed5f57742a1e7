/**
 * An Envoy in which each cluster has a listener of its own, for whatever its connections carry. The clusters are those
 * we recommend, with changes where a test is about one.
 */
import { loopback } from '../../demo/world/envoy.ts';
import { jsonForm, recommendedCluster } from '../../xds/cluster.ts';
import { xdsCluster } from './bootstrap.ts';
import type { Port } from './talkers.ts';

export interface Route {
  /** Of the cluster and its listener; no colons, which statistics would not have. */
  readonly name: string;
  /** The name it asks endpoints by. */
  readonly serviceName: string;
  /** What is spoken on its connections. */
  readonly port: Port;
  /** Default: DRAINING. */
  readonly ejectedAs?: 'DRAINING' | 'UNHEALTHY';
  readonly settings?: Settings;
}

/** Each has fields of Envoy's configuration that are put in place of what is there. */
export interface Settings {
  readonly cluster?: object;
  /** `common_http_protocol_options` of the cluster. */
  readonly upstreamHttp?: object;
  readonly httpConnectionManager?: object;
  readonly tcpProxy?: object;
}

/** Fields of a cluster: Envoy connects now and then, and closes again at once. */
export const healthChecks = {
  health_checks: [
    {
      ...{ timeout: '1s', interval: '0.1s', no_traffic_interval: '0.1s' },
      ...{ unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {} },
    },
  ],
};

export function longLivedBootstrap(xdsPort: number, routes: readonly Route[]): object {
  return {
    static_resources: {
      listeners: routes.map(listener),
      clusters: [...routes.map(cluster), xdsCluster(xdsPort)],
    },
  };
}

const edsConfig = {
  resource_api_version: 'V3',
  api_config_source: {
    api_type: 'GRPC',
    transport_api_version: 'V3',
    grpc_services: [{ envoy_grpc: { cluster_name: 'kubervisor' } }],
  },
};

function cluster({ name, serviceName, port, ejectedAs = 'DRAINING', settings = {} }: Route): object {
  const protocol = port === 'grpc' ? 'http2' : 'http1';
  const recommended = recommendedCluster({ name, serviceName, edsConfig, protocol, ejectedAs }, jsonForm);
  if (settings.upstreamHttp === undefined) return { ...recommended, ...settings.cluster };
  return {
    ...recommended,
    ...settings.cluster,
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        common_http_protocol_options: settings.upstreamHttp,
        explicit_http_config: protocol === 'http2' ? { http2_protocol_options: {} } : { http_protocol_options: {} },
      },
    },
  };
}

function listener(route: Route): object {
  const filter = route.port === 'tcp' ? tcpProxy(route) : httpConnectionManager(route);
  return { name: route.name, address: loopback(0), filter_chains: [{ filters: [filter] }] };
}

function tcpProxy({ name, settings }: Route): object {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: name,
      cluster: name,
      ...settings?.tcpProxy,
    },
  };
}

function httpConnectionManager({ name, settings }: Route): object {
  // By default a whole answer has 15 s. One that is a stream has no end.
  const routes = [{ match: { prefix: '/' }, route: { cluster: name, timeout: '0s' } }];
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      stat_prefix: name,
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      // A WebSocket that ends in order would wait a second for its client to hang up.
      delayed_close_timeout: '0s',
      route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
        },
      ],
      ...settings?.httpConnectionManager,
    },
  };
}
