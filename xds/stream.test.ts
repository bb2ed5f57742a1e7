import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { AssignedEndpoint } from '../engine/assignment/assignment.ts';
import { anyone, assignmentOf, endpointOf } from '../test/support/assignments.ts';
import { createManualClock } from '../test/support/manual-clock.ts';
import { contents, deltaStream, sotwStream } from '../test/support/xds-stream.ts';
import { createXdsCache, type XdsCache } from './cache.ts';
import type { Push } from './exchange.ts';
import { silentObserver, type XdsObserver } from './observer.ts';
import { createResource } from './resource.ts';
import { endpointType } from './types.ts';

const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');
const otherType = 'type.googleapis.com/envoy.service.runtime.v3.Runtime';

function serving(...names: readonly string[]): XdsCache {
  const cache = createXdsCache();
  cache.publish(names.map((name) => assignmentOf(name, one)));
  return cache;
}

describe('a client that does not read', () => {
  test('is sent nothing more, and gets the newest state when it reads again', () => {
    const cache = serving('a', 'b');
    const { say, response, heard, stall } = sotwStream({ cache });
    const readOn = stall();
    say({ resource_names: ['shop/a'] });
    const { nonce = '' } = response();
    say({ resource_names: ['shop/a', 'shop/b'], response_nonce: nonce });
    cache.publish([assignmentOf('a', two)]);
    cache.publish([assignmentOf('a', one, two)]);
    expect(heard()).toEqual([]);
    readOn();
    expect(contents(response())).toEqual(['shop/b: 10.0.0.1', 'shop/a: 10.0.0.1, 10.0.0.2']);
  });
});

describe('a response that would be too large', () => {
  test('is continued when the first part has its answer', () => {
    const cache = serving('a', 'b', 'c');
    const { say, response, heard } = sotwStream({ cache, limits: { responseBytes: 1 } });
    const resource_names = ['shop/a', 'shop/b', 'shop/c'];
    say({ resource_names });
    const seen: string[] = [];
    for (const _ of resource_names) {
      const got = response();
      seen.push(...contents(got));
      say({ resource_names, response_nonce: got.nonce ?? '' });
    }
    expect(seen).toEqual(['shop/a: 10.0.0.1', 'shop/b: 10.0.0.1', 'shop/c: 10.0.0.1']);
    expect(heard()).toEqual([]);
  });
});

describe('an aggregated stream', () => {
  test('needs a type in each request', () => {
    const { say, ended } = sotwStream({ cache: serving('a'), isAggregated: true });
    say({ resource_names: ['shop/a'] });
    expect(ended()).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining('type_url') });
  });

  test('keeps types apart: each has its own unanswered response, and no nonce passes for that of another', () => {
    const cache = serving('a');
    const get = (name: string) => {
      const version = cache.endpoints.resources.get(name, anyone)?.version;
      return version === undefined
        ? undefined
        : createResource({ typeUrl: otherType, name, version, message: Buffer.alloc(0), servedSinceMs: 0 });
    };
    const other = { ...cache.endpoints, typeUrl: otherType, resources: { ...cache.endpoints.resources, get } };
    const { say, heard, response } = sotwStream({ types: [cache.endpoints, other], isAggregated: true });
    const ask = (type_url: string, response_nonce = '') =>
      say({ type_url, resource_names: ['shop/a'], response_nonce });
    ask(endpointType);
    ask(otherType);
    const [first, second] = heard();
    expect([first?.type_url, second?.type_url]).toEqual([endpointType, otherType]);
    cache.publish([assignmentOf('a', two)]);
    ask(endpointType, second?.nonce);
    expect(heard()).toEqual([]);
    ask(otherType, second?.nonce);
    expect(response().type_url).toBe(otherType);
  });

  test('outlives a type that nobody has: silence for state of the world, and counted once', () => {
    const unknown: unknown[] = [];
    const { say, heard, ended, response } = sotwStream({
      cache: serving('a'),
      isAggregated: true,
      observer: { unknownType: (_, typeUrl) => unknown.push(typeUrl) },
    });
    say({ type_url: otherType });
    say({ type_url: otherType, resource_names: ['x'] });
    expect([heard(), ended(), unknown]).toEqual([[], undefined, [otherType]]);
    say({ type_url: endpointType, resource_names: ['shop/a'] });
    expect(contents(response())).toEqual(['shop/a: 10.0.0.1']);
  });

  test('tells delta clients that no name of such a type exists', () => {
    const { say, response, heard } = deltaStream({ cache: serving('a'), isAggregated: true });
    say({ type_url: otherType });
    expect(heard()).toEqual([]);
    say({ type_url: otherType, resource_names_subscribe: ['x', 'shop/a'] });
    expect(response()).toMatchObject({ type_url: otherType, removed_resources: ['x', 'shop/a'] });
  });

  test('has a limit on types', () => {
    const { say, ended } = deltaStream({ cache: serving('a'), isAggregated: true, limits: { maxTypesPerStream: 1 } });
    say({ type_url: endpointType });
    expect(ended()).toBeUndefined();
    say({ type_url: otherType });
    expect(ended()).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });
});

describe('a stream for one type', () => {
  test('may leave the type out, or say it', () => {
    for (const type_url of ['', endpointType]) {
      const { say, response } = sotwStream({ cache: serving('a') });
      say({ resource_names: ['shop/a'], type_url });
      expect(contents(response())).toEqual(['shop/a: 10.0.0.1']);
    }
  });

  test('refuses another', () => {
    const { say, ended } = sotwStream({ cache: serving('a') });
    say({ resource_names: ['shop/a'], type_url: otherType });
    expect(ended()).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(endpointType) });
  });
});

describe('limits', () => {
  test('of names are for the whole stream, over all its requests', () => {
    const { say, ended } = deltaStream({ cache: serving('a'), limits: { maxNamesPerStream: 2 } });
    say({ resource_names_subscribe: ['a', 'b'] });
    say({ resource_names_subscribe: ['c'], resource_names_unsubscribe: ['a'] });
    expect(ended()).toBeUndefined();
    say({ resource_names_subscribe: ['d'] });
    expect(ended()).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: expect.stringContaining('2') });
  });
});

describe('a stream that ended', () => {
  test('watches nothing any more', () => {
    const { resources, ...type } = serving('a').endpoints;
    const watched = new Set<string>();
    const { say, stream } = sotwStream({
      types: [
        {
          ...type,
          resources: {
            ...resources,
            watch: (name) => void watched.add(name),
            unwatch: (name) => void watched.delete(name),
            watchListed: () => void watched.add('*'),
            unwatchListed: () => void watched.delete('*'),
          },
        },
      ],
    });
    say({ resource_names: ['shop/a', 'shop/c', '*'] });
    expect([...watched].toSorted()).toEqual(['*', 'shop/a', 'shop/c']);
    stream.close();
    expect([...watched]).toEqual([]);
  });

  test('for something that is no request says so, and hears nothing more', () => {
    const faults: unknown[] = [];
    const { stream, say, heard, ended } = sotwStream({
      cache: serving('a'),
      observer: { streamClosed: (_, fault) => faults.push(fault) },
    });
    stream.receive(Uint8Array.from([0xff]));
    expect(ended()).toEqual(expect.objectContaining({ code: status.INVALID_ARGUMENT }));
    say({ resource_names: ['shop/a'] });
    stream.close();
    expect([heard(), faults]).toEqual([[], ['the request is not a DiscoveryRequest']]);
  });

  test('for a fault of our own tells the log, and the client only that', () => {
    const faults: unknown[] = [];
    const cache = serving('a');
    const broken = () => {
      throw new Error('a secret');
    };
    const resources = { ...cache.endpoints.resources, get: broken };
    const { say, ended } = sotwStream({
      types: [{ ...cache.endpoints, resources }],
      observer: { streamClosed: (_, fault) => faults.push(fault) },
    });
    say({ resource_names: ['shop/a'] });
    expect(ended()).toMatchObject({ code: status.INTERNAL, details: expect.not.stringContaining('secret') });
    expect(faults).toEqual([expect.stringContaining('a secret')]);
  });
});

test('what happens is told', () => {
  const told: unknown[] = [];
  const tell =
    (event: string) =>
    (_: unknown, ...rest: readonly unknown[]) =>
      void told.push([event, ...rest]);
  const observer: XdsObserver = {
    ...silentObserver,
    streamOpened: tell('opened'),
    streamClosed: tell('closed'),
    requested: tell('requested'),
    pushed: tell('pushed'),
    acked: tell('acked'),
    nacked: tell('nacked'),
    taken: tell('taken'),
    staleNonce: tell('stale nonce'),
    unknownName: tell('unknown name'),
    refusedName: tell('refused name'),
    unknownType: tell('unknown type'),
  };
  const cache = serving('a');
  const { say, response, stream } = sotwStream({ cache, observer });
  const names = { resource_names: ['shop/a', 'shop/c'] };
  say({ ...names, node: { id: 'n1' } });
  const first = response();
  say({ ...names, response_nonce: first.nonce ?? '' });
  cache.publish([assignmentOf('a', two)]);
  const second = response();
  say({ ...names, response_nonce: first.nonce ?? '' });
  say(names);
  say({ ...names, response_nonce: second.nonce ?? '', error_detail: { message: 'no good' } });
  stream.close();
  const push = ({ nonce, version_info: version }: typeof first) =>
    expect.objectContaining({ nonce, version }) as unknown;
  expect(told).toEqual([
    ['opened'],
    ['requested', endpointType, expect.any(Number)],
    ['unknown name', endpointType, 'shop/c'],
    ['pushed', endpointType, push(first), expect.any(Number)],
    ['taken', endpointType, 0],
    ['requested', endpointType, expect.any(Number)],
    ['acked', endpointType, push(first), 0],
    ['pushed', endpointType, push(second), expect.any(Number)],
    ['taken', endpointType, 0],
    ['requested', endpointType, expect.any(Number)],
    ['stale nonce', endpointType],
    ['requested', endpointType, expect.any(Number)],
    ['requested', endpointType, expect.any(Number)],
    ['nacked', endpointType, push(second), 'no good'],
    ['closed', undefined],
  ]);
  expect(stream.info.node()?.id).toBe('n1');
});

test('its exchanges tell what it was sent, what it accepted and what it refused', async () => {
  const cache = serving('a', 'b');
  const { say, response, stream, clock } = sotwStream({ cache });
  const openedAtMs = clock.now();
  const resource_names = ['shop/a', 'shop/b', 'shop/c'];
  say({ resource_names });
  const { nonce = '', version_info } = response();
  await clock.advance(5);
  const version = cache.endpoints.resources.get('shop/a', anyone)?.version;
  const views = () =>
    [...stream.exchanges()].map((exchange) => ({
      typeUrl: exchange.typeUrl,
      ...exchange.view(),
      names: exchange.subscription.view(),
    }));
  expect(stream.openedAtMs).toBe(openedAtMs);
  expect(views()).toEqual([
    {
      typeUrl: endpointType,
      sentVersion: version_info,
      waitingSinceMs: openedAtMs,
      names: [{ name: 'shop/a', sentVersion: version }, { name: 'shop/b', sentVersion: version }, { name: 'shop/c' }],
    },
  ]);
  say({ resource_names, response_nonce: nonce });
  cache.publish([assignmentOf('b', two)]);
  const next = response();
  say({ resource_names, response_nonce: next.nonce ?? '', error_detail: { message: 'no good' } });
  const refusal = { version: next.version_info, message: 'no good', atMs: clock.now() };
  expect(views()).toEqual([
    {
      typeUrl: endpointType,
      sentVersion: next.version_info,
      ackedVersion: version_info,
      nack: refusal,
      names: [
        { name: 'shop/a', sentVersion: version, acceptedVersion: version },
        { name: 'shop/b', sentVersion: next.version_info, acceptedVersion: version, refusal },
        { name: 'shop/c' },
      ],
    },
  ]);
});

test('a change is told from what is new to the client, with the moment it was published', async () => {
  const clock = createManualClock();
  const cache = createXdsCache({ clock });
  const publish = async (name: string, endpoint: AssignedEndpoint) => {
    await clock.advance(1000);
    cache.publish([assignmentOf(name, endpoint)]);
    return clock.now();
  };
  await publish('a', one);
  await publish('b', one);
  const changes: unknown[] = [];
  const observer = { pushed: (_: unknown, _type: unknown, push: Push) => void changes.push(push.changedAtMs) };
  const { say, response } = sotwStream({ cache, observer });
  say({ resource_names: ['shop/a'] });
  const first = response();
  // The first answer is under way all the while.
  const changedAtMs = await publish('a', two);
  await publish('b', two);
  say({ resource_names: ['shop/a'], response_nonce: first.nonce ?? '' });
  const both = { resource_names: ['shop/a', 'shop/b'] };
  say({ ...both, response_nonce: response().nonce ?? '' });
  const third = response();
  const firstOfTwoMs = await publish('a', one);
  await publish('b', one);
  say({ ...both, response_nonce: third.nonce ?? '' });
  expect(changes).toEqual([undefined, changedAtMs, undefined, firstOfTwoMs]);
});

test('a refusal is not forgotten because the client accepts something else', () => {
  const cache = serving('a', 'b');
  const { say, response, stream } = sotwStream({ cache });
  const names = { resource_names: ['shop/a', 'shop/b'] };
  const accept = () => say({ ...names, response_nonce: response().nonce ?? '' });
  const nack = () => [...stream.exchanges()][0]?.view().nack?.message;
  say(names);
  accept();
  cache.publish([assignmentOf('a', two)]);
  say({ ...names, response_nonce: response().nonce ?? '', error_detail: { message: 'no good' } });
  cache.publish([assignmentOf('b', two)]);
  accept();
  expect(nack()).toBe('no good');
  cache.publish([assignmentOf('a', one, two)]);
  accept();
  expect(nack()).toBeUndefined();
});
