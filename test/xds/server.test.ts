import { constants } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { silentObserver } from '../../xds/observer.ts';
import { startXdsServer } from '../../xds/server.ts';
import { endpointType } from '../../xds/types.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { stalledStream } from '../support/stalled-stream.ts';
import { xdsServer } from '../support/xds-server.ts';
import { contents } from '../support/xds-stream.ts';

const one = endpointOf('10.0.0.1');
const edsMethod = '/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints';

describe('R1: before all inputs were read', () => {
  test('streams and calls are turned away as UNAVAILABLE, and health says NOT_SERVING', async () => {
    const cache = createXdsCache();
    cache.publish([assignmentOf('a', one)]);
    const { connect } = await xdsServer([], { cache });
    const client = connect();
    for (const stream of [client.sotw(), client.sotw('ads'), client.delta(), client.delta('ads')]) {
      expect(await stream.ended).toMatchObject({
        code: status.UNAVAILABLE,
        details: expect.stringContaining('inputs'),
      });
    }
    await expect(client.fetch({ resource_names: ['shop/a'] })).rejects.toMatchObject({ code: status.UNAVAILABLE });
    expect(await client.health()).toBe('NOT_SERVING');

    cache.open();
    await cache.opened;
    expect(await client.health()).toBe('SERVING');
    expect(await client.health('envoy.service.endpoint.v3.EndpointDiscoveryService')).toBe('SERVING');
    expect(contents(await client.fetch({ resource_names: ['shop/a'] }))).toEqual(['shop/a: 10.0.0.1']);
  });
});

describe('FetchEndpoints', () => {
  test('answers with what it names, or everything', async () => {
    const { connect } = await xdsServer([assignmentOf('a', one), assignmentOf('b', one)]);
    const client = connect();
    expect(contents(await client.fetch({ resource_names: ['pricer', 'shop/b', 'shop/b'] }))).toEqual([
      'shop/b: 10.0.0.1',
    ]);
    expect(contents(await client.fetch({ resource_names: ['*'] }))).toEqual([
      'shop/a:http: 10.0.0.1',
      'shop/b:http: 10.0.0.1',
    ]);
  });

  test('never answers with an empty list for a name it does not know', async () => {
    const client = (await xdsServer([assignmentOf('a', one)])).connect();
    await expect(client.fetch({ resource_names: ['shop/c', 'shop/d'] })).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: expect.stringContaining('shop/c'),
    });
    await expect(client.fetch({})).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(client.fetch({ resource_names: ['shop/a'], type_url: 'x' })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(endpointType),
    });
  });
});

describe('what a client does wrong', () => {
  test('ends its stream with a clear status, and touches no other', async () => {
    const server = await xdsServer([assignmentOf('a', one)], {
      limits: { maxNamesPerStream: 3, maxNameLength: 100, maxRequestBytes: 10_000 },
    });
    const bystander = server.connect().sotw();
    bystander.say({ resource_names: ['shop/a'] });
    const first = await bystander.next();

    const client = server.connect();
    const garbage = client.raw(edsMethod);
    garbage.say(Buffer.from('GET / HTTP/1.1\r\n'));
    expect(await garbage.ended).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'the request is not a DiscoveryRequest',
    });

    const wrong = client.raw('/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners');
    expect(await wrong.ended).toMatchObject({ code: status.UNIMPLEMENTED });

    const long = client.sotw();
    long.say({ resource_names: ['x'.repeat(101)] });
    expect(await long.ended).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('the limit is 100'),
    });

    const many = client.delta();
    many.say({ resource_names_subscribe: ['a', 'b', 'c', 'd'] });
    expect(await many.ended).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringContaining('maxNamesPerStream'),
    });

    const huge = client.raw(edsMethod);
    huge.say(Buffer.alloc(20_000));
    expect(await huge.ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });

    const untyped = client.sotw('ads');
    untyped.say({ resource_names: ['shop/a'] });
    expect(await untyped.ended).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('type_url'),
    });

    bystander.say({ resource_names: ['shop/a'], response_nonce: first.nonce ?? '' });
    server.cache.publish([assignmentOf('a', endpointOf('10.0.0.2'))]);
    expect(contents(await bystander.next())).toEqual(['shop/a: 10.0.0.2']);
  });

  test('is no way to keep more streams open than there may be', async () => {
    const { connect } = await xdsServer([assignmentOf('a', one)], { limits: { maxStreams: 1 } });
    const client = connect();
    const first = client.sotw();
    first.say({ resource_names: ['shop/a'] });
    await first.next();
    expect(await client.sotw().ended).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    first.cancel();
    await first.ended;
    await eventually(
      async () => {
        const next = client.sotw();
        next.say({ resource_names: ['shop/a'] });
        return (await next.next()).resources !== undefined;
      },
      { timeoutMs: 5000 },
    );
  });
});

test('R11: streams that wait to be let in are served when it is their turn', async () => {
  const clock = createManualClock();
  const { connect } = await xdsServer([assignmentOf('a', one)], { clock, limits: { streamsPerSecond: 10 } });
  const client = connect();
  const streams = [client.sotw(), client.sotw(), client.sotw()];
  for (const stream of streams) stream.say({ resource_names: ['shop/a'] });
  const served: number[] = [];
  streams.forEach((stream, n) => {
    void stream.next().then(
      () => served.push(n),
      () => undefined,
    );
  });
  await eventually(() => served.length === 1, { timeoutMs: 5000 });
  expect(await client.health()).toBe('SERVING');
  expect(served).toHaveLength(1);
  await clock.advance(200);
  await eventually(() => served.length === 3, { timeoutMs: 5000 });
});

describe('R12: a client that does not read', () => {
  test('is cut off in its time; its connection and everybody else go on', async () => {
    const clock = createManualClock();
    const faults: (string | undefined)[] = [];
    const endpoints = Array.from({ length: 5000 }, (_, n) => endpointOf(`10.0.${n >> 8}.${n & 255}`));
    const server = await xdsServer([assignmentOf('a', ...endpoints)], {
      clock,
      limits: { streamStallMs: 30_000 },
      observer: { ...silentObserver, streamClosed: (_, fault) => faults.push(fault) },
    });
    const name = Buffer.from('shop/a');
    const { session, closed } = stalledStream(
      server.port,
      edsMethod,
      Buffer.concat([Buffer.from([0x1a, name.length]), name]),
    );
    await eventually(
      () => server.proxies().some(({ subscriptions }) => subscriptions[0]?.waitingSinceMs !== undefined),
      {
        timeoutMs: 5000,
      },
    );
    await clock.advance(29_999);
    expect(server.proxies()).toHaveLength(1);
    await clock.advance(1);
    expect(await closed).toBe(constants.NGHTTP2_CANCEL);
    expect(server.proxies()).toEqual([]);
    expect(faults).toEqual([expect.stringContaining('unread for 30000 ms')]);
    expect(session.closed).toBe(false);
    const other = server.connect().sotw();
    other.say({ resource_names: ['shop/a'] });
    expect((await other.next()).resources).toHaveLength(1);
  });
});

describe('the book of proxies', () => {
  test('shows who is connected, with what it has, and forgets who is gone', async () => {
    const server = await xdsServer([assignmentOf('a', one)]);
    const stream = server.connect().sotw();
    stream.say({ node: { id: 'n1', cluster: 'web', user_agent_name: 'envoy' }, resource_names: ['shop/a'] });
    const { nonce = '', version_info } = await stream.next();
    stream.say({ resource_names: ['shop/a'], response_nonce: nonce });
    await eventually(() => server.proxies()[0]?.subscriptions[0]?.ackedVersion !== undefined, { timeoutMs: 5000 });
    expect(server.proxies()).toEqual([
      {
        nodeId: 'n1',
        dialect: 'envoy',
        nodeCluster: 'web',
        version: 'envoy',
        zone: '',
        address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
        connectedAtMs: expect.any(Number) as number,
        subscriptions: [
          {
            type: endpointType,
            variant: 'sotw',
            resources: 1,
            sentVersion: version_info,
            ackedVersion: version_info,
            names: [{ name: 'shop/a', sentVersion: version_info, acceptedVersion: version_info }],
          },
        ],
      },
    ]);
    stream.halfClose();
    expect(await stream.ended).toMatchObject({ code: status.OK });
    await eventually(() => server.proxies().length === 0, { timeoutMs: 5000 });
  });
});

describe('the listener', () => {
  test('that is taken is an error that names it and the remedy', async () => {
    const { port, cache } = await xdsServer([]);
    await expect(startXdsServer({ listen: { host: '127.0.0.1', port }, cache })).rejects.toMatchObject({
      problem: {
        message: expect.stringContaining(`127.0.0.1:${port} is in use`),
        remedy: expect.stringContaining('xds.listen'),
      },
    });
  });

  test('serves IPv6', async () => {
    const { address, port } = await xdsServer([assignmentOf('a', one)], { listen: { host: '::1', port: 0 } });
    expect([address, port > 0]).toEqual(['::1', true]);
  });
});

describe('a stop', () => {
  test('ends every stream as UNAVAILABLE, tells watchers of its health, and frees the port', async () => {
    const server = await xdsServer([assignmentOf('a', one)]);
    const client = server.connect();
    const streams = [client.sotw(), client.delta('ads')] as const;
    streams[0].say({ resource_names: ['shop/a'] });
    streams[1].say({ type_url: endpointType, resource_names_subscribe: ['shop/a'] });
    await Promise.all(streams.map((stream) => stream.next()));
    await server.stop();
    for (const { ended } of streams) expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
    const again = await startXdsServer({ listen: { host: '127.0.0.1', port: server.port }, cache: server.cache });
    await again.stop();
  });

  test('waits for nobody who does not leave', async () => {
    const server = await xdsServer([assignmentOf('a', one)]);
    const watch = server.connect().raw('/grpc.health.v1.Health/Watch');
    watch.say(Buffer.alloc(0));
    watch.halfClose();
    await watch.next();
    await server.stop();
    expect((await watch.ended).code).not.toBe(status.OK);
  });
});
