/** What clients cost that wait to be let in, and those that do not read what they asked for. */
import { connect as connectHttp2 } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { silentObserver, type XdsObserver } from '../../xds/observer.ts';
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
import { eds, protos } from '../support/protos.ts';
import { xdsServer } from '../support/xds-server.ts';

const timeoutMs = 20_000;
const askForA = grpcMessage(eds.StreamEndpoints.requestSerialize({ resource_names: ['shop/a'] }));
/** One response of it is more than the 64 KiB that a client takes unless it says otherwise. */
const many = (weight: number) =>
  assignmentOf('a', ...Array.from({ length: 5000 }, (_, n) => endpointOf(`10.0.${n >> 8}.${n & 255}`, { weight })));

function counting() {
  const counts = { requested: 0, pushed: 0, closed: 0 };
  const observer: XdsObserver = {
    ...silentObserver,
    requested: () => void counts.requested++,
    pushed: () => void counts.pushed++,
    streamClosed: () => void counts.closed++,
  };
  return { counts, observer };
}

const open = Buffer.concat([
  preface,
  settings,
  frame(frameType.headers, flag.endHeaders, 1, headerBlock(edsHeaders)),
  frame(frameType.data, 0, 1, askForA),
]);

/** What of a message has arrived. */
const received = (frames: readonly { readonly type: number; readonly payload: Buffer }[]): number =>
  frames.filter(({ type }) => type === frameType.data).reduce((sum, { payload }) => sum + payload.length, 0);

test('a client that asks on and on without taking the answer is not read on until it takes it', async () => {
  const { counts, observer } = counting();
  const server = await xdsServer([many(100)], { observer });
  const { frames, write } = await rawConnection(server.port);
  write(open);
  await eventually(() => received(frames) === 65_535, { timeoutMs });
  const flood = Array.from({ length: 2000 }, () => askForA);
  for (let n = 0; n < flood.length; n += 500) {
    write(frame(frameType.data, 0, 1, Buffer.concat(flood.slice(n, n + 500))));
  }
  // On the same connection, so it is answered when all of that was seen.
  write(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
  await eventually(() => frames.some(({ type }) => type === frameType.ping), { timeoutMs });
  expect(await server.connect().health()).toBe('SERVING');
  expect(counts.requested).toBeLessThan(50);

  const wide = Buffer.from([0, 0x10, 0, 0]);
  write(frame(frameType.windowUpdate, 0, 0, wide), frame(frameType.windowUpdate, 0, 1, wide));
  await eventually(() => counts.requested === 1 + flood.length, { timeoutMs });
  expect(counts.pushed).toBe(1);
});

test('R12: for a client that does not read there is one response, however much changes, until it is cut', async () => {
  const { counts, observer } = counting();
  const clock = createManualClock();
  const server = await xdsServer([many(100)], { observer, clock });
  const { frames, write } = await rawConnection(server.port);
  write(open);
  await eventually(() => received(frames) === 65_535, { timeoutMs });
  for (let weight = 1; weight < 100; weight++) server.cache.publish([many(weight)]);
  expect(counts).toEqual({ requested: 1, pushed: 1, closed: 0 });
  // A few bytes now and then are no reading.
  for (let n = 0; n < 29; n++) {
    write(frame(frameType.windowUpdate, 0, 1, Buffer.from([0, 0, 0, 1])));
    await clock.advance(1000);
  }
  expect(counts.closed).toBe(0);
  await clock.advance(1000);
  await eventually(() => frames.some(({ type }) => type === frameType.reset), { timeoutMs });
  expect([counts.closed, server.proxies()]).toEqual([1, []]);
});

test('R11: of a client that waits to be let in nothing is read but what flow control lets it send', async () => {
  const clock = createManualClock();
  const { counts, observer } = counting();
  const server = await xdsServer([many(100)], { observer, clock, limits: { streamsPerSecond: 1, maxStreams: 100 } });
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  onTestFinished(() => session.destroy());
  const streams = Array.from({ length: 99 }, () => {
    const stream = session.request(edsHeaders);
    stream.resume().on('error', () => undefined);
    return stream;
  });
  await eventually(() => server.census().waiting === 98, { timeoutMs });
  const last = streams[98];
  if (last === undefined) throw new Error('there is a last one');
  const requests = 100_000;
  let isTaken = false;
  last.write(Buffer.concat(Array.from({ length: requests }, () => askForA)), () => {
    isTaken = true;
  });
  expect(await server.connect().health()).toBe('SERVING');
  expect(isTaken).toBe(false);
  expect([counts.requested, server.census().waiting]).toEqual([0, 98]);
  await clock.advance(98_000);
  await eventually(() => isTaken && counts.requested === requests, { timeoutMs });
  session.destroy();
  await eventually(() => server.proxies().length === 0, { timeoutMs });
  expect(server.census().waiting).toBe(0);
});

test('answers to single calls that nobody reads are few, and are cut in their time', async () => {
  const clock = createManualClock();
  const server = await xdsServer([many(100)], { clock });
  const { frames, write } = await rawConnection(server.port);
  const block = headerBlock({ ...edsHeaders, ':path': edsHeaders[':path'].replace('Stream', 'Fetch') });
  write(preface, settings);
  for (let n = 0; n < 150; n++) {
    write(
      frame(frameType.headers, flag.endHeaders, 2 * n + 1, block),
      frame(frameType.data, flag.endStream, 2 * n + 1, askForA),
    );
  }
  const refused = (): number =>
    frames.filter(({ flags, type }) => type === frameType.headers && (flags & 1) === 1).length;
  await eventually(() => refused() === 50, { timeoutMs });
  const client = server.connect();
  await expect(client.fetch({ resource_names: ['shop/a'] })).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  await clock.advance(30_000);
  await eventually(() => frames.filter(({ type }) => type === frameType.reset).length === 100, { timeoutMs });
  for (let n = 0; n < 101; n++) {
    await expect(client.fetch({ resource_names: ['shop/b'] })).rejects.toMatchObject({ code: status.NOT_FOUND });
    expect((await client.fetch({ resource_names: ['shop/a'] })).resources).toHaveLength(1);
  }
});

test('answers about our .proto files that nobody reads are few, and are cut in their time', async () => {
  const { ServerReflectionInfo } = protos['grpc.reflection.v1.ServerReflection'];
  const clock = createManualClock();
  const server = await xdsServer([], { clock });
  const { frames, write } = await rawConnection(server.port);
  const block = headerBlock({ ...edsHeaders, ':path': ServerReflectionInfo.path });
  // Half a megabyte, and more than one message of it does not fit into what flow control takes.
  const ask = grpcMessage(
    ServerReflectionInfo.requestSerialize({
      file_containing_symbol: 'envoy.service.endpoint.v3.EndpointDiscoveryService',
    }),
  );
  write(preface, settings);
  for (let n = 0; n < 110; n++) {
    write(
      frame(frameType.headers, flag.endHeaders, 2 * n + 1, block),
      frame(frameType.data, 0, 2 * n + 1, Buffer.concat([ask, ask])),
    );
  }
  const refused = (): number =>
    frames.filter(({ flags, type }) => type === frameType.headers && (flags & 1) === 1).length;
  await eventually(() => refused() === 10, { timeoutMs });
  await clock.advance(30_000);
  await eventually(() => frames.filter(({ type }) => type === frameType.reset).length >= 100, { timeoutMs });
  const again = server.connect().raw(ServerReflectionInfo.path);
  for (let n = 0; n < 101; n++) {
    again.say(ServerReflectionInfo.requestSerialize({ list_services: '' }));
    await again.next();
  }
  again.halfClose();
  expect(await again.ended).toMatchObject({ code: status.OK });
});
