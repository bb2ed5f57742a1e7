/** DiscoveryResponse and DeltaDiscoveryResponse, from resources that are already encoded. */
import protobuf from 'protobufjs/minimal.js';
import { contentHash } from './content.ts';
import type { Resource, VariantName } from './resource.ts';
import { asBuffer, bytesTag } from './wire.ts';

/** What one response carries. */
export interface Batch {
  readonly resources: readonly Resource[];
  /** Names that do not exist, for delta; always empty otherwise. */
  readonly removed: readonly string[];
}

/** A single resource speaks for itself; the version of several is made of theirs. Empty when nothing is in the batch. */
export function batchVersion({ resources }: Batch): string {
  const [first, second] = resources;
  if (first === undefined) return '';
  if (second === undefined) return first.version;
  return contentHash(resources.map(({ name, version }) => `${name}\n${version}\n`).join(''));
}

/** An empty nonce is left out. */
export function encodeResponse(variant: VariantName, typeUrl: string, batch: Batch, nonce: string): Buffer {
  const [only, another] = batch.resources;
  if (only !== undefined && another === undefined && batch.removed.length === 0) {
    return Buffer.concat([only.encoded(variant).response, nonceField(nonce)]);
  }
  const writer = protobuf.Writer.create();
  const version = batchVersion(batch);
  if (version !== '') writer.uint32(bytesTag(1)).string(version);
  writer.uint32(bytesTag(4)).string(typeUrl);
  for (const name of batch.removed) writer.uint32(bytesTag(6)).string(name);
  const elements = batch.resources.map((resource) => resource.encoded(variant).element);
  return Buffer.concat([...elements, writer.finish(), nonceField(nonce)]);
}

function nonceField(nonce: string): Buffer {
  return nonce === '' ? Buffer.alloc(0) : asBuffer(protobuf.Writer.create().uint32(bytesTag(5)).string(nonce).finish());
}
