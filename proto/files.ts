/**
 * Which .proto files this program speaks, and how messages look once loaded. Both are named once: the generated types
 * describe what the loader returns only while generator and loader agree on them.
 */

export const reflectionFiles: readonly string[] = [
  'grpc/reflection/v1/reflection.proto',
  'grpc/reflection/v1alpha/reflection.proto',
];

/** The recommended cluster, and what it carries inside `Any`. */
export const clusterFiles: readonly string[] = [
  'envoy/config/cluster/v3/cluster.proto',
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
];

/** Files that are loaded; what they import comes along. */
export const protoFiles: readonly string[] = [
  'envoy/service/discovery/v3/ads.proto',
  'envoy/service/endpoint/v3/eds.proto',
  'envoy/service/cluster/v3/cds.proto',
  'envoy/service/status/v3/csds.proto',
  // Travel inside `Any`, so no service file imports them.
  ...clusterFiles,
  'envoy/config/endpoint/v3/endpoint.proto',
  'google/rpc/status.proto',
  'health/v1/health.proto',
  ...reflectionFiles,
  'kubervisor/v1/admin.proto',
];

/**
 * Files that are described and never loaded: what a client may meet inside `Any`, such as the listener in a configuration
 * dump. Reflection has them, so that grpcurl prints JSON there and not bytes.
 */
export const describedFiles: readonly string[] = [
  'envoy/config/listener/v3/listener.proto',
  'envoy/config/route/v3/route.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls.proto',
];

/**
 * Field names as Envoy documents them; 64-bit integers and enum values as strings (a number would lose digits, or say
 * nothing in a log); absent fields stay absent, which in Envoy's API differs from zero.
 */
export const messageForm = { keepCase: true, longs: String, enums: String, defaults: false, oneofs: true } as const;
