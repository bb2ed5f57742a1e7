/**
 * The requests of a call, straight from its HTTP/2 stream. gRPC's own way hands each over by a decoder, a queue, a promise
 * and a second stream, which is a third of what an acknowledgement costs, and those come by the ten thousand.
 */
import type { XdsCall } from './call.ts';
import { http2StreamUnder } from './grpc-internals.ts';
import { malformed, type StreamStatus, tooMuch } from './refusal.ts';

export interface RequestListener {
  request(bytes: Buffer): void;
  /** What came is no message, or a larger one than is read; nothing of what follows is. */
  refused(status: StreamStatus): void;
  /** There are no more. */
  ended(): void;
}

export interface Requests {
  /** Without, what has come is kept, and no more is taken from the client than its flow control had let go. */
  read(isReading: boolean): void;
}

/** Begins to read. */
export function readRequests(call: XdsCall, maxBytes: number, listener: RequestListener): Requests {
  const stream = http2StreamUnder(call);
  if (stream === undefined) {
    call.on('data', listener.request);
    call.once('end', listener.ended);
    return { read: (isReading) => void (isReading ? call.resume() : call.pause()) };
  }
  const requests = new SplitRequests(stream, maxBytes, listener);
  // gRPC's own listener, which would take them first.
  stream.removeAllListeners('data');
  stream.on('data', (chunk: Buffer) => requests.add(chunk));
  stream.once('end', listener.ended);
  stream.resume();
  return requests;
}

/** Before each message: whether it is compressed, and its length. */
const headerBytes = 5;
const nothing = Buffer.alloc(0);

/** From what arrives, however it is cut, to messages. A class, as all that there is ten thousand times: docs/adr/0013. */
export class SplitRequests implements Requests {
  private readonly source: Pick<NodeJS.ReadableStream, 'pause' | 'resume'>;
  private readonly maxBytes: number;
  private readonly listener: Pick<RequestListener, 'request' | 'refused'>;
  /**
   * What no message was made of yet, and room for more behind the `have` bytes of it. Not as a list of what came: who sends
   * a byte at a time would have us keep a hundred for each.
   */
  private bytes: Buffer = nothing;
  private have = 0;
  private need = headerBytes;
  private isReading = true;
  private isRefused = false;

  constructor(
    source: Pick<NodeJS.ReadableStream, 'pause' | 'resume'>,
    maxBytes: number,
    listener: Pick<RequestListener, 'request' | 'refused'>,
  ) {
    this.source = source;
    this.maxBytes = maxBytes;
    this.listener = listener;
  }

  add(chunk: Buffer): void {
    if (this.isRefused) return;
    if (this.have === 0) this.bytes = chunk;
    else this.append(chunk);
    this.have += chunk.length;
    this.takeMessages();
  }

  read(isReading: boolean): void {
    if (isReading === this.isReading) return;
    this.isReading = isReading;
    if (!isReading) this.source.pause();
    else {
      // Not at once: who lets us read again is in the middle of something.
      process.nextTick(() => {
        this.takeMessages();
        if (this.isReading) this.source.resume();
      });
    }
  }

  private takeMessages(): void {
    if (!this.isReading || this.have < this.need) return;
    // Most are whole as they come, and there is no room behind them to be cut off.
    const bytes = this.bytes.length === this.have ? this.bytes : this.bytes.subarray(0, this.have);
    let from = 0;
    while (this.isReading && !this.isRefused) {
      const to = this.endOfMessage(bytes, from);
      if (to === undefined) break;
      this.need = headerBytes;
      this.listener.request(bytes.subarray(from + headerBytes, to));
      from = to;
    }
    this.have = this.isRefused ? 0 : bytes.length - from;
    this.bytes = this.have === 0 ? nothing : this.bytes.subarray(from);
  }

  /** The room doubles, up to the message: a large one is copied once or twice, however it is cut. */
  private append(chunk: Buffer): void {
    const { bytes, have, need } = this;
    const length = have + chunk.length;
    if (bytes.length < length) {
      this.bytes = Buffer.allocUnsafe(Math.max(length, Math.min(2 * have, need)));
      bytes.copy(this.bytes, 0, 0, have);
    }
    chunk.copy(this.bytes, have);
  }

  /** Undefined when it is not there as a whole. */
  private endOfMessage(bytes: Buffer, from: number): number | undefined {
    if (bytes.length - from < headerBytes) return undefined;
    const length = bytes.readUInt32BE(from + 1);
    if (bytes[from] !== 0) return this.refuse(malformed('a compressed request'));
    if (length > this.maxBytes) {
      return this.refuse(tooMuch(`a request of ${length} bytes; the limit is ${this.maxBytes}`));
    }
    this.need = headerBytes + length;
    return bytes.length - from < this.need ? undefined : from + this.need;
  }

  private refuse(status: StreamStatus): undefined {
    this.isRefused = true;
    this.listener.refused(status);
  }
}
