import { describe, expect, test } from 'vitest';
import { serviceKey } from '../engine/model.ts';
import { anyone, assignmentOf, endpointOf } from '../test/support/assignments.ts';
import { contents, deltaStream, type TestStreamOptions } from '../test/support/xds-stream.ts';
import { createXdsCache } from './cache.ts';

const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');

function world(options: TestStreamOptions = {}) {
  const cache = options.cache ?? createXdsCache();
  if (options.cache === undefined) cache.publish([assignmentOf('a', one), assignmentOf('b', one)]);
  const { say, response, ...stream } = deltaStream({ ...options, cache });
  let nonce = '';
  return {
    cache,
    ...stream,
    say,
    subscribe: (...names: readonly string[]) => say({ resource_names_subscribe: [...names] }),
    unsubscribe: (...names: readonly string[]) => say({ resource_names_unsubscribe: [...names] }),
    /** What is there, and what is not. */
    receive() {
      const got = response();
      nonce = got.nonce ?? '';
      return [...contents(got), ...(got.removed_resources ?? []).map((name) => `${name} is not there`)];
    },
    ack: () => say({ response_nonce: nonce }),
    nack: (message: string) => say({ response_nonce: nonce, error_detail: { code: 3, message } }),
    nonce: () => nonce,
    versionOf: (name: string) => cache.endpoints.resources.get(name, anyone)?.version ?? '',
  };
}

describe('a first request', () => {
  test('is answered with what it names, each with its version', () => {
    const { cache, say, response } = { ...deltaStreamOf() };
    say({ resource_names_subscribe: ['shop/a'] });
    const { resources, type_url } = response();
    expect(type_url).toBe(cache.endpoints.typeUrl);
    expect(resources).toMatchObject([
      { name: 'shop/a', version: cache.endpoints.resources.get('shop/a', anyone)?.version, resource: { type_url } },
    ]);
  });

  test('hears of names that do not exist, and gets them as soon as they do', () => {
    const { cache, subscribe, receive, ack } = world();
    subscribe('shop/a', 'shop/c', 'no name');
    expect(receive()).toEqual(['shop/a: 10.0.0.1', 'shop/c is not there', 'no name is not there']);
    ack();
    cache.publish([assignmentOf('c', one)]);
    expect(receive()).toEqual(['shop/c: 10.0.0.1']);
  });

  test('without names asks for nothing: an empty request for endpoints is no wildcard', () => {
    const { cache, say, heard } = world();
    say({});
    cache.publish([assignmentOf('a', two)]);
    expect(heard()).toEqual([]);
  });
});

function deltaStreamOf() {
  const cache = createXdsCache();
  cache.publish([assignmentOf('a', one)]);
  return { cache, ...deltaStream({ cache }) };
}

describe('a change', () => {
  test('is sent alone, once the last response has its answer, in its newest version', () => {
    const { cache, subscribe, receive, ack, heard } = world();
    subscribe('shop/a', 'shop/b');
    receive();
    cache.publish([assignmentOf('b', two)]);
    cache.publish([assignmentOf('b', one, two)]);
    expect(heard()).toEqual([]);
    ack();
    expect(receive()).toEqual(['shop/b: 10.0.0.1, 10.0.0.2']);
  });

  test('to no endpoints is an empty resource; a Service that is gone is told as such, once', () => {
    const { cache, subscribe, receive, ack, heard } = world();
    subscribe('shop/a', 'shop/b');
    receive();
    ack();
    cache.publish([assignmentOf('a')]);
    expect(receive()).toEqual(['shop/a:']);
    ack();
    cache.remove(serviceKey('shop', 'b'));
    expect(receive()).toEqual(['shop/b is not there']);
    ack();
    cache.remove(serviceKey('shop', 'b'));
    expect(heard()).toEqual([]);
  });

  test('of a Service that went and came back as it was is sent: the client was told that it went', () => {
    const { cache, subscribe, receive, ack } = world();
    subscribe('shop/a');
    receive();
    ack();
    cache.remove(serviceKey('shop', 'a'));
    receive();
    ack();
    cache.publish([assignmentOf('a', one)]);
    expect(receive()).toEqual(['shop/a: 10.0.0.1']);
  });
});

describe('subscribing to a name that is subscribed to', () => {
  test('is always answered: the client may have dropped it', () => {
    const { subscribe, receive, ack } = world();
    subscribe('shop/a', 'shop/c');
    receive();
    ack();
    subscribe('shop/a', 'shop/c');
    expect(receive()).toEqual(['shop/a: 10.0.0.1', 'shop/c is not there']);
  });

  test('even while a response with it is under way', () => {
    const { subscribe, receive, ack, heard } = world();
    subscribe('shop/a');
    receive();
    subscribe('shop/a');
    expect(heard()).toEqual([]);
    ack();
    expect(receive()).toEqual(['shop/a: 10.0.0.1']);
  });

  test('even in the request that gives it up', () => {
    const { say, subscribe, receive, ack } = world();
    subscribe('shop/a');
    receive();
    ack();
    say({ resource_names_subscribe: ['shop/a'], resource_names_unsubscribe: ['shop/a'] });
    expect(receive()).toEqual(['shop/a: 10.0.0.1']);
  });
});

describe('unsubscribing', () => {
  test('gets no answer, and ends the pushes', () => {
    const { cache, subscribe, unsubscribe, receive, ack, heard } = world();
    subscribe('shop/a');
    receive();
    ack();
    unsubscribe('shop/a');
    cache.publish([assignmentOf('a', two)]);
    expect(heard()).toEqual([]);
  });

  test('from what was not subscribed to is ignored', () => {
    const { subscribe, unsubscribe, receive, ack, heard } = world();
    subscribe('shop/a');
    receive();
    ack();
    unsubscribe('shop/b', 'shop/b', '*');
    expect(heard()).toEqual([]);
  });
});

describe('a nonce', () => {
  test('never holds up a change of names, ACK or not', () => {
    const { say, subscribe, receive, nonce, ack, heard } = world();
    subscribe('shop/a');
    receive();
    say({ response_nonce: 'stale', resource_names_subscribe: ['shop/b'] });
    expect(heard()).toEqual([]);
    say({ response_nonce: nonce(), resource_names_subscribe: ['shop/c'] });
    expect(receive()).toEqual(['shop/b: 10.0.0.1', 'shop/c is not there']);
    ack();
    expect(heard()).toEqual([]);
  });

  test('that is repeated asks for nothing', () => {
    const { subscribe, receive, ack, heard } = world();
    subscribe('shop/a');
    receive();
    ack();
    ack();
    expect(heard()).toEqual([]);
  });
});

describe('a NACK', () => {
  test('parks the versions until the content changes', () => {
    const { cache, subscribe, receive, nack, heard } = world();
    subscribe('shop/a');
    receive();
    nack('no good');
    cache.publish([assignmentOf('a', one)]);
    expect(heard()).toEqual([]);
    cache.publish([assignmentOf('a', two)]);
    expect(receive()).toEqual(['shop/a: 10.0.0.2']);
  });

  test('may bring names with it', () => {
    const { say, subscribe, receive, nonce } = world();
    subscribe('shop/a');
    receive();
    say({ response_nonce: nonce(), error_detail: {}, resource_names_subscribe: ['shop/b'] });
    expect(receive()).toEqual(['shop/b: 10.0.0.1']);
  });

  test('ends when the client asks for the name again', () => {
    const { subscribe, receive, nack } = world();
    subscribe('shop/a');
    receive();
    nack('no good');
    subscribe('shop/a');
    expect(receive()).toEqual(['shop/a: 10.0.0.1']);
  });
});

describe('after a reconnect', () => {
  test('names are sent again, known or not, and told when they are gone', () => {
    const { say, versionOf, receive } = world();
    say({
      resource_names_subscribe: ['shop/a', 'shop/gone'],
      initial_resource_versions: { 'shop/a': versionOf('shop/a'), 'shop/gone': '1' },
    });
    expect(receive()).toEqual(['shop/a: 10.0.0.1', 'shop/gone is not there']);
  });

  test('known versions of names that are not asked for do not count', () => {
    const { cache, say, heard } = world();
    say({ initial_resource_versions: { 'shop/a': '1' } });
    cache.publish([assignmentOf('a', two)]);
    expect(heard()).toEqual([]);
  });

  test('everything is what differs from what is known, and what is gone of it', () => {
    const { say, versionOf, receive } = world();
    say({
      resource_names_subscribe: ['*'],
      initial_resource_versions: { 'shop/a:http': versionOf('shop/a:http'), 'shop/b:http': '1', 'shop/gone:http': '1' },
    });
    expect(receive()).toEqual(['shop/b:http: 10.0.0.1', 'shop/gone:http is not there']);
  });

  test('what is said to be known counts in the first request only', () => {
    const { say, versionOf, receive, heard } = world();
    say({});
    expect(heard()).toEqual([]);
    say({
      resource_names_subscribe: ['*'],
      initial_resource_versions: { 'shop/a:http': versionOf('shop/a:http') },
    });
    expect(receive()).toEqual(['shop/a:http: 10.0.0.1', 'shop/b:http: 10.0.0.1']);
  });
});

describe('everything', () => {
  test('is "*": whatever there is, comes and goes', () => {
    const { cache, subscribe, receive, ack } = world();
    subscribe('*');
    expect(receive()).toEqual(['shop/a:http: 10.0.0.1', 'shop/b:http: 10.0.0.1']);
    ack();
    cache.publish([assignmentOf('c', one)]);
    expect(receive()).toEqual(['shop/c:http: 10.0.0.1']);
    ack();
    cache.remove(serviceKey('shop', 'c'));
    expect(receive()).toEqual(['shop/c:http is not there']);
  });

  test('of nothing is answered with nothing: a client that waits for it would wait for ever', () => {
    const { subscribe, ack, receive, heard } = world({ cache: createXdsCache() });
    subscribe('*');
    expect(receive()).toEqual([]);
    ack();
    expect(heard()).toEqual([]);
  });

  test('stays when a name of it is given up, and the answer says whether it still comes', () => {
    const { cache, subscribe, unsubscribe, receive, ack } = world();
    subscribe('*', 'shop/a:http', 'shop/a');
    receive();
    ack();
    unsubscribe('shop/a:http');
    expect(receive()).toEqual(['shop/a:http: 10.0.0.1']);
    ack();
    unsubscribe('shop/a');
    expect(receive()).toEqual(['shop/a is not there']);
    ack();
    cache.publish([assignmentOf('a', two)]);
    expect(receive()).toEqual(['shop/a:http: 10.0.0.2']);
  });

  test('can be asked for again', () => {
    const { subscribe, receive, ack } = world();
    subscribe('*');
    const first = receive();
    ack();
    subscribe('*');
    expect(receive()).toEqual(first);
  });

  test('is what no names mean for types with the legacy wildcard, until it is given up: four steps', () => {
    const cache = createXdsCache();
    cache.publish([assignmentOf('a', one), assignmentOf('b', one)]);
    const type = { ...cache.endpoints, legacyWildcard: true };
    const { say, subscribe, unsubscribe, receive, ack, heard } = world({ cache, types: [type] });
    say({});
    expect(receive()).toEqual(['shop/a:http: 10.0.0.1', 'shop/b:http: 10.0.0.1']);
    ack();
    subscribe('shop/a');
    expect(receive()).toEqual(['shop/a: 10.0.0.1']);
    ack();
    unsubscribe('*');
    cache.publish([assignmentOf('b', two)]);
    expect(heard()).toEqual([]);
    unsubscribe('shop/a');
    cache.publish([assignmentOf('a', two)]);
    say({});
    expect(heard()).toEqual([]);
  });
});
