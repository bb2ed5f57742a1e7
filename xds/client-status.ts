/**
 * Messages of the client status discovery service (CSDS). Written by hand as the rest of the wire is: what a client has
 * is bytes already, and ten thousand clients are told of in a second and not in ten.
 */
import protobuf from 'protobufjs/minimal.js';
import type { EpochMs } from '../engine/model.ts';
import type { Node } from './decode.ts';
import { type Holding, type HoldingStatus, holdingStatus } from './holding.ts';
import { type NodeMatcher, readNodeMatcher } from './node-matcher.ts';
import { malformed, RequestRefused, tooMuch } from './refusal.ts';
import type { Resource } from './resource.ts';
import { asBuffer, bytesTag, readFields, varintTag } from './wire.ts';

export interface StatusQuestion {
  /** Who is asked about: whoever one of them matches; everybody when there are none. */
  readonly matchers: readonly NodeMatcher[];
  /** Versions only, without what is in them. */
  readonly withoutContents: boolean;
}

/** Each looks at every client. */
const maxMatchers = 100;

/** A ClientStatusRequest. @throws RequestRefused for what is none, or is not understood. */
export function decodeStatusQuestion(bytes: Uint8Array): StatusQuestion {
  const matchers: NodeMatcher[] = [];
  let withoutContents = false;
  try {
    readFields(bytes, {
      [bytesTag(1)]: (field) => {
        if (matchers.length === maxMatchers) throw tooMuch(`more than ${maxMatchers} node_matchers`);
        matchers.push(readNodeMatcher(field));
      },
      [varintTag(3)]: (field) => (withoutContents = field.bool()),
    });
  } catch (error) {
    throw error instanceof RequestRefused ? error : malformed('the request is not a ClientStatusRequest', error);
  }
  return { matchers, withoutContents };
}

/** One element of a ClientStatusResponse: a ClientConfig. `configs` are results of `encodeHolding`. */
export function encodeClient(node: Node | undefined, configs: readonly Uint8Array[]): Buffer {
  const writer = protobuf.Writer.create().uint32(bytesTag(1)).fork().uint32(bytesTag(1)).fork();
  if (node !== undefined) writeNode(writer, node);
  writer.ldelim();
  for (const config of configs) writer.uint32(bytesTag(3)).bytes(config);
  return asBuffer(writer.ldelim().finish());
}

/** core.v3.Node, as far as it was kept. */
function writeNode(
  writer: protobuf.Writer,
  { id, cluster, zone, subZone, userAgentName, userAgentVersion }: Node,
): void {
  writeText(writer, 1, id);
  writeText(writer, 2, cluster);
  if (zone !== '' || subZone !== '') {
    writer.uint32(bytesTag(4)).fork();
    writeText(writer, 2, zone);
    writeText(writer, 3, subZone);
    writer.ldelim();
  }
  writeText(writer, 6, userAgentName);
  writeText(writer, 7, userAgentVersion);
}

/** ConfigStatus: SYNCED, NOT_SENT, STALE, ERROR. */
const statusNumbers: Readonly<Record<HoldingStatus, number>> = { synced: 1, 'not-sent': 2, stale: 3, error: 4 };

/** A GenericXdsConfig. What the client says of itself (`client_status`) is not for a server to say. */
export function encodeHolding(typeUrl: string, holding: Holding, withoutContents: boolean): Uint8Array {
  const { name, accepted, refused } = holding;
  const writer = protobuf.Writer.create();
  const writeResource = (field: number, { message }: Resource): void => {
    if (!withoutContents) writeAny(writer, field, typeUrl, message);
  };
  writeText(writer, 1, typeUrl);
  writeText(writer, 2, name);
  if (accepted !== undefined) {
    writeText(writer, 3, accepted.version);
    writeResource(4, accepted);
    writeTime(writer, 5, accepted.servedSinceMs);
  }
  writer.uint32(varintTag(6)).uint32(statusNumbers[holdingStatus(holding)]);
  if (refused !== undefined) {
    writer.uint32(bytesTag(8)).fork();
    writeResource(1, refused.resource);
    writeTime(writer, 2, refused.atMs);
    writeText(writer, 3, refused.message);
    writeText(writer, 4, refused.resource.version);
    writer.ldelim();
  }
  return writer.finish();
}

function writeText(writer: protobuf.Writer, field: number, text: string): void {
  if (text !== '') writer.uint32(bytesTag(field)).string(text);
}

function writeAny(writer: protobuf.Writer, field: number, typeUrl: string, message: Uint8Array): void {
  writer.uint32(bytesTag(field)).fork();
  writer.uint32(bytesTag(1)).string(typeUrl).uint32(bytesTag(2)).bytes(message);
  writer.ldelim();
}

/** google.protobuf.Timestamp. */
function writeTime(writer: protobuf.Writer, field: number, atMs: EpochMs): void {
  writer.uint32(bytesTag(field)).fork();
  writer.uint32(varintTag(1)).int64(Math.floor(atMs / 1000));
  writer.uint32(varintTag(2)).int32((atMs % 1000) * 1_000_000);
  writer.ldelim();
}
