/**
 * What no decent client sends, over the wire: each ends with a clear status or is passed over and counted; nothing of it
 * stays, and others do not notice.
 */
import { status } from '@grpc/grpc-js';
import protobuf from 'protobufjs/minimal.js';
import { beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { clusterType, endpointType } from '../../xds/types.ts';
import { bytesTag, varintTag } from '../../xds/wire.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { type Bystander, bystander } from '../support/bystander.ts';
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
import { eds } from '../support/protos.ts';
import type { XdsClient } from '../support/xds-client.ts';
import { contents } from '../support/xds-stream.ts';

const timeoutMs = 20_000;
const service = '/envoy.service.endpoint.v3.EndpointDiscoveryService';
const streamEndpoints = `${service}/StreamEndpoints`;
const deltaEndpoints = `${service}/DeltaEndpoints`;

let others: Bystander;
let client: XdsClient;

beforeEach(async () => {
  others = await bystander();
  client = others.server.connect();
});

function field(number: number, content: Uint8Array | string): Buffer {
  return Buffer.from(protobuf.Writer.create().uint32(bytesTag(number)).bytes(Buffer.from(content)).finish());
}

const askForA = eds.StreamEndpoints.requestSerialize({ resource_names: ['shop/a'] });

/** Every name means something, and is remembered until it exists. */
const manyNames = (count: number): string[] => Array.from({ length: count }, (_, n) => `shop/no-such-service-${n}`);

describe('what is no request ends its stream as INVALID_ARGUMENT', () => {
  const node = (content: Buffer): Buffer => field(2, content);
  const junk: readonly (readonly [what: string, bytes: Buffer])[] = [
    ['text', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['noise', Buffer.from(Array.from({ length: 1000 }, (_, n) => (n * 197 + 91) & 255))],
    ['a request cut short', askForA.subarray(0, -1)],
    ['a field that is longer than the request', Buffer.from([bytesTag(3), 100, 0x61])],
    ['a field of 2 GiB', Buffer.from([bytesTag(3), 0xff, 0xff, 0xff, 0xff, 0x07, 0x61])],
    ['a field without a number', Buffer.from([0x02, 0x00])],
    ['a wire type that does not exist', Buffer.from([(3 << 3) | 7])],
    ['a number that never ends', Buffer.alloc(11, 0xff)],
    ['a node that is longer than its message', node(Buffer.from([bytesTag(1), 50, 0x61]))],
    ['a group that never ends', Buffer.from([(9 << 3) | 3])],
    ['a million groups in each other', Buffer.alloc(1_000_000, (9 << 3) | 3)],
    ['a compressed message on a stream that does not compress', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])],
  ];

  test.each(junk)('%s', async (_, bytes) => {
    for (const [path, what] of [
      [streamEndpoints, 'DiscoveryRequest'],
      [deltaEndpoints, 'DeltaDiscoveryRequest'],
    ] as const) {
      const stream = client.raw(path);
      // In a delta request the node has another number.
      stream.say(path === deltaEndpoints && bytes[0] === bytesTag(2) ? field(1, bytes.subarray(2)) : bytes);
      expect(await stream.ended).toMatchObject({
        code: status.INVALID_ARGUMENT,
        details: `the request is not a ${what}`,
      });
    }
    await others.isServed();
    await others.untilAlone();
  });
});

describe('what is too much ends its stream with the limit that it broke', () => {
  const tooLong = { code: status.INVALID_ARGUMENT, details: expect.stringContaining('the limit is 1024') };
  const tooMany = { code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining('maxNamesPerStream') };

  test('names of 64 kB', async () => {
    const name = 'x'.repeat(65_536);
    const sotw = client.sotw();
    sotw.say({ resource_names: [name] });
    expect(await sotw.ended).toMatchObject(tooLong);
    for (const request of [
      { resource_names_subscribe: [name] },
      { resource_names_unsubscribe: [name] },
      { initial_resource_versions: { [name]: '1' } },
    ]) {
      const delta = client.delta();
      delta.say(request);
      expect(await delta.ended).toMatchObject(tooLong);
    }
    await expect(client.fetch({ resource_names: [name] })).rejects.toMatchObject(tooLong);
    await others.isServed();
    await others.untilAlone();
  });

  test('100,000 names, at once', async () => {
    const names = manyNames(100_000);
    const sotw = client.sotw();
    sotw.say({ resource_names: names });
    expect(await sotw.ended).toMatchObject(tooMany);
    for (const request of [
      { resource_names_subscribe: names },
      { resource_names_unsubscribe: names },
      { initial_resource_versions: Object.fromEntries(names.map((name) => [name, '1'])) },
    ]) {
      const delta = client.delta();
      delta.say(request);
      expect(await delta.ended).toMatchObject(tooMany);
    }
    expect(others.counts.unknownNames).toBe(0);
    await others.isServed();
    await others.untilAlone();
  });

  test('100,000 names, little by little', async () => {
    const names = manyNames(100_000);
    const delta = client.delta();
    for (let n = 0; n < names.length; n += 1000) delta.say({ resource_names_subscribe: names.slice(n, n + 1000) });
    expect(await delta.ended).toMatchObject(tooMany);
    await others.isServed();
    await others.untilAlone();
  });

  test('a request of more than 4 MiB, and not one of 4 MiB', async () => {
    const bytes = 4 * 1024 * 1024;
    const padded = (size: number): Buffer => {
      const padding = field(100, Buffer.alloc(size - askForA.length - 6));
      return Buffer.concat([askForA, padding]);
    };
    expect(padded(bytes)).toHaveLength(bytes);
    const large = client.raw(streamEndpoints);
    large.say(padded(bytes));
    expect(contents(eds.StreamEndpoints.responseDeserialize(await large.next()))).toEqual(['shop/a: 10.0.0.1']);
    large.cancel();
    const tooLarge = client.raw(streamEndpoints);
    tooLarge.say(padded(bytes + 1));
    expect(await tooLarge.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    await others.isServed();
    await others.untilAlone();
  });

  test('a request that is announced with 2 GiB, before any of it has come', async () => {
    const { frames, write } = await rawConnection(others.server.port);
    const announced = Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]);
    write(
      preface,
      settings,
      frame(frameType.headers, flag.endHeaders, 1, headerBlock(edsHeaders)),
      frame(frameType.data, 0, 1, announced),
    );
    await eventually(
      () => frames.some(({ type, flags }) => type === frameType.headers && (flags & flag.endStream) > 0),
      {
        timeoutMs,
      },
    );
    await others.isServed();
    await others.untilAlone();
  });

  test('types: one that is served elsewhere, one of 64 kB, more than 32 on a stream', async () => {
    const elsewhere = client.sotw();
    elsewhere.say({ resource_names: ['shop/a'], type_url: clusterType });
    expect(await elsewhere.ended).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(endpointType),
    });
    const long = client.sotw('ads');
    long.say({ type_url: 'x'.repeat(65_536) });
    expect(await long.ended).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'a type_url of 65536 characters',
    });
    const many = client.delta('ads');
    for (let n = 0; n < 33; n++) many.say({ type_url: `type ${n}`, resource_names_subscribe: ['x'] });
    expect(await many.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'more than 32 types on one stream',
    });
    expect(others.counts.unknownTypes).toBe(32);
    await others.isServed();
    await others.untilAlone();
  });

  test('unary calls without a request', async () => {
    const none = client.raw(`${service}/FetchEndpoints`);
    none.halfClose();
    expect(await none.ended).toMatchObject({ code: status.UNIMPLEMENTED });
    await others.isServed();
  });
});

describe('what can be passed over is passed over, and the stream goes on', () => {
  const uint64 = Buffer.alloc(10, 0xff);
  uint64[9] = 1;
  const varint = (number: number): Buffer => Buffer.concat([Buffer.from([varintTag(number)]), uint64]);
  const buildVersion = field(8, field(1, Buffer.concat([varint(1), varint(2), varint(3)])));

  const oddities: readonly (readonly [what: string, bytes: Buffer])[] = [
    ['an empty request', Buffer.alloc(0)],
    ['an empty name', field(3, '')],
    ['fields that nobody knows', Buffer.concat([field(99, 'x'.repeat(10_000)), varint(98)])],
    ['a name as a number', varint(3)],
    ['a name that is no UTF-8', field(3, Buffer.from([0xff, 0xfe, 0x80]))],
    ['half of a surrogate pair', field(3, Buffer.from([0xed, 0xa0, 0x80]))],
    ['a name with zeros and line ends', field(3, 'shop/a\0\r\n')],
    ['a name a thousand times', Buffer.concat(Array.from({ length: 1000 }, () => field(3, 'shop/b')))],
    ['the largest numbers there are', Buffer.concat([field(2, buildVersion), field(6, varint(1))])],
    ['a node of 2 MiB', field(2, Buffer.concat([field(1, 'n'.repeat(1 << 20)), field(2, 'c'.repeat(1 << 20))]))],
    ['a NACK of nothing, of 1 MiB', Buffer.concat([field(5, 'no nonce'), field(6, field(2, 'x'.repeat(1 << 20)))])],
    ['a nonce of 1 MiB', field(5, 'x'.repeat(1 << 20))],
  ];

  test.each(oddities)('%s', async (_, bytes) => {
    const stream = client.raw(streamEndpoints);
    stream.say(bytes);
    stream.say(askForA);
    expect(contents(eds.StreamEndpoints.responseDeserialize(await stream.next()))).toEqual(['shop/a: 10.0.0.1']);
    for (const { nodeId, nodeCluster } of others.server.proxies()) {
      expect(Math.max(nodeId.length, nodeCluster.length)).toBeLessThan(1100);
    }
    stream.cancel();
    await others.isServed();
    await others.untilAlone();
  });

  test('10,000 names that nobody has: remembered while they are asked for, and not a moment longer', async () => {
    const names = manyNames(10_000);
    const sotw = client.sotw();
    sotw.say({ resource_names: names });
    await eventually(() => others.server.census().watchedNames === 10_001, { timeoutMs });
    expect(others.counts.unknownNames).toBe(10_000);
    sotw.say({ resource_names: ['shop/a'] });
    expect(contents(await sotw.next())).toEqual(['shop/a: 10.0.0.1']);
    expect(others.server.census().watchedNames).toBe(1);
    sotw.cancel();
    await others.isServed();
    await others.untilAlone();
  });

  test('of 10,000 long names that nobody has a delta client is told in messages that it can take', async () => {
    const names = manyNames(10_000).map((name) => name.padEnd(1024, 'x'));
    const delta = client.delta();
    for (let n = 0; n < names.length; n += 1000) delta.say({ resource_names_subscribe: names.slice(n, n + 1000) });
    const told = new Set<string>();
    while (told.size < names.length) {
      const { removed_resources = [], nonce = '' } = await delta.next();
      for (const name of removed_resources) told.add(name);
      delta.say({ response_nonce: nonce });
    }
    delta.cancel();
    await others.isServed();
    await others.untilAlone();
  });

  test('what comes after an error', async () => {
    const { frames, write } = await rawConnection(others.server.port);
    write(
      preface,
      settings,
      frame(frameType.headers, flag.endHeaders, 1, headerBlock(edsHeaders)),
      frame(frameType.data, 0, 1, Buffer.concat([grpcMessage(Buffer.from('junk')), grpcMessage(askForA)])),
      frame(frameType.data, 0, 1, grpcMessage(askForA)),
    );
    await eventually(() => frames.some(({ stream }) => stream === 1), { timeoutMs });
    await others.isServed();
    expect(frames.filter(({ type, stream }) => type === frameType.data && stream === 1)).toEqual([]);
    await others.untilAlone();
  });

  test('what comes after half of the stream was closed', async () => {
    const { frames, write } = await rawConnection(others.server.port);
    write(
      preface,
      settings,
      frame(frameType.headers, flag.endHeaders, 1, headerBlock(edsHeaders)),
      frame(frameType.data, flag.endStream, 1, grpcMessage(askForA)),
      frame(frameType.data, 0, 1, grpcMessage(askForA)),
    );
    await eventually(() => frames.some(({ type }) => type === frameType.reset || type === frameType.goaway), {
      timeoutMs,
    });
    await others.isServed();
    await others.untilAlone();
  });

  test.each(['1n', '0m', 'soon', '99999999999H', ''])('a deadline of "%s"', async (timeout) => {
    const { frames, write } = await rawConnection(others.server.port);
    write(
      preface,
      settings,
      frame(frameType.headers, flag.endHeaders, 1, headerBlock({ ...edsHeaders, 'grpc-timeout': timeout })),
      frame(frameType.data, 0, 1, grpcMessage(askForA)),
    );
    await eventually(() => frames.some(({ stream }) => stream === 1), { timeoutMs });
    write(frame(frameType.reset, 0, 1, Buffer.from([0, 0, 0, 8])));
    await others.isServed();
    await others.untilAlone();
  });
});

describe('a client that refuses everything', () => {
  const refusal = { code: 3, message: 'no' };

  test('by state of the world is sent each version once', async () => {
    const stream = client.sotw();
    stream.say({ resource_names: ['shop/a'] });
    const { nonce = '' } = await stream.next();
    const { pushed } = others.counts;
    for (let n = 0; n < 1000; n++) {
      stream.say({ resource_names: ['shop/a'], response_nonce: nonce, error_detail: refusal });
    }
    // Whatever came of it came before this.
    stream.say({ resource_names: ['shop/a', 'shop/b'], response_nonce: nonce, error_detail: refusal });
    await eventually(() => others.counts.unknownNames === 1, { timeoutMs });
    expect([others.counts.pushed, others.counts.nacked]).toEqual([pushed, 1]);
    others.server.cache.publish([assignmentOf('a', endpointOf('10.0.0.2'))]);
    expect(contents(await stream.next())).toEqual(['shop/a: 10.0.0.2']);
    stream.cancel();
    await others.untilAlone();
  });

  test('by delta is sent each version once, and again only when it asks again', async () => {
    const stream = client.delta();
    stream.say({ resource_names_subscribe: ['shop/a'] });
    let { nonce = '' } = await stream.next();
    const { pushed } = others.counts;
    for (let n = 0; n < 1000; n++) stream.say({ response_nonce: nonce, error_detail: refusal });
    for (let asked = 1; asked <= 10; asked++) {
      stream.say({ response_nonce: nonce, error_detail: refusal, resource_names_subscribe: ['shop/a'] });
      nonce = (await stream.next()).nonce ?? '';
      expect(others.counts.pushed).toBe(pushed + asked);
    }
    stream.say({ response_nonce: nonce, error_detail: refusal });
    others.server.cache.publish([assignmentOf('a', endpointOf('10.0.0.2'))]);
    expect(contents(await stream.next())).toEqual(['shop/a: 10.0.0.2']);
    stream.cancel();
    await others.untilAlone();
  });
});
