/**
 * The discovery services, by their methods on the wire. Requests are read, and responses made, by us (decode.ts,
 * response.ts), so gRPC passes bytes. And so nobody has to parse Envoy's sixty .proto files before the first answer: a
 * test compares these few lines with them.
 */
import type { MethodDefinition } from '@grpc/grpc-js';

export const endpointService = 'envoy.service.endpoint.v3.EndpointDiscoveryService';
export const clusterService = 'envoy.service.cluster.v3.ClusterDiscoveryService';
export const statusService = 'envoy.service.status.v3.ClientStatusDiscoveryService';
export const aggregatedService = 'envoy.service.discovery.v3.AggregatedDiscoveryService';
export const healthService = 'grpc.health.v1.Health';

export const endpointMethods = {
  StreamEndpoints: inBytes(endpointService, 'StreamEndpoints', { isStream: true }),
  DeltaEndpoints: inBytes(endpointService, 'DeltaEndpoints', { isStream: true }),
  FetchEndpoints: inBytes(endpointService, 'FetchEndpoints', { isStream: false }),
} as const;

export const clusterMethods = {
  StreamClusters: inBytes(clusterService, 'StreamClusters', { isStream: true }),
  DeltaClusters: inBytes(clusterService, 'DeltaClusters', { isStream: true }),
  FetchClusters: inBytes(clusterService, 'FetchClusters', { isStream: false }),
} as const;

export const aggregatedMethods = {
  StreamAggregatedResources: inBytes(aggregatedService, 'StreamAggregatedResources', { isStream: true }),
  DeltaAggregatedResources: inBytes(aggregatedService, 'DeltaAggregatedResources', { isStream: true }),
} as const;

/**
 * A single call is a stream with one message each way, on the wire and to us: a client that does not read its answer is
 * found and cut in the same way.
 */
export const statusMethods = {
  StreamClientStatus: inBytes(statusService, 'StreamClientStatus', { isStream: true }),
  FetchClientStatus: inBytes(statusService, 'FetchClientStatus', { isStream: true }),
} as const;

export const healthMethods = {
  Check: inBytes(healthService, 'Check', { isStream: false }),
  Watch: { ...inBytes(healthService, 'Watch', { isStream: true }), requestStream: false },
  List: inBytes(healthService, 'List', { isStream: false }),
} as const;

function inBytes(
  service: string,
  method: string,
  { isStream }: { readonly isStream: boolean },
): MethodDefinition<Buffer, Buffer> {
  return {
    path: `/${service}/${method}`,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
