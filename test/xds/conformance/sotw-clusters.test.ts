/** Rules of the state-of-the-world protocol for the types whose responses are complete: clusters, listeners. */
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../../../engine/model.ts';
import { assignmentOf } from '../../support/assignments.ts';
import { clusterType, listenerType, routeType, sotwConversation } from '../../support/xds-dialogue.ts';
import { xdsServer } from '../../support/xds-server.ts';
import { one, shop, two } from './shop.ts';

const all = ['shop/a:http', 'shop/b:http', 'shop/fence:http'];

describe.each(['cds', 'ads'] as const)('clusters by %s', (service) => {
  test('S15: no names are everything until any name was said, and nothing afterwards: four steps', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service).of(clusterType);
    client.want();
    expect(await client.hear()).toEqual(all);
    client.ack();
    client.want('*', 'shop/a');
    expect((await client.hear()).toSorted()).toEqual(['shop/a', ...all]);
    client.ack();
    cache.publish([assignmentOf('c', one)]);
    expect((await client.hear()).toSorted()).toEqual(['shop/a', 'shop/a:http', 'shop/b:http', 'shop/c:http', all[2]]);
    client.ack();
    client.drop('*');
    client.want('shop/b');
    expect((await client.hear()).toSorted()).toEqual(['shop/a', 'shop/b']);
    client.ack();
    client.drop('shop/a', 'shop/b');
    cache.publish([assignmentOf('d', one)]);
    client.want('shop/d');
    expect(await client.hear()).toEqual(['shop/d']);
  });

  test('S16: every response is complete, however large, and whatever is missing', async () => {
    const { connect, cache } = await shop({ limits: { responseBytes: 1 } });
    const everything = sotwConversation(connect(), service).of(clusterType);
    const named = sotwConversation(connect(), service).of(clusterType);
    everything.want();
    expect(await everything.hear()).toEqual(all);
    everything.ack();
    named.want('shop/a', 'shop/c');
    expect(await named.hear()).toEqual(['shop/a']);
    named.ack();
    cache.publish([assignmentOf('c', one)]);
    expect((await everything.hear()).toSorted()).toEqual([...all, 'shop/c:http'].toSorted());
    expect(await named.hear()).toEqual(['shop/a', 'shop/c']);
    named.ack();
    named.want('shop/b');
    expect((await named.hear()).toSorted()).toEqual(['shop/a', 'shop/b', 'shop/c']);
    const unlucky = sotwConversation(connect(), service).of(clusterType);
    unlucky.want('shop/none');
    expect(await unlucky.hear()).toEqual([]);
  });

  test('S17: a cluster that is gone is told by a response without it, the last one by an empty response', async () => {
    const { connect, cache } = await xdsServer([assignmentOf('a', one), assignmentOf('b', one)]);
    const client = sotwConversation(connect(), service).of(clusterType);
    client.want();
    await client.hear();
    client.ack();
    cache.remove(serviceKey('shop', 'a'));
    expect(await client.hear()).toEqual(['shop/b:http']);
    client.ack();
    cache.remove(serviceKey('shop', 'b'));
    expect(await client.hear()).toEqual([]);
    client.ack();
    cache.publish([assignmentOf('a', one)]);
    expect(await client.hear()).toEqual(['shop/a:http']);
  });

  test('S18: everything is answered even if there is nothing: a client that waits for it would wait for ever', async () => {
    const { connect } = await xdsServer([]);
    for (const names of [[], ['*']]) {
      const client = sotwConversation(connect(), service).of(clusterType);
      client.want(...names);
      expect(await client.next()).toMatchObject({ type_url: clusterType, nonce: expect.stringMatching(/./) as string });
    }
  });

  test('S19: endpoints that change are no change of their cluster', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service).of(clusterType);
    client.want();
    await client.hear();
    client.ack();
    cache.publish([assignmentOf('a', two), assignmentOf('b')]);
    await client.silence();
  });

  test('S20: a refused response is not repeated, and the next one is complete all the same', async () => {
    const { connect, cache } = await shop();
    const client = sotwConversation(connect(), service).of(clusterType);
    client.want('*');
    await client.hear();
    client.nack();
    cache.publish([assignmentOf('a', two)]);
    cache.publish([assignmentOf('c', one)]);
    expect((await client.hear()).toSorted()).toEqual([...all, 'shop/c:http'].toSorted());
  });

  test('S21: the version of everything is that of its content, on every server', async () => {
    const versionOf = async (...names: readonly string[]) => {
      const { connect } = await xdsServer(names.map((name) => assignmentOf(name, one)));
      const client = sotwConversation(connect(), service).of(clusterType);
      client.want();
      return (await client.next()).version_info;
    };
    const version = await versionOf('a', 'b');
    expect(version).toMatch(/./);
    expect(await versionOf('a', 'b')).toBe(version);
    expect(await versionOf('b', 'a')).toBe(version);
    expect(await versionOf('a', 'c')).not.toBe(version);
    expect(await versionOf('a')).not.toBe(await versionOf('b'));
    expect(await versionOf()).toMatch(/./);
  });
});

test('S22: listeners and routes are an explicit empty set', async () => {
  const { connect } = await shop();
  const { of } = sotwConversation(connect(), 'ads');
  of(listenerType).want();
  expect(await of(listenerType).next()).toMatchObject({ type_url: listenerType });
  of(listenerType).ack();
  of(routeType).want('web');
  expect(await of(routeType).next()).toMatchObject({ type_url: routeType });
});
