/** Rules of the state-of-the-world protocol, for endpoints. The page docs/xds-conformance.md lists them. */
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../../../engine/model.ts';
import { assignmentOf } from '../../support/assignments.ts';
import { endpointType, listenerType, sotwConversation } from '../../support/xds-dialogue.ts';
import { one, shop, three, two } from './shop.ts';

const grpc = { id: 'n1', user_agent_name: 'gRPC Node Pure JS' };
const envoy = { id: 'n2', user_agent_name: 'envoy' };

describe.each(['eds', 'ads'] as const)('state of the world by %s', (service) => {
  test('S1: a first request is answered whatever version and nonce it brings from another stream or server', async () => {
    const before = sotwConversation((await shop()).connect(), service).of(endpointType);
    before.want('shop/a');
    const first = await before.next();
    const after = sotwConversation((await shop()).connect(), service).of(endpointType);
    after.say({
      resource_names: ['shop/a'],
      version_info: first.version_info ?? '',
      response_nonce: first.nonce ?? '',
    });
    const again = await after.next();
    expect(again.resources).toEqual(first.resources);
    expect(again.version_info).toBe(first.version_info);
  });

  test('S2: the names of a request are all there are, and what it leaves out is pushed no more', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service).of(endpointType);
    client.want('shop/a', 'shop/a:http', 'shop/b');
    await client.hear();
    client.ack();
    client.drop('shop/a', 'shop/a:http');
    await client.silence();
    cache.publish([assignmentOf('a', two), assignmentOf('b', two)]);
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.2']);
  });

  test('S3: a name that is added is sent though its version is not new, and nothing else is', async () => {
    const { connect } = await shop();
    const client = sotwConversation(connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    client.want('shop/b');
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('S4: names that change under a stale nonce count, and are answered with the next ACK', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    const stale = client.nonce();
    client.ack();
    cache.publish([assignmentOf('a', two)]);
    await client.hear();
    client.say({ resource_names: ['shop/a', 'shop/b'], response_nonce: stale });
    client.say({ resource_names: ['shop/a', 'shop/b'], response_nonce: client.nonce() });
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('S6: a name that was given up and is asked for again is sent again', async () => {
    const { connect } = await shop();
    const client = sotwConversation(connect(), service).of(endpointType);
    client.want('shop/a', 'shop/b');
    await client.hear();
    client.ack();
    client.drop('shop/a');
    client.want('shop/a');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    // While that is unacknowledged, too: its acceptance may come from before.
    client.drop('shop/b');
    client.want('shop/b');
    client.ack();
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('S7: an answer that waits for an ACK is dropped when its name is given up', async () => {
    const { connect } = await shop();
    const client = sotwConversation(connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    client.say({ resource_names: ['shop/a', 'shop/b'] });
    client.say({ resource_names: ['shop/a'] });
    client.ack();
    await client.silence();
  });

  test('S8: an acknowledged request that is repeated is answered: a cluster that warms waits for it', async () => {
    const { connect } = await shop();
    const client = sotwConversation(connect(), service).of(endpointType);
    client.want('shop/a', 'shop/b');
    await client.hear();
    client.ack();
    client.ack();
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1', 'shop/b: 10.0.0.1']);
    client.ack();
    await client.silence();
  });

  test('S9: to an Envoy a name that does not exist is silence, never an empty response', async () => {
    const { connect } = await shop();
    for (const node of [undefined, envoy]) {
      const client = sotwConversation(connect(), service, node).of(endpointType);
      client.want('shop/none');
      await client.silence();
    }
  });

  test('S10: a gRPC client is told once that a name does not exist, until it does', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service, grpc).of(endpointType);
    client.want('shop/a', 'shop/later');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1', 'shop/later: NOT_FOUND']);
    client.ack();
    await client.silence();
    cache.publish([assignmentOf('later', two)]);
    expect(await client.hear()).toEqual(['shop/later: 10.0.0.2']);
  });

  test('S11: a Service without endpoints is an empty assignment; one that is gone is silence, and may come back', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service, envoy).of(endpointType);
    client.want('shop/a', 'shop/b');
    await client.hear();
    client.ack();
    cache.publish([assignmentOf('a')]);
    expect(await client.hear()).toEqual(['shop/a:']);
    client.ack();
    cache.remove(serviceKey('shop', 'b'));
    await client.silence();
    cache.publish([assignmentOf('b', three)]);
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.3']);
  });

  test('S12: a gRPC client is told that a Service is gone', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service, grpc).of(endpointType);
    client.want('shop/a', 'shop/b');
    await client.hear();
    client.ack();
    cache.remove(serviceKey('shop', 'b'));
    expect(await client.hear()).toEqual(['shop/b: NOT_FOUND']);
    client.ack();
    await client.silence();
  });

  test('S13: for endpoints no names at first are no wish, and no names later are the end of all', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service).of(endpointType);
    client.want();
    client.want('shop/a');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    client.ack();
    client.drop('shop/a');
    await client.silence();
    cache.publish([assignmentOf('a', two)]);
    await client.silence();
  });

  test('S14: "*" is everything, in one name per port, now and later; names beside it outlive it', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service).of(endpointType);
    client.want('*');
    expect(await client.hear()).toEqual([
      'shop/a:http: 10.0.0.1',
      'shop/b:http: 10.0.0.1',
      'shop/fence:http: 10.0.0.1',
    ]);
    client.ack();
    cache.publish([assignmentOf('c', one)]);
    expect(await client.hear()).toEqual(['shop/c:http: 10.0.0.1']);
    client.want('shop/a');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    client.ack();
    client.drop('*');
    await client.silence();
    cache.publish([assignmentOf('a', two), assignmentOf('b', two), assignmentOf('d', two)]);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.2']);
  });
});

test('S23: errors are for names that were asked for, not for what everything no longer has', async () => {
  const { connect, cache } = await shop();
  const client = sotwConversation(connect(), 'ads', grpc).of(endpointType);
  client.want('*', 'shop/a', 'shop/b:http');
  await client.hear();
  client.ack();
  client.drop('shop/a');
  await client.silence();
  cache.remove(serviceKey('shop', 'a'));
  await client.silence();
  cache.remove(serviceKey('shop', 'b'));
  expect(await client.hear()).toEqual(['shop/b:http: NOT_FOUND']);
});

test('S5: a stale nonce acknowledges nothing', async () => {
  const { connect, cache } = await shop();
  const stream = sotwConversation(connect(), 'ads');
  const client = stream.of(endpointType);
  client.want('shop/a');
  await client.hear();
  const stale = client.nonce();
  client.ack();
  cache.publish([assignmentOf('a', two)]);
  await client.hear();
  cache.publish([assignmentOf('a', one)]);
  client.say({ resource_names: ['shop/a'], response_nonce: stale });
  // The answer to this shows that the stale request was read, and not answered.
  stream.of(listenerType).want();
  expect(await stream.of(listenerType).hear()).toEqual([]);
  cache.publish([assignmentOf('a', three)]);
  client.ack();
  expect(await client.hear()).toEqual(['shop/a: 10.0.0.3']);
});
