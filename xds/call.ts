/** One gRPC call as the way to the client. */
import { constants } from 'node:http2';
import type { ServerDuplexStream, ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { http2StreamOf } from './grpc-internals.ts';
import type { StreamStatus } from './refusal.ts';
import type { StallGuard } from './stall.ts';
import type { Transport } from './stream.ts';

/** Bytes both ways: requests are read, and responses made, by us. */
export type XdsCall = ServerDuplexStream<Buffer, Buffer>;

/** `onStall` is called when the client has not taken a message in time, and its stream was cut. */
export function callTransport(call: XdsCall, stalls: StallGuard, onStall: () => void): Transport {
  return {
    peer: call.getPeer(),
    send(message, onTaken) {
      const taken = stalls.begin(() => {
        cut(call);
        onStall();
      });
      call.write(message, (error: unknown) => {
        taken();
        if (error === undefined || error === null) onTaken();
      });
    },
    end: (status) => endCall(call, status),
  };
}

/** What was written before still arrives, if the client reads. */
export function endCall(call: XdsCall, status: StreamStatus): void {
  call.emit('error', status);
}

/**
 * Resets the stream. An orderly end waits until the client has read what is before it, which is just what a client that
 * stalls does not do.
 */
function cut(call: XdsCall): void {
  const { call: inner } = call as unknown as { readonly call?: ServerInterceptingCallInterface };
  if (inner !== undefined) http2StreamOf(inner)?.close(constants.NGHTTP2_CANCEL);
}
