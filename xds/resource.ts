/**
 * A resource and its encodings: made when first needed, then shared by every stream that gets it. A response is what is
 * here and a nonce; protobuf does not mind the order of fields.
 */
import protobuf from 'protobufjs/minimal.js';
import type { EpochMs } from '../engine/model.ts';
import { asBuffer, bytesTag } from './wire.ts';

/** State of the world, or differences only. */
export type VariantName = 'sotw' | 'delta';

export interface Resource {
  readonly name: string;
  /** Equal on equal content, in every process. */
  readonly version: string;
  /** Without its `Any`. */
  readonly message: Buffer;
  /** When it took the place of another version; where nobody had asked before, when somebody did. */
  readonly servedSinceMs: EpochMs;
  /** A list of this one, which is what most responses carry. */
  readonly alone: readonly Resource[];
  encoded(variant: VariantName): EncodedResource;
}

/** DiscoveryResponse and DeltaDiscoveryResponse use the same field numbers; only what is in `resources` differs. */
export interface EncodedResource {
  /** One element of `resources`. */
  readonly element: Buffer;
  /** A whole response with this resource alone, but for the nonce. */
  readonly response: Buffer;
}

export type ResourceOptions = Pick<Resource, 'name' | 'version' | 'message' | 'servedSinceMs'> & {
  readonly typeUrl: string;
};

export function createResource({ typeUrl, ...resource }: ResourceOptions): Resource {
  const { name, version, message } = resource;
  const encodings: Partial<Record<VariantName, EncodedResource>> = {};
  const alone: Resource[] = [];
  const created: Resource = {
    ...resource,
    alone,
    encoded(variant) {
      encodings[variant] ??= encode(
        variant === 'sotw' ? anyOf(typeUrl, message) : deltaResource(name, version, anyOf(typeUrl, message)),
        typeUrl,
        version,
      );
      return encodings[variant];
    },
  };
  alone.push(created);
  return created;
}

function encode(resource: Uint8Array, typeUrl: string, version: string): EncodedResource {
  const writer = protobuf.Writer.create().uint32(bytesTag(2)).bytes(resource);
  const length = writer.len;
  const response = asBuffer(writer.uint32(bytesTag(1)).string(version).uint32(bytesTag(4)).string(typeUrl).finish());
  return { element: response.subarray(0, length), response };
}

/** google.protobuf.Any. */
function anyOf(typeUrl: string, message: Uint8Array): Uint8Array {
  return protobuf.Writer.create().uint32(bytesTag(1)).string(typeUrl).uint32(bytesTag(2)).bytes(message).finish();
}

/** discovery.v3.Resource. */
function deltaResource(name: string, version: string, any: Uint8Array): Uint8Array {
  const writer = protobuf.Writer.create().uint32(bytesTag(1)).string(version);
  return writer.uint32(bytesTag(2)).bytes(any).uint32(bytesTag(3)).string(name).finish();
}
