/** The input of every program of the demo, as a person would write it. */
import type { Pod } from './cast.ts';
import { namespace, pods, service } from './cast.ts';

/** The policy, complete: everything else is a default. */
export const policyYaml = `apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: ${service}, namespace: ${namespace}}
spec:
  service: ${service}
  settle: 5
  warmUp: 0s
  budget: {minAvailableCount: 2, minAvailableRatio: 50}
  breakers:
  - name: price
    evaluationPeriod: 1s
    continuousValueDeviation:
      query: rate(price_sum[4s]) / rate(price_count[4s])
      maxDeviationPercent: 30
  activator:
    mode: periodic
    period: 5s
    ramp: {weights: [5, 50, 100], stepPeriod: 2s}
`;

/** Service and EndpointSlice as `kubectl get -o yaml` gives them, less what nobody reads. */
export function serviceYaml(port: number): string {
  const endpoints = pods.map(
    ({ name, address }, index) => `- addresses: [${address}]
  conditions: {ready: true, serving: true, terminating: false}
  targetRef: {kind: Pod, name: ${name}, namespace: ${namespace}, uid: 00000000-0000-4000-8000-00000000000${index + 1}}
`,
  );
  return `apiVersion: v1
kind: Service
metadata: {name: ${service}, namespace: ${namespace}}
spec:
  selector: {app: ${service}}
  ports:
  - {name: http, port: 80, targetPort: ${port}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${service}-1
  namespace: ${namespace}
  labels: {kubernetes.io/service-name: ${service}}
addressType: IPv4
ports:
- {name: http, port: ${port}, protocol: TCP}
endpoints:
${endpoints.join('')}`;
}

export interface ServingPorts {
  readonly xds: number;
  readonly http: number;
  readonly grpcAdmin: number;
  readonly prometheus: number;
}

export function servingConfigYaml(ports: ServingPorts): string {
  return `xds: {listen: "127.0.0.1:${ports.xds}"}
http: {listen: "127.0.0.1:${ports.http}"}
grpcAdmin: {listen: "127.0.0.1:${ports.grpcAdmin}"}
source: {files: ./config}
metricSources: {default: {prometheus: {url: "http://127.0.0.1:${ports.prometheus}"}}}
state: ./state
`;
}

export function prometheusConfig(port: number): object {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      {
        job_name: service,
        static_configs: pods.map(({ name, address }) => ({
          targets: [`${address}:${port}`],
          labels: { namespace, pod: name },
        })),
      },
    ],
  };
}

/** What both Envoys have in common: one listener, one route, one cluster of six pods. */
function envoyConfig(cluster: object, clusters: readonly object[]): object {
  return {
    static_resources: {
      listeners: [
        {
          name: 'search',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.http_connection_manager',
                  typed_config: {
                    '@type':
                      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'search',
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'all',
                          domains: ['*'],
                          routes: [{ match: { prefix: '/' }, route: { cluster: service } }],
                        },
                      ],
                    },
                    http_filters: [
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [{ name: service, connect_timeout: '1s', lb_policy: 'ROUND_ROBIN', ...cluster }, ...clusters],
    },
  };
}

/** Envoy as most people run it: it judges by itself, by status codes. */
export function ownDetectionEnvoy(port: number): object {
  const endpoint = ({ address }: Pod): object => ({
    endpoint: { address: { socket_address: { address, port_value: port } } },
  });
  return envoyConfig(
    {
      type: 'STATIC',
      load_assignment: { cluster_name: service, endpoints: [{ lb_endpoints: pods.map(endpoint) }] },
      outlier_detection: {},
    },
    [],
  );
}

/** The same Envoy, with its endpoints from Kubervisor. */
export function obeyingEnvoy(xdsPort: number): object {
  const kubervisor = {
    name: 'kubervisor',
    type: 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } } },
      },
    },
    load_assignment: {
      cluster_name: 'kubervisor',
      endpoints: [
        {
          lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: xdsPort } } } }],
        },
      ],
    },
  };
  return envoyConfig(
    {
      type: 'EDS',
      eds_cluster_config: {
        service_name: `${namespace}/${service}:http`,
        eds_config: {
          resource_api_version: 'V3',
          api_config_source: {
            api_type: 'GRPC',
            transport_api_version: 'V3',
            grpc_services: [{ envoy_grpc: { cluster_name: 'kubervisor' } }],
          },
        },
      },
      // Envoy would collect changes of status for a second; ours are few, and the point is to act now.
      common_lb_config: { update_merge_window: '0s' },
    },
    [kubervisor],
  );
}
