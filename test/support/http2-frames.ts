/**
 * HTTP/2 by hand, frame by frame: says what no decent client would. Nothing is answered unless a test does it, neither
 * settings nor pings, and nothing is read while it is paused.
 */
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 1, ack: 1, endHeaders: 4 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export interface RawConnection {
  readonly socket: Socket;
  /** What the server said so far. */
  readonly frames: readonly Frame[];
  write(...pieces: readonly Buffer[]): void;
  /** Resolves when the server has ended the connection, or reset it. */
  readonly closed: Promise<void>;
}

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const settings: Buffer = frame(frameType.settings, 0, 0);

/** Headers as literals without indexing: HPACK at its simplest, where a length has 7 bits before it needs more bytes. */
export function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string): Buffer => Buffer.concat([hpackInteger(value.length), Buffer.from(value, 'latin1')]);
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function hpackInteger(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** A header that the server is to remember, and says again whenever `repeatedHeader` stands for it: one byte. */
export function insertedHeader(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40]), headerBlock({ [name]: value }).subarray(1)]);
}

/** The header that was inserted last: the dynamic table begins after 61 static entries. */
export const repeatedHeader: Buffer = Buffer.from([0x80 | 62]);

export const edsHeaders = {
  ':method': 'POST',
  ':scheme': 'http',
  ':path': '/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints',
  ':authority': 'kubervisor',
  'content-type': 'application/grpc',
  te: 'trailers',
} as const;

/** A gRPC message in its own frame of length, as the payload of DATA. */
export function grpcMessage(message: Buffer, { isCompressed = false } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed ? 1 : 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Connects and says nothing, until the test does. */
export async function rawConnection(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const frames: Frame[] = [];
  let unread = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    unread = Buffer.concat([unread, bytes]);
    while (unread.length >= 9 && unread.length >= 9 + unread.readUIntBE(0, 3)) {
      const end = 9 + unread.readUIntBE(0, 3);
      frames.push({
        type: unread.readUInt8(3),
        flags: unread.readUInt8(4),
        stream: unread.readUInt32BE(5) & 0x7fff_ffff,
        payload: unread.subarray(9, end),
      });
      unread = unread.subarray(end);
    }
  });
  // A reset is an end like any other.
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  return { socket, frames, closed, write: (...pieces) => void socket.write(Buffer.concat(pieces)) };
}
