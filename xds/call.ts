/** One gRPC call as the way to the client. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import { http2StreamUnder } from './grpc-internals.ts';
import type { EpochMs } from '../engine/model.ts';
import type { StreamStatus } from './refusal.ts';
import { readRequests, type RequestListener, type Requests } from './requests.ts';
import type { Pieces } from './response.ts';
import type { StallGuard, Wait } from './stall.ts';
import type { Transport } from './stream.ts';

/** Bytes both ways: requests are read, and responses made, by us. */
export type XdsCall = ServerDuplexStream<Buffer, Buffer>;

export interface CallTransport extends Transport {
  /** Begins to read. A request may have up to so many bytes. */
  receive(maxBytes: number, listener: RequestListener): void;
}

/** `onStall` is called when the client has not taken a message in time, and its stream was cut. */
export function callTransport(call: XdsCall, stalls: StallGuard, onStall: () => void): CallTransport {
  return new OneCall(call, stalls, onStall);
}

/** What was written before still arrives, if the client reads. */
export function endCall(call: XdsCall, status: StreamStatus): void {
  call.emit('error', status);
}

const frameHeaderBytes = 5;
const nobody = (): void => undefined;

/** A class, as all that there is ten thousand times: docs/adr/0013. */
class OneCall implements CallTransport, Wait {
  readonly peer: string;
  untilMs: EpochMs = 0;
  private readonly call: XdsCall;
  private readonly stream: ServerHttp2Stream | undefined;
  private readonly stalls: StallGuard;
  private readonly tellStall: () => void;
  private tellTaken: () => void = nobody;
  private requests: Requests | undefined = undefined;

  constructor(call: XdsCall, stalls: StallGuard, tellStall: () => void) {
    this.peer = call.getPeer();
    this.call = call;
    this.stream = http2StreamUnder(call);
    this.stalls = stalls;
    this.tellStall = tellStall;
  }

  send(message: Pieces, onTaken: () => void): void {
    this.tellTaken = onTaken;
    this.stalls.begin(this);
    if (this.stream === undefined) this.call.write(Buffer.concat(message), this.onWritten);
    else this.writePast(this.stream, message);
  }

  receive(maxBytes: number, listener: RequestListener): void {
    this.requests = readRequests(this.call, maxBytes, listener);
  }

  read(isReading: boolean): void {
    this.requests?.read(isReading);
  }

  end(status: StreamStatus): void {
    endCall(this.call, status);
  }

  onStall(): void {
    // Resets it. An orderly end waits until the client has read what is before it, which is just what it does not do.
    this.stream?.close(constants.NGHTTP2_CANCEL);
    this.tellStall();
  }

  /**
   * Past gRPC's own stream object and straight to the HTTP/2 stream, so that the bytes that ten thousand streams share
   * are never copied. gRPC's part is five bytes: not compressed, and the length.
   */
  private writePast(stream: ServerHttp2Stream, [own, shared]: Pieces): void {
    if (stream.destroyed || stream.closed) return this.stalls.end(this);
    if (!stream.headersSent) this.call.sendMetadata(new Metadata());
    const head = Buffer.allocUnsafe(frameHeaderBytes + own.length);
    head[0] = 0;
    head.writeUInt32BE(own.length + shared.length, 1);
    own.copy(head, frameHeaderBytes);
    stream.cork();
    stream.write(head);
    stream.write(shared, this.onWritten);
    stream.uncork();
  }

  private readonly onWritten = (error: unknown): void => {
    this.stalls.end(this);
    if (error === undefined || error === null) this.tellTaken();
  };
}
