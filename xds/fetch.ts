/** One question, one answer: for a person with grpcurl, and for clients that poll. */
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { XdsCache } from './cache.ts';
import { clientOf, type NamespaceRule } from './client.ts';
import type { Identify } from './streams.ts';
import { decodeSotwRequest } from './decode.ts';
import type { XdsLimits } from './limits.ts';
import { wildcard } from './protocol.ts';
import { internalError, malformed, notReady, RequestRefused } from './refusal.ts';
import { encodeResponse } from './response.ts';
import type { ResourceType } from './types.ts';

type FetchHandler = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => void;

export function createFetch(cache: XdsCache, type: ResourceType, limits: XdsLimits, identify: Identify): FetchHandler {
  return (call, callback) => {
    if (!cache.isOpen()) return callback(notReady);
    try {
      callback(null, fetchResources(type, call.request, limits, identify(call.getPeer())));
    } catch (error) {
      callback(error instanceof RequestRefused ? error : internalError);
    }
  };
}

/** A DiscoveryResponse to a DiscoveryRequest. @throws RequestRefused when there is nothing to answer with. */
function fetchResources(
  { typeUrl, resources }: ResourceType,
  bytes: Uint8Array,
  limits: XdsLimits,
  allows: NamespaceRule,
): Buffer {
  const request = decodeSotwRequest(bytes, limits);
  const client = clientOf(request.node, allows);
  if (request.typeUrl !== '' && request.typeUrl !== typeUrl) throw malformed(`this method serves ${typeUrl}`);
  if (request.names.length === 0) throw malformed(`resource_names is empty; "${wildcard}" asks for everything`);
  const names = new Set(request.names.flatMap((name) => (name === wildcard ? [...resources.listed(client)] : name)));
  const found = [...names].flatMap((name) => resources.get(name, client) ?? []);
  // An answer without resources would say that there are none.
  if (found.length === 0) throw notFound(request.names);
  return Buffer.concat(encodeResponse('sotw', typeUrl, { resources: found, absent: [] }, ''));
}

function notFound([first, ...others]: readonly string[]): RequestRefused {
  const more = others.length === 0 ? '' : `, nor any of the other ${others.length}`;
  return new RequestRefused(status.NOT_FOUND, `nothing is called ${first ?? ''}${more}`);
}
