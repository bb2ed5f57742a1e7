/**
 * Closes what stays half open. When a call has its status it is over, but its HTTP/2 stream stays until the client closes
 * its side too, which gRPC clients do at once. One that never does would keep them by the ten thousand: turned away,
 * counted nowhere, and remembered.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptor } from '@grpc/grpc-js';
import { http2StreamOf, onEachCall } from './grpc-internals.ts';
import type { StallGuard } from './stall.ts';

/** @param waits how long a client has to close its side */
export function createHalfOpenCloser(waits: StallGuard): ServerInterceptor {
  // One function for all streams, of which there may be very many.
  function ended(this: ServerHttp2Stream): void {
    if (this.closed) return;
    // A reset without error after a whole response: the response stands, and nothing more need be sent (RFC 9113 8.1). Not at
    // once: it would overtake a status that is still waiting to be written.
    const wait = { untilMs: 0, onStall: () => this.close(constants.NGHTTP2_NO_ERROR) };
    waits.begin(wait);
    this.once('close', () => waits.end(wait));
  }
  return onEachCall((call) => void http2StreamOf(call)?.on('finish', ended));
}
