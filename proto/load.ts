/**
 * The messages and services on the wire, by full name. Loaded from the .proto files in `proto/gen/`, which
 * `scripts/gen.ts` builds: loading the compiled descriptors instead breaks map fields, and with them Envoy's node
 * metadata.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MessageTypeDefinition, loadSync } from '@grpc/proto-loader';
import { clusterFiles, messageForm, protoFiles, reflectionFiles } from './files.ts';
import type { Cluster, Cluster__Output } from './gen/types/envoy/config/cluster/v3/Cluster.ts';
import type {
  ClusterLoadAssignment,
  ClusterLoadAssignment__Output,
} from './gen/types/envoy/config/endpoint/v3/ClusterLoadAssignment.ts';
import type {
  HttpProtocolOptions,
  HttpProtocolOptions__Output,
} from './gen/types/envoy/extensions/upstreams/http/v3/HttpProtocolOptions.ts';
import type { ClusterDiscoveryServiceDefinition } from './gen/types/envoy/service/cluster/v3/ClusterDiscoveryService.ts';
import type { AggregatedDiscoveryServiceDefinition } from './gen/types/envoy/service/discovery/v3/AggregatedDiscoveryService.ts';
import type { EndpointDiscoveryServiceDefinition } from './gen/types/envoy/service/endpoint/v3/EndpointDiscoveryService.ts';
import type { ClientStatusDiscoveryServiceDefinition } from './gen/types/envoy/service/status/v3/ClientStatusDiscoveryService.ts';
import type { HealthDefinition } from './gen/types/grpc/health/v1/Health.ts';
import type { ServerReflectionDefinition } from './gen/types/grpc/reflection/v1/ServerReflection.ts';
import type { ServerReflectionDefinition as ServerReflectionAlphaDefinition } from './gen/types/grpc/reflection/v1alpha/ServerReflection.ts';

/** What the code takes by name. A message definition has `serialize` and `deserialize`; more is loaded than is listed. */
export interface Protos {
  readonly 'envoy.config.cluster.v3.Cluster': MessageTypeDefinition<Cluster, Cluster__Output>;
  readonly 'envoy.config.endpoint.v3.ClusterLoadAssignment': MessageTypeDefinition<
    ClusterLoadAssignment,
    ClusterLoadAssignment__Output
  >;
  readonly 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': MessageTypeDefinition<
    HttpProtocolOptions,
    HttpProtocolOptions__Output
  >;
  readonly 'envoy.service.cluster.v3.ClusterDiscoveryService': ClusterDiscoveryServiceDefinition;
  readonly 'envoy.service.discovery.v3.AggregatedDiscoveryService': AggregatedDiscoveryServiceDefinition;
  readonly 'envoy.service.endpoint.v3.EndpointDiscoveryService': EndpointDiscoveryServiceDefinition;
  readonly 'envoy.service.status.v3.ClientStatusDiscoveryService': ClientStatusDiscoveryServiceDefinition;
  readonly 'grpc.health.v1.Health': HealthDefinition;
  readonly 'grpc.reflection.v1.ServerReflection': ServerReflectionDefinition;
  readonly 'grpc.reflection.v1alpha.ServerReflection': ServerReflectionAlphaDefinition;
}

const gen = join(import.meta.dirname, 'gen');

/** Parses about sixty files, 0.2 s: for whoever needs Envoy's messages in full. */
export function loadProtos(): Protos {
  return load(protoFiles) as Protos;
}

/** All that the server itself needs parsed. */
export function loadReflectionProtos(): Pick<
  Protos,
  'grpc.reflection.v1.ServerReflection' | 'grpc.reflection.v1alpha.ServerReflection'
> {
  return load(reflectionFiles) as Protos;
}

/** What clusters are made of, 0.1 s. */
export function loadClusterProtos(): Pick<Protos, 'envoy.config.cluster.v3.Cluster'> {
  return load(clusterFiles) as Protos;
}

function load(files: readonly string[]): unknown {
  return loadSync([...files], { ...messageForm, includeDirs: [join(gen, 'protos')] });
}

/** A serialized `google.protobuf.FileDescriptorSet` of these files and more, options included: what reflection serves. */
export function readDescriptors(): Uint8Array {
  return readFileSync(join(gen, 'descriptors.binpb'));
}
