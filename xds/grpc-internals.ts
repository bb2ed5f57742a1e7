/**
 * What grpc-js keeps for itself and has no call for, reached for in one place. For each of these a test over the wire
 * fails when it moves.
 */
import type { ServerHttp2Stream } from 'node:http2';
import type {
  Metadata,
  ServerInterceptingCall,
  ServerInterceptingCallInterface,
  ServerInterceptor,
} from '@grpc/grpc-js';

/**
 * Shows each call before anything of it is read. The call goes on as it is: what interceptors are meant to return, a
 * wrapper, would be passed by every message of every stream.
 */
export function onEachCall(look: (call: ServerInterceptingCallInterface) => void): ServerInterceptor {
  return (_method, call) => {
    look(call);
    return call as ServerInterceptingCall;
  };
}

interface BaseCall {
  readonly stream?: ServerHttp2Stream;
  readonly incomingEncoding?: string;
  readonly metadata?: Metadata;
}

/** What a handler is given. */
export interface GrpcCall {
  getPeer(): string;
}

/** What is under it; undefined when grpc-js has moved it. */
export function http2StreamUnder(call: GrpcCall): ServerHttp2Stream | undefined {
  const { call: inner } = call as unknown as { readonly call?: ServerInterceptingCallInterface };
  return inner && http2StreamOf(inner);
}

/** Undefined when grpc-js has moved it: what depends on it is then not done. */
export function http2StreamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream | undefined {
  return (call as BaseCall).stream;
}

/** How requests are compressed: `identity` when they are not. */
export function encodingOf(call: ServerInterceptingCallInterface): string {
  return (call as BaseCall).incomingEncoding ?? 'identity';
}

/**
 * Takes away the headers that the client sent, which grpc-js would keep as long as the call lasts.
 * @returns their size, counted as in HTTP/2: 32 bytes for each on top.
 */
export function takeHeaders(call: ServerInterceptingCallInterface): number {
  const { metadata } = call as BaseCall;
  let bytes = 0;
  for (const [name, values] of Object.entries(metadata?.toHttp2Headers() ?? {})) {
    for (const value of [values].flat()) bytes += name.length + String(value).length + 32;
    metadata?.remove(name);
  }
  return bytes;
}
