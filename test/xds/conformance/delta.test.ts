/** Rules of the delta protocol, for endpoints. The page docs/xds-conformance.md lists them. */
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../../../engine/model.ts';
import { assignmentOf } from '../../support/assignments.ts';
import { deltaConversation, endpointType } from '../../support/xds-dialogue.ts';
import { xdsServer } from '../../support/xds-server.ts';
import { one, shop, three, two } from './shop.ts';

describe.each(['eds', 'ads'] as const)('delta by %s', (service) => {
  /** The version in which a new client is sent it. */
  async function versionOf({ connect }: Awaited<ReturnType<typeof shop>>, name: string): Promise<string> {
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want(name);
    return (await client.next()).resources?.[0]?.version ?? '';
  }

  test('D1: each resource comes with its name and a version of its own', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a', 'shop/b');
    const { resources: [a, b] = [] } = await client.next();
    expect(a).toMatchObject({ name: 'shop/a', version: expect.stringMatching(/./) as string });
    expect(b).toMatchObject({ name: 'shop/b', version: a?.version, resource: { type_url: endpointType } });
    expect(a).not.toHaveProperty('aliases');
    client.ack();
    cache.publish([assignmentOf('a', two)]);
    expect((await client.next()).resources).toEqual([
      expect.objectContaining({ name: 'shop/a', version: expect.not.stringMatching(b?.version ?? '') as string }),
    ]);
  });

  test('D2: an ACK may ask for more at once', async () => {
    const { connect } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    client.say({
      response_nonce: client.nonce(),
      resource_names_subscribe: ['shop/b'],
      resource_names_unsubscribe: ['shop/a'],
    });
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('D3: names count whatever the nonce says, and a nonce that is stale acknowledges nothing', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.say({ response_nonce: 'of another stream', resource_names_subscribe: ['shop/a'] });
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    const stale = client.nonce();
    client.ack();
    cache.publish([assignmentOf('a', two)]);
    await client.hear();
    client.say({ response_nonce: stale, resource_names_subscribe: ['shop/b'] });
    client.say({ response_nonce: 'of nobody', resource_names_unsubscribe: ['shop/a'] });
    client.ack();
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('D4: asking again for a name is always answered: the client may have forgotten what it has', async () => {
    const { connect } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a', 'shop/none');
    const first = await client.next();
    client.ack();
    client.want('shop/a', 'shop/none');
    const again = await client.next();
    expect([again.resources, again.removed_resources]).toEqual([first.resources, first.removed_resources]);
    // While that is unacknowledged, too.
    client.want('shop/a');
    client.ack();
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    client.ack();
    client.drop('shop/a');
    client.want('shop/a');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    client.ack();
    await client.silence();
  });

  test('D5: who comes back is sent of everything what differs and what is new, and told what is gone', async () => {
    const server = await shop();
    const client = deltaConversation(server.connect(), service).of(endpointType);
    client.say({
      resource_names_subscribe: ['*'],
      initial_resource_versions: {
        'shop/a:http': await versionOf(server, 'shop/a:http'),
        'shop/b:http': 'an older one',
        'shop/gone:http': '1',
      },
    });
    expect((await client.hear()).toSorted()).toEqual([
      'shop/b:http: 10.0.0.1',
      'shop/fence:http: 10.0.0.1',
      'shop/gone:http is not there',
    ]);
    client.ack();
    server.cache.publish([assignmentOf('a', two)]);
    expect(await client.hear()).toEqual(['shop/a:http: 10.0.0.2']);
  });

  test('D6: endpoints that are asked for by name are sent even to who says it has them, and told when they are gone', async () => {
    const server = await shop();
    const client = deltaConversation(server.connect(), service).of(endpointType);
    client.say({
      resource_names_subscribe: ['shop/a', 'shop/b', 'shop/gone'],
      initial_resource_versions: { 'shop/a': await versionOf(server, 'shop/a'), 'shop/b': '1', 'shop/gone': '1' },
    });
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1', 'shop/b: 10.0.0.1', 'shop/gone is not there']);
  });

  test('D7: what is said to be known but not asked for is no wish', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.say({ initial_resource_versions: { 'shop/a': '1', 'shop/gone': '1' } });
    await client.silence();
    cache.publish([assignmentOf('a', two)]);
    await client.silence();
  });

  test('D8: what is said to be known counts in the first request only', async () => {
    const server = await shop();
    const client = deltaConversation(server.connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    client.ack();
    client.say({
      resource_names_subscribe: ['*'],
      initial_resource_versions: {
        'shop/b:http': await versionOf(server, 'shop/b:http'),
        'shop/gone:http': '1',
      },
    });
    expect((await client.hear()).toSorted()).toEqual([
      'shop/a:http: 10.0.0.1',
      'shop/b:http: 10.0.0.1',
      'shop/fence:http: 10.0.0.1',
    ]);
  });

  test('D9: who comes back and says nothing of what it has is sent all it asks for, in the version it had', async () => {
    const version = await versionOf(await shop(), 'shop/a');
    const { connect } = await xdsServer([assignmentOf('a', one)]);
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a', 'shop/b');
    const response = await client.next();
    expect(response.resources).toMatchObject([{ name: 'shop/a', version }]);
    expect(response.removed_resources).toEqual(['shop/b']);
  });

  test('D10: a name that does not exist is told once as removed, and its resource sent when it appears', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/later');
    expect(await client.hear()).toEqual(['shop/later is not there']);
    client.ack();
    cache.publish([assignmentOf('a', two)]);
    await client.silence();
    cache.publish([assignmentOf('later', two)]);
    expect(await client.hear()).toEqual(['shop/later: 10.0.0.2']);
  });

  test('D11: a Service without endpoints is an empty assignment; one that is gone is removed, and may come back', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a', 'shop/b');
    await client.hear();
    client.ack();
    cache.publish([assignmentOf('a')]);
    expect(await client.hear()).toEqual(['shop/a:']);
    client.ack();
    cache.remove(serviceKey('shop', 'b'));
    expect(await client.hear()).toEqual(['shop/b is not there']);
    client.ack();
    await client.silence();
    // As it was: the client was told that it went.
    cache.publish([assignmentOf('b', one)]);
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('D12: giving up what was not asked for is ignored', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.drop('shop/a', 'shop/none', '*');
    client.want('shop/b');
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.1']);
    client.ack();
    client.drop('shop/a', 'shop/none', '*');
    await client.silence();
    cache.publish([assignmentOf('b', two)]);
    expect(await client.hear()).toEqual(['shop/b: 10.0.0.2']);
  });

  test('D13: giving up a name gets no answer and ends its pushes', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a', 'shop/a:http');
    await client.hear();
    client.ack();
    client.drop('shop/a', 'shop/a:http');
    await client.silence();
    cache.publish([assignmentOf('a', two)]);
    await client.silence();
  });

  test('D14: giving up a name while everything stays is answered: with the resource if it is one of everything', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('*', 'shop/a', 'shop/a:http', 'shop/none');
    await client.hear();
    client.ack();
    client.drop('shop/a', 'shop/a:http', 'shop/none');
    expect((await client.hear()).toSorted()).toEqual([
      'shop/a is not there',
      'shop/a:http: 10.0.0.1',
      'shop/none is not there',
    ]);
    client.ack();
    cache.publish([assignmentOf('a', two)]);
    expect(await client.hear()).toEqual(['shop/a:http: 10.0.0.2']);
  });

  test('D15: "*" comes and goes beside names', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a:http');
    expect(await client.hear()).toEqual(['shop/a:http: 10.0.0.1']);
    client.ack();
    client.want('*');
    const all = ['shop/a:http: 10.0.0.1', 'shop/b:http: 10.0.0.1', 'shop/fence:http: 10.0.0.1'];
    expect((await client.hear()).toSorted()).toEqual(all);
    client.ack();
    cache.publish([assignmentOf('c', one)]);
    expect(await client.hear()).toEqual(['shop/c:http: 10.0.0.1']);
    client.ack();
    cache.remove(serviceKey('shop', 'c'));
    expect(await client.hear()).toEqual(['shop/c:http is not there']);
    client.ack();
    client.drop('*');
    await client.silence();
    cache.publish([assignmentOf('a', two), assignmentOf('b', two), assignmentOf('d', two)]);
    expect(await client.hear()).toEqual(['shop/a:http: 10.0.0.2']);
  });

  test('D16: for endpoints no names are no wish, be it in the first request or when all were given up', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want();
    client.want('shop/a');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    client.ack();
    client.drop('shop/a');
    client.want();
    await client.silence();
    cache.publish([assignmentOf('a', two)]);
    await client.silence();
  });

  test('D17: a name that one request gives up and asks for is asked for', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    client.ack();
    client.say({ resource_names_subscribe: ['shop/a'], resource_names_unsubscribe: ['shop/a'] });
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
    client.ack();
    cache.publish([assignmentOf('a', two)]);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.2']);
  });

  test('D18: an answer that waits for an ACK is dropped when its name is given up', async () => {
    const { connect } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    client.want('shop/b');
    client.drop('shop/b');
    client.ack();
    await client.silence();
  });

  test('D19: a refused name that is asked for again is sent again', async () => {
    const { connect } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    client.nack();
    client.want('shop/a');
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
  });

  test('D28: what was refused and went is sent when it comes back as it was', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    client.nack();
    await client.silence();
    cache.remove(serviceKey('shop', 'a'));
    expect(await client.hear()).toEqual(['shop/a is not there']);
    client.ack();
    cache.publish([assignmentOf('a', one)]);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.1']);
  });

  test('D20: an ACK that is repeated asks for nothing', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(endpointType);
    client.want('shop/a');
    await client.hear();
    client.ack();
    client.ack();
    await client.silence();
    cache.publish([assignmentOf('a', three)]);
    expect(await client.hear()).toEqual(['shop/a: 10.0.0.3']);
  });
});
