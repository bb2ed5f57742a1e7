/** What is left of a stream that was sent away, when the client does not close its side. */
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { xdsServer } from '../support/xds-server.ts';

const path = '/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints';

function dial(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  return session;
}

/** Opens a stream and says something, but never that it has nothing more to say. */
function open(session: ClientHttp2Session, message?: Buffer): ClientHttp2Stream {
  const headers = { ':method': 'POST', ':path': path, te: 'trailers', 'content-type': 'application/grpc' };
  const stream = session.request(headers, { endStream: false });
  stream.on('error', () => undefined);
  stream.resume();
  if (message !== undefined) stream.write(message);
  return stream;
}

async function statusOf(stream: ClientHttp2Stream): Promise<string> {
  const [headers] = (await once(stream, 'response')) as [Record<string, string>];
  if (headers['grpc-status'] !== undefined) return headers['grpc-status'];
  const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>];
  return trailers['grpc-status'] ?? '';
}

const frame = (message: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

const unavailable = '14';
const invalid = '3';
const exhausted = '8';

test.each([
  ['before all is read', unavailable, undefined, {}],
  ['beyond the number of streams', exhausted, undefined, { maxStreams: 0 }],
  ['for what is no request', invalid, frame(Buffer.from('nonsense')), {}],
])('nothing is left of a stream that was sent away %s', async (_, code, message, limits) => {
  const cache = createXdsCache();
  if (code !== unavailable) cache.open();
  const server = await xdsServer([], { cache, limits: { halfOpenMs: 50, ...limits } });
  const session = dial(server.port);
  const streams = Array.from({ length: 50 }, () => open(session, message));
  const closed = streams.map((stream) => once(stream, 'close'));
  expect(new Set(await Promise.all(streams.map(statusOf)))).toEqual(new Set([code]));
  await Promise.all(closed);
  // The status stands; that the client need not go on is no error.
  expect(new Set(streams.map(({ rstCode }) => rstCode))).toEqual(new Set([constants.NGHTTP2_NO_ERROR]));
  expect(session.destroyed).toBe(false);
});

test('who is sent away thousands of times keeps its good streams', async () => {
  const server = await xdsServer([assignmentOf('a', endpointOf('10.0.0.1'))], {
    limits: { maxStreams: 1, halfOpenMs: 20 },
  });
  const session = dial(server.port);
  const good = open(session);
  await eventually(() => server.proxies().length === 1, { timeoutMs: 30_000 });
  for (let round = 0; round < 100; round += 1) {
    const streams = Array.from({ length: 100 }, () => open(session));
    await Promise.all(streams.map((stream) => once(stream, 'close')));
  }
  expect([session.destroyed, good.destroyed, server.proxies().length]).toEqual([false, false, 1]);
});
