import { describe, expect, test } from 'vitest';
import { serviceKey } from '../engine/model.ts';
import { anyone, assignmentOf, endpointOf } from '../test/support/assignments.ts';
import { contents, sotwStream, type TestStreamOptions } from '../test/support/xds-stream.ts';
import { createXdsCache } from './cache.ts';

const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');

function world(options: TestStreamOptions = {}) {
  const cache = options.cache ?? createXdsCache();
  if (options.cache === undefined) cache.publish([assignmentOf('a', one), assignmentOf('b', one)]);
  const { say, response, ...stream } = sotwStream({ ...options, cache });
  let nonce = '';
  let names: readonly string[] = [];
  return {
    cache,
    ...stream,
    say,
    /** A first request, or a change of names, with the nonce the client knows. */
    ask(...wanted: readonly string[]) {
      names = wanted;
      say({ resource_names: [...names], response_nonce: nonce });
    },
    receive() {
      const got = response();
      nonce = got.nonce ?? '';
      return got;
    },
    ack: () => say({ resource_names: [...names], response_nonce: nonce }),
    nack: (message: string) =>
      say({ resource_names: [...names], response_nonce: nonce, error_detail: { code: 3, message } }),
  };
}

test('a refusal is of what was sent: a name that was given up and asked for anew since is sent, and parked if refused', () => {
  const { say, receive, nack, heard } = world();
  const both = { resource_names: ['shop/a', 'shop/b'] };
  say(both);
  const { nonce = '' } = receive();
  say({ resource_names: ['shop/b'] });
  say(both);
  say({ ...both, response_nonce: nonce, error_detail: { code: 3, message: 'no' } });
  expect(contents(receive())).toEqual(['shop/a: 10.0.0.1']);
  say({ ...both, response_nonce: 'stale' });
  nack('no');
  expect(heard()).toEqual([]);
});

describe('a first request', () => {
  test('is answered with what it names', () => {
    const { ask, receive } = world();
    ask('shop/a', 'shop/b');
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.1', 'shop/b: 10.0.0.1']);
  });

  test('is answered though it tells a version and a nonce of an earlier stream', () => {
    const { cache, say, receive } = world();
    say({
      resource_names: ['shop/a'],
      version_info: cache.endpoints.resources.get('shop/a', anyone)?.version ?? '',
      response_nonce: 's1.1',
    });
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.1']);
  });

  test('gets silence for a name that means nothing, and the resource as soon as there is one', () => {
    const { cache, ask, heard, receive } = world();
    ask('shop/c');
    expect(heard()).toEqual([]);
    cache.publish([assignmentOf('c', one)]);
    expect(contents(receive())).toEqual(['shop/c: 10.0.0.1']);
  });

  test('without names asks for nothing: an empty request for endpoints is no wildcard', () => {
    const { cache, ask, heard } = world();
    ask();
    cache.publish([assignmentOf('a', two)]);
    expect(heard()).toEqual([]);
  });

  test('may name the same twice', () => {
    const { ask, receive } = world();
    ask('shop/a', 'shop/a');
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.1']);
  });
});

describe('an ACK', () => {
  test('gets no reply', () => {
    const { ask, receive, ack, heard } = world();
    ask('shop/a');
    receive();
    ack();
    expect(heard()).toEqual([]);
  });

  test('is answered with what changed since, in its newest version', () => {
    const { cache, ask, receive, ack, heard } = world();
    ask('shop/a');
    receive();
    cache.publish([assignmentOf('a', one, two)]);
    cache.publish([assignmentOf('a', two)]);
    expect(heard()).toEqual([]);
    ack();
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.2']);
  });

  test('is answered with nothing when what changed changed back', () => {
    const { cache, ask, receive, ack, heard } = world();
    ask('shop/a');
    receive();
    cache.publish([assignmentOf('a', two)]);
    cache.publish([assignmentOf('a', one)]);
    ack();
    expect(heard()).toEqual([]);
  });
});

describe('a change', () => {
  test('is sent alone: what did not change is not repeated', () => {
    const { cache, ask, receive, ack } = world();
    ask('shop/a', 'shop/b');
    receive();
    ack();
    cache.publish([assignmentOf('a', one), assignmentOf('b', two)]);
    expect(contents(receive())).toEqual(['shop/b: 10.0.0.2']);
  });

  test('of several names at once is one response', () => {
    const { cache, ask, receive, ack } = world();
    ask('shop/a', 'shop/b');
    receive();
    ack();
    cache.publish([assignmentOf('a', two), assignmentOf('b', two)]);
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.2', 'shop/b: 10.0.0.2']);
  });

  test('to no endpoints is sent; a Service that is gone is silence', () => {
    const { cache, ask, receive, ack, heard } = world();
    ask('shop/a', 'shop/b');
    receive();
    ack();
    cache.remove(serviceKey('shop', 'a'));
    expect(heard()).toEqual([]);
    cache.publish([assignmentOf('b')]);
    expect(contents(receive())).toEqual(['shop/b:']);
  });

  test('of a Service that went and came back as it was is no change', () => {
    const { cache, ask, receive, ack, heard } = world();
    ask('shop/a');
    receive();
    ack();
    cache.remove(serviceKey('shop', 'a'));
    cache.publish([assignmentOf('a', one)]);
    expect(heard()).toEqual([]);
  });
});

describe('a NACK', () => {
  test('parks the version until the content changes', () => {
    const { cache, ask, receive, nack, ack, heard } = world();
    ask('shop/a');
    receive();
    nack('no good');
    cache.publish([assignmentOf('a', one)]);
    expect(heard()).toEqual([]);
    cache.publish([assignmentOf('a', two)]);
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.2']);
    ack();
    expect(heard()).toEqual([]);
  });

  test('is known by its error alone, whatever names come with it', () => {
    const { cache, ask, say, receive, heard } = world();
    ask('shop/a');
    const { nonce = '' } = receive();
    say({ resource_names: ['shop/a', 'shop/b'], response_nonce: nonce, error_detail: { message: 'no good' } });
    expect(contents(receive())).toEqual(['shop/b: 10.0.0.1']);
    cache.publish([assignmentOf('a', one)]);
    expect(heard()).toEqual([]);
  });

  test('that is repeated changes nothing', () => {
    const { ask, receive, nack, heard } = world();
    ask('shop/a');
    receive();
    nack('no good');
    nack('no good');
    expect(heard()).toEqual([]);
  });

  test('does not hold back other names', () => {
    const { cache, ask, receive, nack, ack } = world();
    ask('shop/a');
    receive();
    nack('no good');
    ask('shop/a', 'shop/b');
    expect(contents(receive())).toEqual(['shop/b: 10.0.0.1']);
    ack();
    cache.publish([assignmentOf('b', two)]);
    expect(contents(receive())).toEqual(['shop/b: 10.0.0.2']);
  });

  test('goes back to what the client has, when the content does', () => {
    const { cache, ask, receive, ack, nack } = world();
    ask('shop/a');
    receive();
    ack();
    cache.publish([assignmentOf('a', two)]);
    receive();
    nack('no good');
    cache.publish([assignmentOf('a', one)]);
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.1']);
  });
});

describe('a stale nonce', () => {
  test('is no ACK', () => {
    const { cache, ask, say, receive, ack, heard } = world();
    ask('shop/a');
    const { nonce: old = '' } = receive();
    ack();
    cache.publish([assignmentOf('a', two)]);
    receive();
    cache.publish([assignmentOf('a', one, two)]);
    say({ resource_names: ['shop/a'], response_nonce: old });
    expect(heard()).toEqual([]);
    ack();
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.1, 10.0.0.2']);
  });

  test('with changed names is honoured, when the newest response has its answer', () => {
    const { cache, ask, say, receive, ack, heard } = world();
    ask('shop/a');
    const { nonce: old = '' } = receive();
    ack();
    cache.publish([assignmentOf('a', two)]);
    const { nonce = '' } = receive();
    say({ resource_names: ['shop/b'], response_nonce: old });
    expect(heard()).toEqual([]);
    say({ resource_names: ['shop/b'], response_nonce: nonce });
    expect(contents(receive())).toEqual(['shop/b: 10.0.0.1']);
  });

  test('from an earlier stream is never taken for one of this', () => {
    const { nonce: earlier } = (() => {
      const { ask, receive } = world({ nonceTag: 's1' });
      ask('shop/a');
      return receive();
    })();
    const { cache, ask, say, receive, heard } = world({ nonceTag: 's2' });
    ask('shop/a');
    receive();
    say({ resource_names: ['shop/a'], response_nonce: earlier ?? '' });
    cache.publish([assignmentOf('a', two)]);
    expect(heard()).toEqual([]);
  });
});

describe('names that change', () => {
  test('are sent when they are new, and only those', () => {
    const { ask, receive, ack } = world();
    ask('shop/a');
    receive();
    ack();
    ask('shop/a', 'shop/b');
    expect(contents(receive())).toEqual(['shop/b: 10.0.0.1']);
  });

  test('are sent again when they were given up and asked for anew', () => {
    const { ask, receive, ack, heard } = world();
    ask('shop/a', 'shop/b');
    receive();
    ack();
    ask('shop/b');
    expect(heard()).toEqual([]);
    ask('shop/a', 'shop/b');
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.1']);
  });

  test('are no more pushed when they were given up', () => {
    const { cache, ask, receive, ack, heard } = world();
    ask('shop/a');
    receive();
    ack();
    ask();
    cache.publish([assignmentOf('a', two)]);
    expect(heard()).toEqual([]);
  });
});

describe('a request that repeats an answered nonce and the same names', () => {
  test('is answered, changed or not: an Envoy that replaces a cluster waits for it', () => {
    const { ask, receive, ack, heard } = world();
    ask('shop/a');
    receive();
    ack();
    ack();
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.1']);
    ack();
    expect(heard()).toEqual([]);
  });

  test('is not answered with what was refused', () => {
    const { ask, receive, nack, ack, heard } = world();
    ask('shop/a');
    receive();
    nack('no good');
    ack();
    expect(heard()).toEqual([]);
  });
});

describe('everything', () => {
  test('is "*": one name per port, and whatever comes later', () => {
    const { cache, ask, receive, ack } = world();
    ask('*');
    expect(contents(receive())).toEqual(['shop/a:http: 10.0.0.1', 'shop/b:http: 10.0.0.1']);
    ack();
    cache.publish([assignmentOf('c', two)]);
    expect(contents(receive())).toEqual(['shop/c:http: 10.0.0.2']);
  });

  test('of nothing is silence: an empty answer would end a wait', () => {
    const { ask, heard } = world({ cache: createXdsCache() });
    ask('*');
    expect(heard()).toEqual([]);
  });

  test('may come with names of its own, and end without them', () => {
    const { cache, ask, receive, ack, heard } = world();
    ask('*', 'shop/a');
    expect(contents(receive())).toEqual(['shop/a:http: 10.0.0.1', 'shop/b:http: 10.0.0.1', 'shop/a: 10.0.0.1']);
    ack();
    ask('shop/a');
    cache.publish([assignmentOf('b', two)]);
    expect(heard()).toEqual([]);
    cache.publish([assignmentOf('a', two)]);
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.2']);
  });

  test('is what no names mean for types with the legacy wildcard, until a name was said: four steps', () => {
    const cache = createXdsCache();
    cache.publish([assignmentOf('a', one), assignmentOf('b', one)]);
    const { ask, receive, ack, heard } = world({ types: [{ ...cache.endpoints, legacyWildcard: true }] });
    ask();
    expect(contents(receive())).toEqual(['shop/a:http: 10.0.0.1', 'shop/b:http: 10.0.0.1']);
    ack();
    ask('*', 'shop/a');
    expect(contents(receive())).toEqual(['shop/a: 10.0.0.1']);
    ack();
    ask('shop/a');
    cache.publish([assignmentOf('b', two)]);
    expect(heard()).toEqual([]);
    ask();
    cache.publish([assignmentOf('a', two)]);
    expect(heard()).toEqual([]);
  });
});

test('what changes does not wait for what was refused to be taken apart', () => {
  const cache = createXdsCache();
  cache.publish(['a', 'b', 'c', 'd'].map((name) => assignmentOf(name, one)));
  const { ask, receive, ack, nack } = world({ cache });
  ask('shop/a', 'shop/b', 'shop/c', 'shop/d');
  receive();
  nack('one of them is no good');
  expect(contents(receive())).toEqual(['shop/a: 10.0.0.1']);
  cache.publish([assignmentOf('d', two), assignmentOf('c', two)]);
  nack('this one');
  expect(contents(receive()).toSorted()).toEqual(['shop/c: 10.0.0.2', 'shop/d: 10.0.0.2']);
  ack();
  expect(contents(receive())).toEqual(['shop/b: 10.0.0.1']);
});
