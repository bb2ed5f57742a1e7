/**
 * What costs the sender little and the receiver much, by the byte over a socket. Either the connection is closed or the
 * flood changes nothing, and all the while others are served: health is answered, and a stream gets what is pushed.
 */
import { connect as connectHttp2 } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import type { XdsLimits } from '../../xds/limits.ts';
import { bystander } from '../support/bystander.ts';
import {
  edsHeaders,
  flag,
  frame,
  frameType,
  grpcMessage,
  headerBlock,
  insertedHeader,
  preface,
  type RawConnection,
  rawConnection,
  repeatedHeader,
  settings,
} from '../support/http2-frames.ts';
import type { TestServer } from '../support/xds-server.ts';

const timeoutMs = 20_000;
const greeting = Buffer.concat([preface, settings]);
const headers = headerBlock(edsHeaders);
/** Clients open streams by odd numbers. */
const nth = (n: number): number => 2 * n + 1;
const cancel = Buffer.from([0, 0, 0, 8]);

async function world(limits: Partial<XdsLimits> = {}) {
  const others = await bystander(limits);
  return { others, connection: await rawConnection(others.server.port) };
}

const atOnce = 200;

/** Writes piece after piece, as fast as they are taken, until it is told to stop or cannot go on. */
async function flood({ socket, closed }: RawConnection, piece: (n: number) => Buffer, goesOn: (n: number) => boolean) {
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
  });
  let n = 0;
  for (; goesOn(n) && !isClosed; n += atOnce) {
    const isTaken = socket.write(Buffer.concat(Array.from({ length: atOnce }, (_, i) => piece(n + i))));
    if (!isTaken) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    await new Promise(setImmediate);
  }
  return n;
}

interface Flood {
  readonly what: string;
  readonly first?: Buffer;
  readonly piece: (n: number) => Buffer;
  /** Nothing of what the server says is read. */
  readonly isDeaf?: boolean;
}

const stream1 = Buffer.concat([greeting, frame(frameType.headers, flag.endHeaders, 1, headers)]);

describe('the connection is closed', () => {
  const floods: readonly Flood[] = [
    {
      what: 'rapid reset: streams that are opened and given up',
      piece: (n) =>
        Buffer.concat([
          frame(frameType.headers, flag.endHeaders, nth(n), headers),
          frame(frameType.reset, 0, nth(n), cancel),
        ]),
    },
    {
      what: 'streams that are opened and made to be reset by us',
      piece: (n) =>
        Buffer.concat([
          frame(frameType.headers, flag.endHeaders, nth(n), headers),
          frame(frameType.windowUpdate, 0, nth(n), Buffer.alloc(4)),
        ]),
    },
    {
      what: 'pings whose answers are not read',
      isDeaf: true,
      piece: () => frame(frameType.ping, 0, 0, Buffer.alloc(8)),
    },
    { what: 'settings whose answers are not read', isDeaf: true, piece: () => settings },
    {
      what: 'headers without an end',
      first: Buffer.concat([greeting, frame(frameType.headers, 0, 1, headers)]),
      piece: () => frame(frameType.continuation, 0, 1, headerBlock({ x: 'x'.repeat(100) })),
    },
    { what: 'data without content', first: stream1, piece: () => frame(frameType.data, 0, 1) },
    {
      what: 'data of a stream that is over',
      first: Buffer.concat([stream1, frame(frameType.data, flag.endStream, 1)]),
      piece: () => frame(frameType.data, 0, 1, Buffer.alloc(100)),
    },
    { what: 'frames of no known type', piece: () => frame(0xbb, 0, 0, Buffer.alloc(100)) },
    { what: 'priorities', piece: (n) => frame(frameType.priority, 0, nth(n), Buffer.alloc(5)) },
    { what: 'resets of streams that never were', piece: (n) => frame(frameType.reset, 0, nth(n), cancel) },
    { what: 'HTTP/1.1', first: Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'), piece: () => Buffer.from('x') },
    { what: 'TLS', first: Buffer.from('16030100a5010000a10303', 'hex'), piece: () => Buffer.alloc(32) },
    { what: 'noise', first: Buffer.alloc(100, 0xa5), piece: () => Buffer.alloc(100, 0x5a) },
  ];

  test.each(floods)('for $what', async ({ first = greeting, piece, isDeaf = false }) => {
    const { connection, others } = await world();
    if (isDeaf) connection.socket.pause();
    connection.write(first);
    const flooding = flood(connection, piece, (n) => n < 1_000_000);
    await others.isServed();
    await flooding;
    await connection.closed;
    await others.isServed();
    await others.untilAlone();
  });
});

describe('nothing is changed', () => {
  const floods: readonly Flood[] = [
    { what: 'pings', piece: () => frame(frameType.ping, 0, 0, Buffer.alloc(8)) },
    { what: 'settings', piece: () => settings },
    {
      what: 'window updates of the connection',
      piece: () => frame(frameType.windowUpdate, 0, 0, Buffer.from([0, 0, 0, 1])),
    },
    {
      what: 'window updates of a stream',
      first: stream1,
      piece: () => frame(frameType.windowUpdate, 0, 1, Buffer.from([0, 0, 0, 1])),
    },
    {
      what: 'calls of methods that do not exist',
      piece: (n) =>
        frame(
          frameType.headers,
          flag.endHeaders | flag.endStream,
          nth(n),
          headerBlock({ ...edsHeaders, ':path': '/no.Service/Method' }),
        ),
    },
    {
      what: 'what is no gRPC',
      piece: (n) =>
        frame(
          frameType.headers,
          flag.endHeaders | flag.endStream,
          nth(n),
          headerBlock({ ...edsHeaders, 'content-type': 'text/html' }),
        ),
    },
  ];

  test.each(floods)('by $what', async ({ first = greeting, piece }) => {
    const { connection, others } = await world();
    connection.write(first);
    let isSeen = false;
    const flooding = flood(connection, piece, () => !isSeen);
    for (let round = 0; round < 5; round++) await others.isServed();
    isSeen = true;
    await flooding;
    connection.socket.destroy();
    await others.untilAlone();
  });
});

describe('calls that stand for far more than they take to send are refused before anything is made of them', () => {
  /** The answer to a call that ends at once. */
  async function answerTo(server: TestServer, fields: object): Promise<object> {
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ...edsHeaders, ...fields });
    stream.on('error', () => undefined);
    return new Promise((resolve) => stream.on('response', resolve));
  }

  const untilAnswered = ({ frames }: RawConnection, calls: number): Promise<unknown> =>
    eventually(() => frames.filter(({ type }) => type === frameType.headers).length === calls, { timeoutMs });

  test('headers that repeat one which was sent before', async () => {
    const { connection, others } = await world();
    expect(await answerTo(others.server, { x: 'x'.repeat(17_000) })).toMatchObject({
      'grpc-status': String(status.RESOURCE_EXHAUSTED),
      'grpc-message': 'headers%20of%20more%20than%2016384%20bytes',
    });
    const bomb = Buffer.concat([headers, Buffer.alloc(100, repeatedHeader)]);
    connection.write(greeting);
    for (let n = 0; n < 500; n++) {
      const block =
        n === 0 ? Buffer.concat([headers, insertedHeader('x', 'x'.repeat(4000)), bomb.subarray(headers.length)]) : bomb;
      connection.write(frame(frameType.headers, flag.endHeaders, nth(n), block));
    }
    await others.isServed();
    await untilAnswered(connection, 500);
    expect(others.counts).toMatchObject({ opened: 1, open: 1 });
  });

  test('more headers than anybody has', async () => {
    const { connection, others } = await world();
    const many = headerBlock(Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`x${n}`, ''])));
    connection.write(greeting, frame(frameType.headers, flag.endHeaders, 1, Buffer.concat([headers, many])));
    await eventually(() => connection.frames.some(({ type }) => type === frameType.reset), { timeoutMs });
    await others.isServed();
    expect(others.counts).toMatchObject({ opened: 1, open: 1 });
  });

  test('compressed requests', async () => {
    const { connection, others } = await world();
    for (const encoding of ['gzip', 'deflate', 'snappy']) {
      expect(await answerTo(others.server, { 'grpc-encoding': encoding })).toMatchObject({
        'grpc-status': String(status.UNIMPLEMENTED),
        'grpc-message': expect.stringContaining(`compressed%20by%20${encoding}`),
        'grpc-accept-encoding': 'identity',
      });
    }
    const bomb = grpcMessage(gzipSync(Buffer.alloc(4 * 1024 * 1024 - 1)), { isCompressed: true });
    const block = headerBlock({ ...edsHeaders, 'grpc-encoding': 'gzip' });
    connection.write(greeting);
    for (let n = 0; n < 100; n++) {
      connection.write(
        frame(frameType.headers, flag.endHeaders, nth(n), block),
        frame(frameType.data, 0, nth(n), bomb),
      );
    }
    await others.isServed();
    await untilAnswered(connection, 100);
    expect(others.counts).toMatchObject({ opened: 1, open: 1 });
  });
});

test('a connection that asks and never reads is closed, and has few streams until then', async () => {
  const { connection, others } = await world({
    keepaliveMs: 200,
    keepaliveTimeoutMs: 200,
    maxStreamsPerConnection: 50,
  });
  connection.socket.pause();
  connection.write(greeting);
  const flooding = flood(
    connection,
    (n) => frame(frameType.headers, flag.endHeaders, nth(n), headers),
    () => true,
  );
  await others.isServed();
  expect(others.counts.open).toBeLessThanOrEqual(51);
  await flooding;
  await others.untilAlone();
});

test('an Envoy that gives up 900 clusters at once keeps its connection', async () => {
  const others = await bystander();
  const client = others.server.connect();
  const streams = Array.from({ length: 901 }, () => client.sotw());
  for (const stream of streams) stream.say({ node: { id: 'large' }, resource_names: ['shop/a'] });
  const [kept, ...given] = streams;
  if (kept === undefined) throw new Error('there is a first one');
  const { nonce = '' } = (await Promise.all(streams.map((stream) => stream.next())))[0] ?? {};
  for (const stream of given) stream.cancel();
  await eventually(() => others.counts.open === 2, { timeoutMs });
  kept.say({ resource_names: ['shop/a'], response_nonce: nonce });
  await others.isServed();
  expect((await kept.next()).resources).toHaveLength(1);
  kept.cancel();
  await others.untilAlone();
});
