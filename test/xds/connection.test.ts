/** Connections: how old they get, how many there are, and what becomes of those whose other end has vanished. */
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { silentObserver } from '../../xds/observer.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import {
  edsHeaders,
  flag,
  frame,
  frameType,
  grpcMessage,
  headerBlock,
  preface,
  rawConnection,
  settings,
} from '../support/http2-frames.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { eds, type SotwResponseMessage } from '../support/protos.ts';
import { connectXds } from '../support/xds-client.ts';
import { type TestServer, xdsServer } from '../support/xds-server.ts';
import { contents } from '../support/xds-stream.ts';

const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');
const timeoutMs = 10_000;
const askForA = grpcMessage(eds.StreamEndpoints.requestSerialize({ resource_names: ['shop/a'] }));

/** An HTTP/2 client with one stream that asks for shop/a. */
async function oneStream(server: TestServer) {
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  onTestFinished(() => session.destroy());
  const told: string[] = [];
  session.on('goaway', (_, lastStream, data) => {
    if (data !== undefined) told.push(`goaway ${lastStream} ${data.toString()}`);
  });
  session.on('close', () => told.push('closed'));
  const stream = session.request(edsHeaders);
  stream.write(askForA);
  const messages: SotwResponseMessage[] = [];
  stream.on('data', (bytes: Buffer) => messages.push(eds.StreamEndpoints.responseDeserialize(bytes.subarray(5))));
  stream.on('trailers', (trailers) => told.push(`status ${trailers['grpc-status']}`));
  stream.on('error', () => told.push('reset'));
  await eventually(() => messages.length === 1, { timeoutMs });
  return { stream, told, messages };
}

describe('a connection that has grown old', () => {
  const limits = { maxConnectionAgeMs: 1000, maxConnectionAgeGraceMs: 200, streamStallMs: 5000 };

  const goaway = `goaway ${0x7fff_ffff} max_age`;

  test('is told to go; its streams go on, until the grace ends them in good order', async () => {
    const clock = createManualClock();
    const server = await xdsServer([assignmentOf('a', one)], { clock, random: () => 0.5, limits });
    const { told, stream, messages } = await oneStream(server);
    stream.on('trailers', () => stream.end());
    await clock.advance(999);
    expect(await server.connect().health()).toBe('SERVING');
    expect(told).toEqual([]);
    await clock.advance(1);
    await eventually(() => told[0] === goaway, { timeoutMs });
    const ack = { resource_names: ['shop/a'], response_nonce: messages[0]?.nonce ?? '' };
    stream.write(grpcMessage(eds.StreamEndpoints.requestSerialize(ack)));
    server.cache.publish([assignmentOf('a', two)]);
    await eventually(() => messages.length === 2, { timeoutMs });
    await clock.advance(200);
    await eventually(() => told.includes('closed'), { timeoutMs });
    expect(told).toEqual([goaway, `status ${status.OK}`, 'closed']);
    expect(server.proxies()).toEqual([]);
  });

  test('is cut when its client does not leave', async () => {
    const clock = createManualClock();
    const server = await xdsServer([assignmentOf('a', one)], { clock, random: () => 0.5, limits });
    const { told } = await oneStream(server);
    await clock.advance(1200);
    await eventually(() => told.includes(`status ${status.OK}`), { timeoutMs });
    expect(told).not.toContain('closed');
    await clock.advance(5000);
    await eventually(() => told.includes('closed'), { timeoutMs });
  });

  test('comes back by a new one, with any gRPC client, and misses nothing', async () => {
    const clock = createManualClock();
    const server = await xdsServer([assignmentOf('a', one)], { clock, random: () => 0.5, limits });
    const client = server.connect();
    const before = client.sotw();
    before.say({ resource_names: ['shop/a'] });
    await before.next();
    const [address] = server.proxies().map((proxy) => proxy.address);
    await clock.advance(1200);
    expect(await before.ended).toMatchObject({ code: status.OK });
    const after = client.sotw();
    after.say({ resource_names: ['shop/a'] });
    expect(contents(await after.next())).toEqual(['shop/a: 10.0.0.1']);
    expect(server.proxies().map((proxy) => proxy.address)).not.toContain(address);
  });

  test('was drawn by lot: those that came together do not leave together', async () => {
    const clock = createManualClock();
    const lots = [0, 1];
    const server = await xdsServer([assignmentOf('a', one)], { clock, random: () => lots.shift() ?? 0, limits });
    const early = await oneStream(server);
    const late = await oneStream(server);
    await clock.advance(900);
    await eventually(() => early.told.includes(goaway), { timeoutMs });
    await clock.advance(199);
    expect(late.told).toEqual([]);
    await clock.advance(1);
    await eventually(() => late.told.includes(goaway), { timeoutMs });
  });

  test('is not looked for where the age is 0', async () => {
    const clock = createManualClock();
    const server = await xdsServer([assignmentOf('a', one)], { clock, limits: { ...limits, maxConnectionAgeMs: 0 } });
    const { told, messages } = await oneStream(server);
    await clock.advance(7 * 86_400_000);
    server.cache.publish([assignmentOf('b', one)]);
    expect(await server.connect().health()).toBe('SERVING');
    expect([told, messages.length]).toEqual([[], 1]);
  });
});

describe('a drain', () => {
  const limits = { stopGraceMs: 100 };
  const goaway = `goaway ${0x7fff_ffff} shutdown`;

  /** One that leaves when its stream is ended, as gRPC clients do. */
  async function oneClient(server: TestServer): Promise<readonly string[]> {
    const { told, stream } = await oneStream(server);
    stream.on('trailers', () => stream.end());
    return told;
  }

  test('sends clients away one after the other, in good order, and is over with the last', async () => {
    const clock = createManualClock();
    const server = await xdsServer([assignmentOf('a', one)], { clock, limits });
    const clients = [await oneClient(server), await oneClient(server), await oneClient(server)];
    let isOver = false;
    const over = server.drain(30).then(() => {
      isOver = true;
    });
    for (const [index, told] of clients.entries()) {
      expect(isOver).toBe(false);
      expect(clients.slice(index)).toEqual(clients.slice(index).map(() => []));
      await clock.advance(index === 0 ? 0 : 10);
      await eventually(() => told.includes('closed'), { timeoutMs });
      expect(told).toEqual([goaway, `status ${status.OK}`, 'closed']);
    }
    await over;
  });

  test('of a few does not take the time that there is for many', async () => {
    const clock = createManualClock();
    const server = await xdsServer([assignmentOf('a', one)], { clock, limits });
    const clients = [await oneClient(server), await oneClient(server)];
    const over = server.drain(60_000);
    await clock.advance(20);
    await eventually(() => clients.every((told) => told.includes('closed')), { timeoutMs });
    await over;
  });

  test('serves who comes meanwhile, for half the time that is left, and ends on time whoever is there', async () => {
    const clock = createManualClock();
    const server = await xdsServer([assignmentOf('a', one)], { clock, limits });
    const { told: stubborn } = await oneStream(server);
    let isOver = false;
    const over = server.drain(800).then(() => {
      isOver = true;
    });
    await clock.advance(0);
    await eventually(() => stubborn.length === 2, { timeoutMs });
    const late = await oneClient(server);
    expect(await server.connect().health()).toBe('NOT_SERVING');
    await clock.advance(399);
    expect(late).toEqual([]);
    await clock.advance(1);
    await eventually(() => late.includes('closed'), { timeoutMs });
    await clock.advance(399);
    expect(isOver).toBe(false);
    await clock.advance(1);
    await over;
    expect(stubborn).toEqual([goaway, `status ${status.OK}`]);
  });

  test('with nobody there is over at once', async () => {
    const server = await xdsServer([], { clock: createManualClock(), limits });
    await server.drain(10_000);
  });
});

describe('a client that vanishes without a word', () => {
  const limits = { keepaliveMs: 100, keepaliveTimeoutMs: 100 };

  /** A way to the server that one day carries nothing any more, in neither direction, and tells nobody. */
  async function brittleWay(port: number): Promise<{ readonly port: number; breakDown(): void }> {
    const sockets: Socket[] = [];
    const way = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      sockets.push(near, far);
      for (const socket of [near, far]) socket.on('error', () => undefined);
      near.pipe(far);
      far.pipe(near);
    });
    await new Promise<void>((resolve) => void way.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      way.close();
    });
    const address = way.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener has no port');
    return {
      port: address.port,
      breakDown() {
        for (const socket of sockets) socket.unpipe().pause();
      },
    };
  }

  test('leaves the book when it does not answer; who answers stays', async () => {
    const server = await xdsServer([assignmentOf('a', one)], { limits });
    const way = await brittleWay(server.port);
    const vanishing = connectXds(way.port);
    onTestFinished(() => vanishing.stop());
    const lost = vanishing.sotw();
    const staying = server.connect().sotw();
    for (const [id, stream] of [['lost', lost] as const, ['staying', staying] as const]) {
      stream.say({ node: { id }, resource_names: ['shop/a'] });
    }
    const { nonce = '' } = await staying.next();
    await lost.next();
    const ids = (): readonly string[] => server.proxies().map(({ nodeId }) => nodeId);
    expect(ids().toSorted()).toEqual(['lost', 'staying']);
    way.breakDown();
    await eventually(() => ids().join() === 'staying', { timeoutMs });
    staying.say({ resource_names: ['shop/a'], response_nonce: nonce });
    server.cache.publish([assignmentOf('a', two)]);
    expect(contents(await staying.next())).toEqual(['shop/a: 10.0.0.2']);
  });

  test.each([
    ['before its first word', Buffer.alloc(0)],
    ['in the middle of its first word', preface.subarray(0, 10)],
    ['in the middle of its headers', Buffer.concat([preface, settings, frame(frameType.headers, 0, 1)])],
  ])('%s keeps no connection', async (_, words) => {
    const server = await xdsServer([], { limits });
    const { write, closed } = await rawConnection(server.port);
    write(words);
    await closed;
  });
});

describe('too many', () => {
  test('connections: the next is closed as it comes, and counted; those that are there go on', async () => {
    let refused = 0;
    const observer = { ...silentObserver, connectionRefused: () => void refused++ };
    const server = await xdsServer([assignmentOf('a', one)], { observer, limits: { maxConnections: 2 } });
    const stream = server.connect().sotw();
    stream.say({ resource_names: ['shop/a'] });
    const { nonce = '' } = await stream.next();
    const second = await rawConnection(server.port);
    second.write(preface, settings);
    await eventually(() => second.frames.length > 0, { timeoutMs });
    for (let tried = 1; tried <= 20; tried++) {
      await (await rawConnection(server.port)).closed;
      expect(refused).toBe(tried);
    }
    stream.say({ resource_names: ['shop/a'], response_nonce: nonce });
    server.cache.publish([assignmentOf('a', two)]);
    expect(contents(await stream.next())).toEqual(['shop/a: 10.0.0.2']);
    second.socket.destroy();
    await eventually(async () => (await server.connect().health()) === 'SERVING', { timeoutMs });
  });

  test('streams on one connection: the next is refused by HTTP/2, which the client was told before', async () => {
    const server = await xdsServer([assignmentOf('a', one)], { limits: { maxStreamsPerConnection: 2 } });
    const { frames, write } = await rawConnection(server.port);
    write(preface, settings);
    const open = (stream: number): Buffer => frame(frameType.headers, flag.endHeaders, stream, headerBlock(edsHeaders));
    write(...[1, 3, 5].map(open));
    const refusal = await eventually(() => frames.find(({ type }) => type === frameType.reset), { timeoutMs });
    expect([refusal.stream, refusal.payload.readUInt32BE()]).toEqual([5, constants.NGHTTP2_REFUSED_STREAM]);
    // SETTINGS_MAX_CONCURRENT_STREAMS, which has number 3, is 2.
    const told = frames.find(({ type }) => type === frameType.settings);
    expect(told?.payload.toString('hex')).toContain('000300000002');
    write(frame(frameType.data, 0, 1, askForA));
    await eventually(() => frames.some(({ type, stream }) => type === frameType.data && stream === 1), { timeoutMs });
  });

  test('streams in all: each beyond the limit is told so, and the others go on', async () => {
    const server = await xdsServer([assignmentOf('a', one)], { limits: { maxStreams: 10 } });
    const inside = Array.from({ length: 10 }, () => server.connect().sotw());
    for (const stream of inside) stream.say({ resource_names: ['shop/a'] });
    const nonces = await Promise.all(inside.map(async (stream) => (await stream.next()).nonce ?? ''));
    const client = server.connect();
    const outside = Array.from({ length: 200 }, () => client.sotw());
    for (const { ended } of outside) {
      expect(await ended).toMatchObject({
        code: status.RESOURCE_EXHAUSTED,
        details: expect.stringContaining('10 streams'),
      });
    }
    inside.forEach((stream, n) => stream.say({ resource_names: ['shop/a'], response_nonce: nonces[n] ?? '' }));
    server.cache.publish([assignmentOf('a', two)]);
    for (const stream of inside) expect(contents(await stream.next())).toEqual(['shop/a: 10.0.0.2']);
  });
});
