/** The messages and services, loaded once for all that a test file needs. */
import { loadProtos } from '../../proto/load.ts';

export const protos = loadProtos();
export const eds = protos['envoy.service.endpoint.v3.EndpointDiscoveryService'];
export const clusterLoadAssignment = protos['envoy.config.endpoint.v3.ClusterLoadAssignment'];

export type SotwRequestMessage = Parameters<typeof eds.StreamEndpoints.requestSerialize>[0];
export type SotwResponseMessage = ReturnType<typeof eds.StreamEndpoints.responseDeserialize>;
export type DeltaRequestMessage = Parameters<typeof eds.DeltaEndpoints.requestSerialize>[0];
export type DeltaResponseMessage = ReturnType<typeof eds.DeltaEndpoints.responseDeserialize>;
