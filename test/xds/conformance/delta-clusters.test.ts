/** Rules of the delta protocol for the types that a client asks for without naming any: clusters, listeners. */
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../../../engine/model.ts';
import { assignmentOf } from '../../support/assignments.ts';
import { clusterType, deltaConversation, listenerType, routeType } from '../../support/xds-dialogue.ts';
import { xdsServer } from '../../support/xds-server.ts';
import { one, shop } from './shop.ts';

const all = ['shop/a:http', 'shop/b:http', 'shop/fence:http'];

describe.each(['cds', 'ads'] as const)('clusters by delta %s', (service) => {
  test('D21: no names in the first request are everything, until "*" is given up: four steps', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(clusterType);
    client.want();
    expect(await client.hear()).toEqual(all);
    client.ack();
    client.want('shop/a');
    expect(await client.hear()).toEqual(['shop/a']);
    client.ack();
    cache.publish([assignmentOf('c', one)]);
    expect(await client.hear()).toEqual(['shop/c:http']);
    client.ack();
    client.drop('*');
    await client.silence();
    cache.publish([assignmentOf('d', one)]);
    cache.remove(serviceKey('shop', 'a'));
    expect(await client.hear()).toEqual(['shop/a is not there']);
    client.ack();
    client.drop('shop/a');
    client.want();
    await client.silence();
    cache.publish([assignmentOf('a', one), assignmentOf('e', one)]);
    await client.silence();
  });

  test('D22: giving up names does not end everything that was asked for without names', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(clusterType);
    client.want();
    await client.hear();
    client.ack();
    client.drop('shop/a:http', 'shop/none');
    await client.silence();
    cache.publish([assignmentOf('c', one)]);
    expect(await client.hear()).toEqual(['shop/c:http']);
  });

  test('D23: everything is answered even if there is nothing, or nothing new', async () => {
    const empty = await xdsServer([]);
    for (const names of [[], ['*']]) {
      const client = deltaConversation(empty.connect(), service).of(clusterType);
      client.want(...names);
      expect(await client.hear()).toEqual([]);
    }
    const { connect } = await shop();
    const first = deltaConversation(connect(), service).of(clusterType);
    first.want();
    const { resources = [] } = await first.next();
    const again = deltaConversation(connect(), service).of(clusterType);
    const versions = resources.map(({ name = '', version = '' }) => [name, version]);
    again.say({
      // A first request is one, whatever nonce it brings from another stream.
      response_nonce: first.nonce(),
      initial_resource_versions: Object.fromEntries(versions) as Record<string, string>,
    });
    expect(await again.hear()).toEqual([]);
  });

  test('D24: who comes back is sent the clusters that are new, and told those that are gone', async () => {
    const before = await shop();
    const first = deltaConversation(before.connect(), service).of(clusterType);
    first.want();
    const { resources = [] } = await first.next();
    const versions = resources.map(({ name = '', version = '' }) => [name, version]);
    const after = await xdsServer([assignmentOf('a', one), assignmentOf('new', one)]);
    const client = deltaConversation(after.connect(), service).of(clusterType);
    client.say({ initial_resource_versions: Object.fromEntries(versions) as Record<string, string> });
    expect((await client.hear()).toSorted()).toEqual([
      'shop/b:http is not there',
      'shop/fence:http is not there',
      'shop/new:http',
    ]);
  });

  test('D25: clusters that come and go are told alone', async () => {
    const { connect, cache } = await shop();
    const client = deltaConversation(connect(), service).of(clusterType);
    client.want('*');
    await client.hear();
    client.ack();
    cache.publish([assignmentOf('c', one)]);
    expect(await client.hear()).toEqual(['shop/c:http']);
    client.ack();
    cache.remove(serviceKey('shop', 'c'));
    expect(await client.hear()).toEqual(['shop/c:http is not there']);
  });
});

test('D27: everything that is asked for again is sent again', async () => {
  const { connect } = await shop();
  const client = deltaConversation(connect(), 'ads').of(clusterType);
  for (const names of [[], ['*'], ['*']]) {
    client.want(...names);
    expect(await client.hear()).toEqual(all);
    client.ack();
  }
});

test('D26: listeners are an explicit empty set, and no route exists', async () => {
  const { connect } = await shop();
  const { of } = deltaConversation(connect(), 'ads');
  of(listenerType).want();
  expect(await of(listenerType).hear()).toEqual([]);
  of(routeType).want('web');
  expect(await of(routeType).hear()).toEqual(['web is not there']);
});
