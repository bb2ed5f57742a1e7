/** DiscoveryResponse and DeltaDiscoveryResponse, from resources that are already encoded. */
import protobuf from 'protobufjs/minimal.js';
import type { EpochMs } from '../engine/model.ts';
import { contentHash } from './content.ts';
import type { Resource, VariantName } from './resource.ts';
import { bytesTag, varintTag } from './wire.ts';

/** What one response carries. */
export interface Batch {
  readonly resources: readonly Resource[];
  /**
   * Names of which it says that they do not exist. Delta has a field for that, and state of the world one that Envoy does
   * not know: `resource_errors`.
   */
  readonly absent: readonly string[];
  /** Those of the resources that it was sent for, where it has all there is. */
  readonly changed?: readonly Resource[];
  /** When the oldest change in it was published; absent when it only has what the client did not have before. */
  readonly changedAtMs?: EpochMs;
}

/**
 * A single resource speaks for itself, unless it is all there is: then another one would be another state. The version
 * of several, or of none, is made of theirs, in whatever order they come.
 */
export function batchVersion({ resources, changed }: Pick<Batch, 'resources' | 'changed'>): string {
  const [first, second] = resources;
  if (first !== undefined && second === undefined && changed === undefined) return first.version;
  const versions = resources.map(({ name, version }) => `${name}\n${version}\n`);
  return contentHash(versions.toSorted().join(''));
}

/**
 * A message in two pieces: a few bytes of this stream's own, and what all streams that get the same share. Copying the
 * latter for each would cost more than all else that a push does.
 */
export type Pieces = readonly [own: Buffer, shared: Buffer];

/** An empty nonce is left out. */
export function encodeResponse(variant: VariantName, typeUrl: string, batch: Batch, nonce: string): Pieces {
  return [nonceField(nonce), withoutNonce(variant, typeUrl, batch)];
}

function withoutNonce(variant: VariantName, typeUrl: string, batch: Batch): Buffer {
  const [only, another] = batch.resources;
  const isAlone = another === undefined && batch.absent.length === 0 && batch.changed === undefined;
  if (only !== undefined && isAlone) return only.encoded(variant).response;
  const writer = protobuf.Writer.create();
  writer.uint32(bytesTag(1)).string(batchVersion(batch)).uint32(bytesTag(4)).string(typeUrl);
  for (const name of batch.absent) writeAbsent(writer, variant, name);
  const elements = batch.resources.map((resource) => resource.encoded(variant).element);
  return Buffer.concat([...elements, writer.finish()]);
}

const notFound = 5;

function writeAbsent(writer: protobuf.Writer, variant: VariantName, name: string): void {
  // DeltaDiscoveryResponse.removed_resources.
  if (variant === 'delta') writer.uint32(bytesTag(6)).string(name);
  else {
    // DiscoveryResponse.resource_errors: ResourceError with ResourceName and google.rpc.Status.
    writer.uint32(bytesTag(7)).fork();
    writer.uint32(bytesTag(1)).fork().uint32(bytesTag(1)).string(name).ldelim();
    writer.uint32(bytesTag(2)).fork().uint32(varintTag(1)).int32(notFound);
    writer.uint32(bytesTag(2)).string(`nothing is called ${name}`).ldelim();
    writer.ldelim();
  }
}

const nothing = Buffer.alloc(0);

/** Nonces are short and in ASCII: one byte tells their length. */
function nonceField(nonce: string): Buffer {
  if (nonce === '') return nothing;
  const field = Buffer.allocUnsafe(2 + nonce.length);
  field[0] = bytesTag(5);
  field[1] = nonce.length;
  field.write(nonce, 2, 'latin1');
  return field;
}
