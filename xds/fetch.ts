/** One question, one answer: for a person with grpcurl, and for clients that poll. */
import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { XdsCache } from './cache.ts';
import { type Client, clientOf } from './client.ts';
import { decodeSotwRequest, type SotwRequest } from './decode.ts';
import type { Door } from './door.ts';
import type { XdsLimits } from './limits.ts';
import type { XdsObserver } from './observer.ts';
import { wildcard } from './protocol.ts';
import { internalError, malformed, notReady, RequestRefused } from './refusal.ts';
import { encodeResponse } from './response.ts';
import type { Unread } from './unread.ts';
import type { ResourceType } from './types.ts';

type FetchHandler = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => void;

export interface FetchOptions {
  readonly cache: XdsCache;
  readonly type: ResourceType;
  readonly door: Door;
  readonly limits: XdsLimits;
  readonly observer: XdsObserver;
  readonly unread: Unread;
}

export function createFetch({ cache, type, door, limits, observer, unread }: FetchOptions): FetchHandler {
  return (call, callback) => {
    if (!cache.isOpen()) return callback(notReady);
    const address = call.getPeer();
    const entry = door(address);
    if (entry.kind === 'turned away') return callback(entry.status);
    try {
      const { names, grant } = entry.peer;
      const request = decodeSotwRequest(call.request, limits);
      const { typeUrl } = type;
      const info = { peer: address, names, variant: 'sotw', onlyType: typeUrl, node: () => request.node } as const;
      const client = clientOf(request.node, grant.allows);
      for (const name of request.names) {
        if (!type.resources.allows(name, client)) observer.refusedName(info, typeUrl, name);
      }
      // Before it costs anything, and until it ends, however it does.
      call.once('cancelled', unread.begin(call));
      callback(null, fetchResources(type, request, client));
    } catch (error) {
      callback(error instanceof RequestRefused ? error : internalError);
    }
  };
}

/** A DiscoveryResponse to a DiscoveryRequest. @throws RequestRefused when there is nothing to answer with. */
function fetchResources({ typeUrl, resources }: ResourceType, request: SotwRequest, client: Client): Buffer {
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
