/**
 * The rules of the delta protocol, over the wire. That nothing was sent is shown by a fence: the client asks for one more
 * name, and the next response must have that and nothing else.
 */
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../../engine/model.ts';
import { endpointType } from '../../xds/types.ts';
import { anyone, assignmentOf, endpointOf } from '../support/assignments.ts';
import { type TestServer, xdsServer } from '../support/xds-server.ts';
import { contents } from '../support/xds-stream.ts';

const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');

describe.each(['eds', 'ads'] as const)('delta by %s', (service) => {
  async function world(given?: TestServer) {
    const server =
      given ?? (await xdsServer([assignmentOf('a', one), assignmentOf('b', one), assignmentOf('fence', one)]));
    const stream = server.connect().delta(service);
    const type = service === 'ads' ? { type_url: endpointType } : {};
    let nonce = '';
    const say = (message: Parameters<typeof stream.say>[0]): void => stream.say({ ...type, ...message });
    const next = async () => {
      const response = await stream.next();
      nonce = response.nonce ?? '';
      return response;
    };
    const receive = async () => {
      const response = await next();
      return [...contents(response), ...(response.removed_resources ?? []).map((name) => `${name} is not there`)];
    };
    const subscribe = (...names: string[]): void => say({ resource_names_subscribe: names });
    return {
      server,
      ...{ say, next, receive, subscribe },
      unsubscribe: (...names: string[]) => say({ resource_names_unsubscribe: names }),
      nonce: () => nonce,
      ack: () => say({ response_nonce: nonce }),
      nack: () => say({ response_nonce: nonce, error_detail: { code: 3, message: 'no good' } }),
      versionOf: (name: string) => server.cache.endpoints.resources.get(name, anyone)?.version ?? '',
      /** Nothing was sent that was not received. */
      async silence() {
        subscribe('shop/fence');
        expect(await receive()).toEqual(['shop/fence: 10.0.0.1']);
      },
    };
  }

  test('a response has type, nonce, and each resource with name and version', async () => {
    const { subscribe, next, versionOf } = await world();
    subscribe('shop/a');
    expect(await next()).toMatchObject({
      type_url: endpointType,
      nonce: expect.stringMatching(/./) as string,
      resources: [{ name: 'shop/a', version: versionOf('shop/a'), resource: { type_url: endpointType } }],
    });
  });

  test('an ACK gets no reply, and may subscribe at once', async () => {
    const { subscribe, say, receive, nonce, ack, silence } = await world();
    subscribe('shop/a');
    await receive();
    say({ response_nonce: nonce(), resource_names_subscribe: ['shop/b'] });
    expect(await receive()).toEqual(['shop/b: 10.0.0.1']);
    ack();
    await silence();
  });

  test('a change is pushed, alone', async () => {
    const { server, subscribe, receive, ack, silence } = await world();
    subscribe('shop/a', 'shop/b');
    await receive();
    ack();
    server.cache.publish([assignmentOf('a', two), assignmentOf('b', one)]);
    expect(await receive()).toEqual(['shop/a: 10.0.0.2']);
    ack();
    server.cache.publish([assignmentOf('a', two)]);
    await silence();
  });

  test('at most one response is unacknowledged, and the latest wins', async () => {
    const { server, subscribe, receive, ack, silence } = await world();
    subscribe('shop/a');
    await receive();
    server.cache.publish([assignmentOf('a', two)]);
    server.cache.publish([assignmentOf('a', one, two)]);
    ack();
    expect(await receive()).toEqual(['shop/a: 10.0.0.1, 10.0.0.2']);
    ack();
    await silence();
  });

  test('R2: an absent name is told as removed, watched, and sent when it appears', async () => {
    const { server, subscribe, receive, ack } = await world();
    subscribe('shop/c', 'no name');
    expect(await receive()).toEqual(['shop/c is not there', 'no name is not there']);
    ack();
    server.cache.publish([assignmentOf('c', two)]);
    expect(await receive()).toEqual(['shop/c: 10.0.0.2']);
  });

  test('R2: a Service without endpoints is an empty resource, one that is gone is removed', async () => {
    const { server, subscribe, receive, ack } = await world();
    subscribe('shop/a', 'shop/b');
    await receive();
    ack();
    server.cache.publish([assignmentOf('a')]);
    expect(await receive()).toEqual(['shop/a:']);
    ack();
    server.cache.remove(serviceKey('shop', 'b'));
    expect(await receive()).toEqual(['shop/b is not there']);
  });

  test('R4: after a restart names are sent again in the same version, even those the client says it has', async () => {
    const before = await world();
    before.subscribe('shop/a');
    const first = await before.next();
    const after = await world(await xdsServer([assignmentOf('a', one)]));
    after.say({
      resource_names_subscribe: ['shop/a', 'shop/b'],
      initial_resource_versions: { 'shop/a': first.resources?.[0]?.version ?? '', 'shop/b': '1' },
    });
    const again = await after.next();
    expect(again.resources).toEqual(first.resources);
    expect(again.removed_resources).toEqual(['shop/b']);
  });

  test('R13: a refused version is not sent again until the content changes', async () => {
    const { server, subscribe, receive, nack, ack, silence } = await world();
    subscribe('shop/a');
    await receive();
    nack();
    server.cache.publish([assignmentOf('a', one)]);
    await silence();
    ack();
    server.cache.publish([assignmentOf('a', two)]);
    expect(await receive()).toEqual(['shop/a: 10.0.0.2']);
  });

  test('subscribing again is always answered', async () => {
    const { subscribe, receive, ack } = await world();
    subscribe('shop/a', 'shop/c');
    await receive();
    ack();
    subscribe('shop/a', 'shop/c');
    expect(await receive()).toEqual(['shop/a: 10.0.0.1', 'shop/c is not there']);
  });

  test('a stale nonce acknowledges nothing, but its names count', async () => {
    const { server, subscribe, say, receive, ack } = await world();
    subscribe('shop/a');
    await receive();
    server.cache.publish([assignmentOf('a', two)]);
    say({ response_nonce: 'stale', resource_names_subscribe: ['shop/b'] });
    ack();
    expect((await receive()).toSorted()).toEqual(['shop/a: 10.0.0.2', 'shop/b: 10.0.0.1']);
  });

  test('unsubscribing gets no answer and ends the pushes; from what was not subscribed it is ignored', async () => {
    const { server, subscribe, unsubscribe, receive, ack, silence } = await world();
    subscribe('shop/a');
    await receive();
    unsubscribe('shop/a', 'shop/b', '*');
    server.cache.publish([assignmentOf('a', two), assignmentOf('b', two)]);
    ack();
    await silence();
  });

  test('"*" is everything, be it nothing; after a reconnect it is what differs', async () => {
    const empty = await world(await xdsServer([]));
    empty.subscribe('*');
    expect(await empty.receive()).toEqual([]);

    const { say, receive, versionOf } = await world();
    say({
      resource_names_subscribe: ['*'],
      initial_resource_versions: {
        'shop/a:http': versionOf('shop/a:http'),
        'shop/fence:http': versionOf('shop/fence:http'),
        'shop/gone:http': '1',
      },
    });
    expect(await receive()).toEqual(['shop/b:http: 10.0.0.1', 'shop/gone:http is not there']);
  });

  test('giving up a name while "*" stays is answered', async () => {
    const { subscribe, unsubscribe, receive, ack } = await world();
    subscribe('*', 'shop/a:http', 'shop/a');
    await receive();
    ack();
    unsubscribe('shop/a:http', 'shop/a');
    expect(await receive()).toEqual(['shop/a:http: 10.0.0.1', 'shop/a is not there']);
  });
});

test('on an aggregated stream an unknown type has no names, and the stream goes on', async () => {
  const server = await xdsServer([assignmentOf('a', one)]);
  const stream = server.connect().delta('ads');
  const type_url = 'type.googleapis.com/envoy.service.runtime.v3.Runtime';
  stream.say({ type_url, resource_names_subscribe: ['x'] });
  expect(await stream.next()).toMatchObject({ type_url, removed_resources: ['x'] });
  stream.say({ type_url: endpointType, resource_names_subscribe: ['shop/a'] });
  expect(contents(await stream.next())).toEqual(['shop/a: 10.0.0.1']);
});
