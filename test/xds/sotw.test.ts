/**
 * The rules of the state-of-the-world protocol, over the wire. That nothing was sent is shown by a fence: the client asks
 * for one more name, and the next response must have that and nothing else.
 */
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../../engine/model.ts';
import { endpointType } from '../../xds/types.ts';
import { anyone, assignmentOf, endpointOf } from '../support/assignments.ts';
import { type TestServer, xdsServer } from '../support/xds-server.ts';
import { contents } from '../support/xds-stream.ts';

const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');

describe.each(['eds', 'ads'] as const)('state of the world by %s', (service) => {
  async function world(given?: TestServer) {
    const server =
      given ?? (await xdsServer([assignmentOf('a', one), assignmentOf('b', one), assignmentOf('fence', one)]));
    const stream = server.connect().sotw(service);
    const type = service === 'ads' ? { type_url: endpointType } : {};
    let names: string[] = [];
    let nonce = '';
    const say = (message: Parameters<typeof stream.say>[0]): void => stream.say({ ...type, ...message });
    const ask = (...wanted: string[]): void => {
      names = wanted;
      say({ resource_names: names, response_nonce: nonce });
    };
    const next = async () => {
      const response = await stream.next();
      nonce = response.nonce ?? '';
      return response;
    };
    return {
      server,
      ...{ say, ask, next },
      receive: async () => contents(await next()),
      nonce: () => nonce,
      ack: () => ask(...names),
      nack: () => say({ resource_names: names, response_nonce: nonce, error_detail: { code: 3, message: 'no good' } }),
      /** Nothing was sent that was not received. */
      async silence() {
        ask(...names, 'shop/fence');
        expect(contents(await next())).toEqual(['shop/fence: 10.0.0.1']);
      },
    };
  }

  test('a response has version, type, nonce and the assignment under the name that was asked for', async () => {
    const { server, ask, next } = await world();
    const name = 'outbound|80||a.shop.svc.cluster.local';
    ask(name);
    const response = await next();
    expect(contents(response)).toEqual([`${name}: 10.0.0.1`]);
    expect(response).toMatchObject({
      version_info: server.cache.endpoints.resources.get(name, anyone)?.version,
      type_url: endpointType,
      nonce: expect.stringMatching(/./) as string,
      resources: [{ type_url: endpointType }],
    });
  });

  test('an ACK gets no reply', async () => {
    const { ask, receive, ack, silence } = await world();
    ask('shop/a');
    await receive();
    ack();
    await silence();
  });

  test('a change is pushed, alone, and only to whom it concerns', async () => {
    const { server, ask, receive, ack } = await world();
    const other = await world(server);
    other.ask('shop/b');
    await other.receive();
    other.ack();
    ask('shop/a', 'shop/b');
    await receive();
    ack();
    server.cache.publish([assignmentOf('a', one, two), assignmentOf('b', one)]);
    expect(await receive()).toEqual(['shop/a: 10.0.0.1, 10.0.0.2']);
    await other.silence();
  });

  test('publishing the same again pushes nothing', async () => {
    const { server, ask, receive, ack, silence } = await world();
    ask('shop/a');
    await receive();
    ack();
    server.cache.publish([assignmentOf('a', one)]);
    await silence();
  });

  test('at most one response is unacknowledged, and the latest wins', async () => {
    const { server, ask, receive, ack, silence } = await world();
    ask('shop/a');
    await receive();
    server.cache.publish([assignmentOf('a', two)]);
    server.cache.publish([assignmentOf('a', one, two)]);
    ack();
    expect(await receive()).toEqual(['shop/a: 10.0.0.1, 10.0.0.2']);
    ack();
    await silence();
  });

  test('R2: an unknown name gets no answer, and its resource as soon as there is one', async () => {
    const { server, ask, receive, ack, silence } = await world();
    ask('shop/c', 'no name');
    await silence();
    ack();
    server.cache.publish([assignmentOf('c', two)]);
    expect(await receive()).toEqual(['shop/c: 10.0.0.2']);
  });

  test('R2: an empty assignment is sent when a Service has no endpoints, and not when it is gone', async () => {
    const { server, ask, receive, ack, silence } = await world();
    ask('shop/a', 'shop/b');
    await receive();
    ack();
    server.cache.publish([assignmentOf('a')]);
    expect(await receive()).toEqual(['shop/a:']);
    ack();
    server.cache.remove(serviceKey('shop', 'b'));
    await silence();
  });

  test('R4: a restart with the same content has the same versions, and answers whoever comes back', async () => {
    const before = await world();
    before.ask('shop/a');
    const first = await before.next();
    const after = await world(await xdsServer([assignmentOf('a', one)]));
    after.say({
      resource_names: ['shop/a'],
      version_info: first.version_info ?? '',
      response_nonce: first.nonce ?? '',
    });
    const again = await after.next();
    expect(again.version_info).toBe(first.version_info);
    expect(again.nonce).not.toBe(first.nonce);
    expect(again.resources).toEqual(first.resources);
  });

  test('R13: a refused version is not sent again until the content changes', async () => {
    const { server, ask, receive, nack, ack, silence } = await world();
    ask('shop/a');
    await receive();
    nack();
    server.cache.publish([assignmentOf('a', one)]);
    await silence();
    ack();
    server.cache.publish([assignmentOf('a', two)]);
    expect(await receive()).toEqual(['shop/a: 10.0.0.2']);
  });

  test('a NACK is known by its error, and its names count', async () => {
    const { ask, say, receive, nonce } = await world();
    ask('shop/a');
    await receive();
    say({ resource_names: ['shop/a', 'shop/b'], response_nonce: nonce(), error_detail: {} });
    expect(await receive()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('a stale nonce acknowledges nothing, but its names count', async () => {
    const { server, ask, say, receive, nonce, ack } = await world();
    ask('shop/a');
    await receive();
    const stale = nonce();
    ack();
    server.cache.publish([assignmentOf('a', two)]);
    await receive();
    server.cache.publish([assignmentOf('a', one, two)]);
    say({ resource_names: ['shop/a', 'shop/b'], response_nonce: stale });
    // Answered together with the ACK of the newest response: one response, not two.
    ask('shop/a', 'shop/b');
    expect((await receive()).toSorted()).toEqual(['shop/a: 10.0.0.1, 10.0.0.2', 'shop/b: 10.0.0.1']);
  });

  test('a name that is added is sent, and nothing else', async () => {
    const { ask, receive } = await world();
    ask('shop/a');
    await receive();
    ask('shop/a', 'shop/b');
    expect(await receive()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('a name that was given up and is asked for again is sent again', async () => {
    const { ask, receive, ack } = await world();
    ask('shop/a', 'shop/b');
    await receive();
    ack();
    ask('shop/b');
    ask('shop/a', 'shop/b');
    expect(await receive()).toEqual(['shop/a: 10.0.0.1']);
  });

  test('a name that was given up is pushed no more', async () => {
    const { server, ask, receive, silence } = await world();
    ask('shop/a', 'shop/b');
    await receive();
    ask('shop/b');
    server.cache.publish([assignmentOf('a', two)]);
    await silence();
  });

  test('an acknowledged request that is repeated is answered: a cluster that is replaced waits for it', async () => {
    const { ask, receive, ack, silence } = await world();
    ask('shop/a');
    await receive();
    ack();
    ack();
    expect(await receive()).toEqual(['shop/a: 10.0.0.1']);
    ack();
    await silence();
  });

  test('duplicate names are one', async () => {
    const { ask, receive } = await world();
    ask('shop/a', 'shop/a');
    expect(await receive()).toEqual(['shop/a: 10.0.0.1']);
  });

  test('an empty first request asks for nothing, "*" for everything', async () => {
    const { server, ask, receive, ack } = await world();
    ask();
    ask('*');
    expect(await receive()).toEqual(['shop/a:http: 10.0.0.1', 'shop/b:http: 10.0.0.1', 'shop/fence:http: 10.0.0.1']);
    ack();
    server.cache.publish([assignmentOf('c', two)]);
    expect(await receive()).toEqual(['shop/c:http: 10.0.0.2']);
  });

  test('the node comes with the first message only', async () => {
    const { server, say, receive, nonce } = await world();
    say({ node: { id: 'n1' }, resource_names: ['shop/a'] });
    await receive();
    say({ resource_names: ['shop/a', 'shop/b'], response_nonce: nonce() });
    await receive();
    expect(server.proxies()).toMatchObject([{ nodeId: 'n1', subscriptions: [{ resources: 2 }] }]);
  });
});

test('on an aggregated stream an unknown type is silence, and the stream goes on', async () => {
  const server = await xdsServer([assignmentOf('a', one)]);
  const stream = server.connect().sotw('ads');
  stream.say({ type_url: 'type.googleapis.com/envoy.service.runtime.v3.Runtime' });
  stream.say({ type_url: 'no type', resource_names: ['x'] });
  stream.say({ type_url: endpointType, resource_names: ['shop/a'] });
  expect(contents(await stream.next())).toEqual(['shop/a: 10.0.0.1']);
});
