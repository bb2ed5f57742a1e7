/** One gRPC call as the way to the client. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import { http2StreamUnder } from './grpc-internals.ts';
import type { StreamStatus } from './refusal.ts';
import type { Pieces } from './response.ts';
import type { StallGuard } from './stall.ts';
import type { Transport } from './stream.ts';

/** Bytes both ways: requests are read, and responses made, by us. */
export type XdsCall = ServerDuplexStream<Buffer, Buffer>;

/** `onStall` is called when the client has not taken a message in time, and its stream was cut. */
export function callTransport(call: XdsCall, stalls: StallGuard, onStall: () => void): Transport {
  const stream = http2StreamUnder(call);
  const wait = {
    untilMs: 0,
    onStall() {
      // Resets it. An orderly end waits until the client has read what is before it, which is just what it does not do.
      stream?.close(constants.NGHTTP2_CANCEL);
      onStall();
    },
  };
  const write = stream === undefined ? writeBy(call) : writePast(call, stream);
  return {
    peer: call.getPeer(),
    send(message, onTaken) {
      stalls.begin(wait);
      write(message, (error) => {
        stalls.end(wait);
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

type Write = (message: Pieces, onWritten: (error: unknown) => void) => void;

/** As gRPC has it: joined, and copied once more behind gRPC's own five bytes. */
function writeBy(call: XdsCall): Write {
  return (message, onWritten) => void call.write(Buffer.concat(message), onWritten);
}

const frameHeaderBytes = 5;

/**
 * Straight to the HTTP/2 stream, so that the bytes that ten thousand streams share are never copied. gRPC's part is five
 * bytes: not compressed, and the length.
 */
function writePast(call: XdsCall, stream: ServerHttp2Stream): Write {
  return ([own, shared], onWritten) => {
    if (stream.destroyed || stream.closed) return onWritten(new Error('the stream is closed'));
    if (!stream.headersSent) call.sendMetadata(new Metadata());
    const head = Buffer.allocUnsafe(frameHeaderBytes + own.length);
    head[0] = 0;
    head.writeUInt32BE(own.length + shared.length, 1);
    own.copy(head, frameHeaderBytes);
    stream.cork();
    stream.write(head);
    stream.write(shared, onWritten);
    stream.uncork();
  };
}
