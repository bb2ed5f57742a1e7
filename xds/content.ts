/**
 * A port's assignment as the bytes of a ClusterLoadAssignment. Only `cluster_name` differs between the names of one
 * port, and protobuf allows fields in pieces: localities are encoded once and shared by all names.
 *
 * The fields are written by hand because the same assignment must give the same bytes in every process: the version is
 * their hash, so replicas and restarts agree on it and nothing is pushed when nothing changed.
 *
 * What is never set: `policy.endpoint_stale_after` and any TTL. With either, clients would empty their clusters when we
 * are away; without, they keep what they have.
 */
import { createHash } from 'node:crypto';
import protobuf from 'protobufjs/minimal.js';
import type { AssignedEndpoint, LocalityAssignment, PortAssignment } from '../engine/assignment/assignment.ts';
import { bytesTag, varintTag } from './wire.ts';

export interface Content {
  /** Of the content alone: equal on equal content, whatever the name. */
  readonly version: string;
  /** A serialized ClusterLoadAssignment. */
  message(clusterName: string): Buffer;
}

/** Endpoints as bytes, for as long as they are in an assignment that somebody has. */
export type Fragments = WeakMap<AssignedEndpoint, Uint8Array>;

/** @param fragments shared by the views of one port: what differs between places is where endpoints stand, not what they say. */
export function encodeContent(port: PortAssignment, fragments: Fragments = new WeakMap()): Content {
  const localities = encodeLocalities(port.localities, fragments);
  return {
    version: contentHash(localities),
    message: (clusterName) =>
      Buffer.concat([protobuf.Writer.create().uint32(bytesTag(1)).string(clusterName).finish(), localities]),
  };
}

/** 64 bits: two contents of one name that share a version are not to be expected in the life of a universe. */
export function contentHash(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}

function encodeLocalities(localities: readonly LocalityAssignment[], fragments: Fragments): Uint8Array {
  const writer = protobuf.Writer.create();
  for (const locality of localities) {
    writer.uint32(bytesTag(2)).fork();
    writeLocality(writer, locality, fragments);
    writer.ldelim();
  }
  return writer.finish();
}

/** LocalityLbEndpoints. gRPC clients refuse one without `locality`, and skip one without weight. */
function writeLocality(writer: protobuf.Writer, locality: LocalityAssignment, fragments: Fragments): void {
  const { zone, subZone, priority, endpoints } = locality;
  writer.uint32(bytesTag(1)).fork();
  if (zone !== '') writer.uint32(bytesTag(2)).string(zone);
  if (subZone !== '') writer.uint32(bytesTag(3)).string(subZone);
  writer.ldelim();
  for (const endpoint of endpoints) {
    const fragment = fragments.get(endpoint) ?? encodeEndpoint(endpoint);
    fragments.set(endpoint, fragment);
    writer.uint32(bytesTag(2)).bytes(fragment);
  }
  writeUInt32Value(writer, 3, localityWeight(endpoints));
  if (priority !== 0) writer.uint32(varintTag(5)).uint32(priority);
}

function localityWeight(endpoints: readonly AssignedEndpoint[]): number {
  const weights = endpoints.map(({ status, weight }) => (status === 'HEALTHY' ? weight : 0));
  return Math.max(
    1,
    weights.reduce((sum, weight) => sum + weight, 0),
  );
}

const healthStatus = { HEALTHY: 1, UNHEALTHY: 2, DRAINING: 3 } as const;

/** LbEndpoint. */
function encodeEndpoint({ address, port, status, weight }: AssignedEndpoint): Uint8Array {
  const writer = protobuf.Writer.create();
  // Endpoint.address, Address.socket_address, and in it address and port_value.
  writer.uint32(bytesTag(1)).fork().uint32(bytesTag(1)).fork().uint32(bytesTag(1)).fork();
  writer.uint32(bytesTag(2)).string(address).uint32(varintTag(3)).uint32(port);
  writer.ldelim().ldelim().ldelim();
  writer.uint32(varintTag(2)).int32(healthStatus[status]);
  writeUInt32Value(writer, 4, weight);
  return writer.finish();
}

function writeUInt32Value(writer: protobuf.Writer, field: number, value: number): void {
  writer.uint32(bytesTag(field)).fork().uint32(varintTag(1)).uint32(value).ldelim();
}
