/** A client that asks and takes nothing of the answer: beyond 64 kB the rest waits at the server. */
import { type ClientHttp2Session, connect } from 'node:http2';
import { onTestFinished } from 'vitest';

export interface StalledStream {
  readonly session: ClientHttp2Session;
  /** The code it was reset with. */
  readonly closed: Promise<number>;
}

export function stalledStream(port: number, path: string, request: Buffer): StalledStream {
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(request.length, 1);
  stream.pause();
  stream.write(Buffer.concat([frame, request]));
  const { promise: closed, resolve } = Promise.withResolvers<number>();
  // Nothing is read, so the end is seen only as a reset.
  stream.on('error', () => undefined);
  stream.on('close', () => resolve(stream.rstCode));
  return { session, closed };
}
