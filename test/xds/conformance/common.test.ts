/** Rules of both protocols. The page docs/xds-conformance.md lists them, and says who needs them. */
import { connect as connectHttp2 } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../../demo/world/wait.ts';
import { createXdsCache } from '../../../xds/cache.ts';
import { assignmentOf } from '../../support/assignments.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { deltaConversation, endpointDialogues, endpointType, sotwConversation } from '../../support/xds-dialogue.ts';
import { xdsServer } from '../../support/xds-server.ts';
import { one, shop, three, two } from './shop.ts';

describe.each(Object.entries(endpointDialogues))('%s', (title, open) => {
  /** What a client is told of names that do not exist. */
  const absent = (...names: readonly string[]) =>
    title.startsWith('delta') ? names.map((name) => `${name} is not there`) : [];

  test('C7: an ACK gets no reply', async () => {
    const client = open((await shop()).connect());
    client.want('shop/a');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    client.ack();
    await client.silence();
  });

  test('C9: a refused version is not sent again until the content changes', async () => {
    const server = await shop();
    const client = open(server.connect());
    client.want('shop/a');
    await client.hear();
    client.nack();
    server.cache.publish([assignmentOf('a', one)]);
    await client.silence();
    server.cache.publish([assignmentOf('a', two)]);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.2']);
    client.ack();
    // The client has something else by now, and has to be told what it refused before.
    server.cache.publish([assignmentOf('a', one)]);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
  });

  test('C10: names that come with a NACK count', async () => {
    const client = open((await shop()).connect());
    client.want('shop/a');
    await client.hear();
    client.nack('shop/b');
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('C11: a refusal holds back nothing else', async () => {
    const server = await shop();
    const client = open(server.connect());
    client.want('shop/a', 'shop/b');
    await client.hear();
    client.ack();
    server.cache.publish([assignmentOf('a', two)]);
    await client.hear();
    client.nack();
    server.cache.publish([assignmentOf('b', three)]);
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.3']);
  });

  test('C28: a refused response with several resources is taken apart: what is good gets through', async () => {
    const server = await shop();
    const client = open(server.connect());
    client.want('shop/a', 'shop/b');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1', 'shop/b: 10.0.0.1']);
    client.nack();
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    client.nack();
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
    client.ack();
    await client.silence();
    server.cache.publish([assignmentOf('a', two), assignmentOf('b', two)]);
    expect((await client.hear()).toSorted()).toEqual(['shop/a: 10.0.0.2', 'shop/b: 10.0.0.2']);
  });

  test('C12: what did not change is not sent', async () => {
    const server = await shop();
    const client = open(server.connect());
    client.want('shop/a', 'shop/b');
    await client.hear();
    client.ack();
    server.cache.publish([assignmentOf('a', one), assignmentOf('b', one)]);
    await client.silence();
    server.cache.publish([assignmentOf('a', two), assignmentOf('b', one)]);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.2']);
  });

  test('C13: at most one response is unacknowledged, and the latest wins', async () => {
    const server = await shop();
    const client = open(server.connect());
    client.want('shop/a');
    await client.hear();
    server.cache.publish([assignmentOf('a', two)]);
    server.cache.publish([assignmentOf('a', three)]);
    client.ack();
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.3']);
    client.ack();
    await client.silence();
  });

  test('C14: what is published at once comes in one response', async () => {
    const server = await shop();
    const client = open(server.connect());
    client.want('shop/a', 'shop/b');
    await client.hear();
    client.ack();
    server.cache.publish([assignmentOf('a', two), assignmentOf('b', two)]);
    expect((await client.hear()).toSorted()).toEqual(['shop/a: 10.0.0.2', 'shop/b: 10.0.0.2']);
  });

  test('C16: a name that does not exist is remembered, and its resource sent when it appears', async () => {
    const server = await shop();
    const client = open(server.connect());
    client.want('shop/a', 'shop/later');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1', ...absent('shop/later')]);
    client.ack();
    await client.silence();
    server.cache.publish([assignmentOf('later', two)]);
    expect(await client.hear()).toEqual(['shop/later: 10.0.0.2']);
  });

  test('C17: names are taken literally', async () => {
    const client = open((await shop()).connect());
    const strange = [
      '',
      'shop/*',
      '**',
      'SHOP/A',
      'shop/a/b',
      'shop/a:',
      'shop/ä',
      `xdstp://here/${endpointType}/shop/a`,
    ];
    client.want('shop/a', ...strange);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1', ...absent(...strange)]);
    client.ack();
    await client.silence();
  });

  test('C19: a push goes to those who asked for it, and to nobody else', async () => {
    const server = await shop();
    const client = open(server.connect());
    const bystander = open(server.connect());
    client.want('shop/a');
    bystander.want('shop/b');
    for (const { hear, ack } of [client, bystander]) {
      await hear();
      ack();
    }
    server.cache.publish([assignmentOf('a', two)]);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.2']);
    await bystander.silence();
  });

  test('C20: control_plane is left out', async () => {
    const client = open((await shop()).connect());
    client.want('shop/a');
    expect(await client.next()).not.toHaveProperty('control_plane');
  });

  test('C22: what is too large for one response follows when the first part is acknowledged', async () => {
    const server = await shop({ limits: { responseBytes: 1 } });
    const client = open(server.connect());
    client.want('shop/a', 'shop/b');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    client.ack();
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
    client.ack();
    await client.silence();
  });

  test('C24: a client that leaves is forgotten, and what it asked for goes on for others', async () => {
    const server = await shop();
    const leaving = open(server.connect());
    const client = open(server.connect());
    for (const { want, hear, ack } of [leaving, client]) {
      want('shop/a');
      await hear();
      ack();
    }
    leaving.leave();
    await eventually(() => server.proxies().length === 1, { timeoutMs: 5000 });
    server.cache.publish([assignmentOf('a', two)]);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.2']);
  });
});

test('C1: before all inputs were read every stream is turned away as UNAVAILABLE', async () => {
  const cache = createXdsCache();
  cache.publish([assignmentOf('a', one)]);
  const client = (await xdsServer([], { cache })).connect();
  const services = ['eds', 'cds', 'ads'] as const;
  for (const stream of services.flatMap((service) => [client.sotw(service), client.delta(service)])) {
    expect(await stream.ended).toMatchObject({ code: status.UNAVAILABLE });
  }
  cache.open();
  const { want, hear } = sotwConversation(client, 'eds').of(endpointType);
  want('shop/a');
  expect(await hear()).toEqual(['shop/a: 10.0.0.1']);
});

test('C2: the node may come with the first message only, be repeated, or stay away', async () => {
  const { connect, proxies } = await shop();
  const node = { id: 'n1', cluster: 'web' };
  for (const later of [{}, { node }]) {
    const sotw = sotwConversation(connect(), 'ads').of(endpointType);
    sotw.say({ node, resource_names: ['shop/a'] });
    const { nonce = '' } = await sotw.next();
    sotw.say({ ...later, resource_names: ['shop/a', 'shop/b'], response_nonce: nonce });
    expect(await sotw.hear()).toEqual(['shop/b: 10.0.0.1']);

    const delta = deltaConversation(connect(), 'ads').of(endpointType);
    delta.say({ node, resource_names_subscribe: ['shop/a'] });
    await delta.next();
    delta.say({ ...later, response_nonce: delta.nonce(), resource_names_subscribe: ['shop/b'] });
    expect(await delta.hear()).toEqual(['shop/b: 10.0.0.1']);
  }
  expect(proxies().map(({ nodeId }) => nodeId)).toEqual(['n1', 'n1', 'n1', 'n1']);
  const nobody = deltaConversation(connect(), 'ads').of(endpointType);
  nobody.say({ resource_names_subscribe: ['shop/a'] });
  expect(await nobody.hear()).toEqual(['shop/a: 10.0.0.1']);
});

test('C3: on a stream of its own service a type need not be said, and no other may be', async () => {
  const { connect } = await shop();
  const saying = sotwConversation(connect(), 'eds').of(endpointType);
  saying.say({ type_url: endpointType, resource_names: ['shop/a'] });
  expect(await saying.hear()).toEqual(['shop/a: 10.0.0.1']);
  const implying = deltaConversation(connect(), 'eds').of(endpointType);
  implying.say({ resource_names_subscribe: ['shop/a'] });
  expect(await implying.hear()).toEqual(['shop/a: 10.0.0.1']);
  const wrong = connect().sotw('eds');
  wrong.say({ type_url: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
  expect(await wrong.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
});

test('C4: on an aggregated stream a request without type_url is INVALID_ARGUMENT', async () => {
  const { connect } = await shop();
  const sotw = sotwConversation(connect(), 'ads');
  sotw.of(endpointType).want('shop/a');
  await sotw.of(endpointType).hear();
  sotw.stream.say({ resource_names: ['shop/a'] });
  expect(await sotw.stream.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
  const delta = connect().delta('ads');
  delta.say({ resource_names_subscribe: ['shop/a'] });
  expect(await delta.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
});

test('C5: a type that nobody here has costs a client neither its stream nor the other types', async () => {
  const { connect } = await shop();
  const unknown = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
  const sotw = sotwConversation(connect(), 'ads');
  sotw.of(unknown).want('x');
  sotw.of('no type at all').want();
  sotw.of(endpointType).want('shop/a');
  expect(await sotw.of(endpointType).hear()).toEqual(['shop/a: 10.0.0.1']);
  const delta = deltaConversation(connect(), 'ads');
  delta.of(unknown).want('x', 'y');
  expect(await delta.of(unknown).hear()).toEqual(['x is not there', 'y is not there']);
  delta.of(endpointType).want('shop/a');
  expect(await delta.of(endpointType).hear()).toEqual(['shop/a: 10.0.0.1']);
});

test('C6: a response tells type, version and a nonce that no other response has', async () => {
  const { connect } = await shop();
  const nonces: unknown[] = [];
  for (const open of Object.values(endpointDialogues)) {
    const client = open(connect());
    client.want('shop/a');
    const first = await client.next();
    expect(first).toMatchObject({ type_url: endpointType, resources: [expect.anything()] });
    expect('version_info' in first ? first.version_info : first.resources?.[0]).toBeTruthy();
    client.ack();
    client.want('shop/b');
    nonces.push(first.nonce, (await client.next()).nonce);
  }
  expect(nonces.every((nonce) => nonce)).toBe(true);
  expect(new Set(nonces).size).toBe(nonces.length);
});

test('C8: a NACK is a request with error_detail, and nothing else makes one', async () => {
  const { connect } = await shop();
  const refusing = sotwConversation(connect(), 'eds').of(endpointType);
  refusing.want('shop/a');
  const { version_info = '', nonce = '' } = await refusing.next();
  // It looks like an ACK but for an error without code and message. Whoever took it for one would send again at the
  // repetition, as to a client that warms a cluster.
  refusing.say({ resource_names: ['shop/a'], version_info, response_nonce: nonce, error_detail: {} });
  refusing.say({ resource_names: ['shop/a'], version_info, response_nonce: nonce });
  await refusing.silence();

  const accepting = sotwConversation(connect(), 'eds').of(endpointType);
  accepting.want('shop/a');
  await accepting.hear();
  // An Envoy that adds a name to what it has at another version.
  const other = { resource_names: ['shop/a'], version_info: 'an older one', response_nonce: accepting.nonce() };
  accepting.say(other);
  accepting.say(other);
  expect(await accepting.hear()).toEqual(['shop/a: 10.0.0.1']);

  const delta = deltaConversation(connect(), 'eds').of(endpointType);
  delta.want('shop/a:http');
  await delta.hear();
  delta.say({ response_nonce: delta.nonce(), error_detail: {} });
  // Of everything it would be sent again; now only the rest is.
  delta.want('*');
  expect(await delta.hear()).toEqual(['shop/b:http: 10.0.0.1', 'shop/fence:http: 10.0.0.1']);
});

test('C15: no resource comes twice in a response, and a name that is said twice is one name', async () => {
  const { connect } = await shop();
  const names = ['shop/a', '*', 'shop/b:http', 'shop/a', '*'];
  const all = ['shop/a: 10.0.0.1', 'shop/a:http: 10.0.0.1', 'shop/b:http: 10.0.0.1', 'shop/fence:http: 10.0.0.1'];
  const sotw = sotwConversation(connect(), 'eds').of(endpointType);
  sotw.say({ resource_names: names });
  expect((await sotw.hear()).toSorted()).toEqual(all);
  const delta = deltaConversation(connect(), 'eds').of(endpointType);
  delta.say({ resource_names_subscribe: names });
  expect((await delta.hear()).toSorted()).toEqual(all);
});

test('C18: equal content has equal versions on every server and at any time, different content different ones', async () => {
  const versions = async (...endpoints: Parameters<typeof assignmentOf>[1][]) => {
    const server = await xdsServer([assignmentOf('a', ...endpoints)]);
    const sotw = sotwConversation(server.connect(), 'eds').of(endpointType);
    const delta = deltaConversation(server.connect(), 'eds').of(endpointType);
    const next = async () => [(await sotw.next()).version_info, (await delta.next()).resources?.[0]?.version];
    sotw.want('shop/a');
    delta.want('shop/a');
    return { server, next, ack: () => [sotw, delta].forEach(({ ack }) => ack()), first: await next() };
  };
  const before = await versions(one);
  const after = await versions(one);
  const different = await versions(two);
  expect(after.first).toEqual(before.first);
  expect(different.first).not.toEqual(before.first);

  before.ack();
  before.server.cache.publish([assignmentOf('a', two)]);
  expect(await before.next()).toEqual(different.first);
  before.ack();
  before.server.cache.publish([assignmentOf('a', one)]);
  expect(await before.next()).toEqual(after.first);
});

test('C21: nothing has a TTL and nobody gets heartbeats, not even who says it knows them', async () => {
  const clock = createManualClock();
  const { connect } = await shop({ clock, limits: { maxConnectionAgeMs: 0 } });
  const client_features = ['xds.config.supports-resource-ttl', 'xds.config.resource-in-sotw'];
  const sotw = sotwConversation(connect(), 'eds', { id: 'n1', client_features }).of(endpointType);
  sotw.want('shop/a');
  // In an envelope there would be room for one.
  expect((await sotw.next()).resources).toMatchObject([{ type_url: endpointType }]);
  const delta = deltaConversation(connect(), 'eds', { id: 'n2', client_features }).of(endpointType);
  delta.want('shop/a');
  expect((await delta.next()).resources).toEqual([expect.not.objectContaining({ ttl: expect.anything() as unknown })]);
  for (const client of [sotw, delta]) {
    client.ack();
    await client.silence();
  }
  await clock.advance(24 * 3_600_000);
  for (const client of [sotw, delta]) await client.silence();
});

test('C23: one connection carries a stream for each cluster, however many', async () => {
  const server = await shop();
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  onTestFinished(() => session.destroy());
  const settings = await new Promise<{ maxConcurrentStreams?: number }>((resolve) => {
    session.once('remoteSettings', resolve);
  });
  expect(settings.maxConcurrentStreams).toBeGreaterThanOrEqual(100_000);

  const client = server.connect();
  const streams = Array.from({ length: 200 }, () => sotwConversation(client, 'eds').of(endpointType));
  for (const { want } of streams) want('shop/a');
  await Promise.all(streams.map(({ hear }) => hear()));
  for (const { ack } of streams) ack();
  server.cache.publish([assignmentOf('a', two)]);
  const pushes = await Promise.all(streams.map(({ hear }) => hear()));
  expect(pushes.every(([line]) => line === 'shop/a: 10.0.0.2')).toBe(true);
});

test('C25: what is no request ends its stream, and no other', async () => {
  const server = await shop();
  const client = server.connect();
  const other = sotwConversation(client, 'ads').of(endpointType);
  other.want('shop/a');
  await other.hear();
  const methods = ['Stream', 'Delta'].flatMap((kind) => [
    `/envoy.service.endpoint.v3.EndpointDiscoveryService/${kind}Endpoints`,
    `/envoy.service.discovery.v3.AggregatedDiscoveryService/${kind}AggregatedResources`,
  ]);
  for (const method of methods) {
    const stream = client.raw(method);
    stream.say(Buffer.from('GET / HTTP/1.1\r\n'));
    expect(await stream.ended).toMatchObject({ code: status.INVALID_ARGUMENT });
  }
  other.ack();
  server.cache.publish([assignmentOf('a', two)]);
  expect(await other.hear()).toEqual(['shop/a: 10.0.0.2']);
});

test('C27: whoever asks for a name is pushed the same, by whatever way and in whatever spelling', async () => {
  const { connect, cache } = await shop();
  const clients = Object.values(endpointDialogues).map((open) => open(connect()));
  for (const { want, hear, ack } of clients) {
    want('shop/a', 'a.shop:80');
    await hear();
    ack();
  }
  cache.publish([assignmentOf('a', two)]);
  const lines = ['a.shop:80: 10.0.0.2', 'shop/a: 10.0.0.2'];
  for (const { hear } of clients) expect((await hear()).toSorted()).toEqual(lines);
});

test('C26: a locator counts as the name in it', async () => {
  const { connect, cache } = await shop();
  const sotw = sotwConversation(connect(), 'eds').of(endpointType);
  sotw.say({ resource_names: ['shop/a'], resource_locators: [{ name: 'shop/b', dynamic_parameters: { zone: 'a' } }] });
  expect(await sotw.hear()).toEqual(['shop/a: 10.0.0.1', 'shop/b: 10.0.0.1']);
  const delta = deltaConversation(connect(), 'eds').of(endpointType);
  delta.say({ resource_locators_subscribe: [{ name: 'shop/a' }, { name: 'shop/b' }] });
  expect(await delta.hear()).toEqual(['shop/a: 10.0.0.1', 'shop/b: 10.0.0.1']);
  delta.say({ response_nonce: delta.nonce(), resource_locators_unsubscribe: [{ name: 'shop/a' }] });
  await delta.silence();
  cache.publish([assignmentOf('a', two), assignmentOf('b', two)]);
  expect(await delta.hear()).toEqual(['shop/b: 10.0.0.2']);
});
