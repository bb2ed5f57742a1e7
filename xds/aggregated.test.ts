/** Clusters and endpoints on one stream, full state, who may ask for what, and who is told that something is absent. */
import { describe, expect, test } from 'vitest';
import { serviceKey } from '../engine/model.ts';
import { assignmentOf, endpointOf, portOf } from '../test/support/assignments.ts';
import { protos, type SotwResponseMessage } from '../test/support/protos.ts';
import { contents, deltaStream, sotwStream, type TestStreamOptions } from '../test/support/xds-stream.ts';
import { createXdsCache } from './cache.ts';
import { clusterType, endpointType, listenerType, routeType } from './types.ts';
import { bytesTag, readFields, readNested, varintTag } from './wire.ts';

const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');

function serving(...names: readonly string[]) {
  const cache = createXdsCache();
  cache.publish(names.map((name) => assignmentOf(name, one)));
  return cache;
}

function clusterNames({ resources = [] }: SotwResponseMessage): readonly string[] {
  const { deserialize } = protos['envoy.config.cluster.v3.Cluster'];
  return resources.map(({ value }) => deserialize(value ?? Buffer.alloc(0)).name ?? '');
}

function sotwWorld(options: TestStreamOptions = {}) {
  const stream = sotwStream({ isAggregated: true, ...options });
  const nonces = new Map<string, string>();
  const ask = (type_url: string, ...resource_names: readonly string[]) =>
    stream.say({ type_url, resource_names: [...resource_names], response_nonce: nonces.get(type_url) ?? '' });
  return {
    ...stream,
    ask,
    /** What came, its nonces noted. */
    receive() {
      const got = stream.heard();
      for (const { type_url = '', nonce = '' } of got) nonces.set(type_url, nonce);
      return got;
    },
  };
}

describe('clusters in state of the world', () => {
  test('are all there are, each time', () => {
    const cache = serving('a', 'b');
    const { ask, receive } = sotwWorld({ cache });
    ask(clusterType);
    expect(receive().map(clusterNames)).toEqual([['shop/a:http', 'shop/b:http']]);
    ask(clusterType);
    cache.publish([assignmentOf('c', one)]);
    expect(receive().map(clusterNames)).toEqual([['shop/a:http', 'shop/b:http', 'shop/c:http']]);
    ask(clusterType);
    cache.remove(serviceKey('shop', 'a'));
    expect(receive().map(clusterNames)).toEqual([['shop/b:http', 'shop/c:http']]);
  });

  test('are not sent again for a change of endpoints', () => {
    const cache = serving('a');
    const { ask, receive } = sotwWorld({ cache });
    ask(clusterType);
    receive();
    ask(clusterType);
    cache.publish([assignmentOf('a', two)]);
    expect(receive()).toEqual([]);
  });

  test('change with what ejected endpoints are marked as', () => {
    const cache = serving('a');
    const { ask, receive } = sotwWorld({ cache });
    ask(clusterType);
    const [first] = receive();
    ask(clusterType);
    cache.publish([{ service: serviceKey('shop', 'a'), ports: [{ ...portOf([]), ejectedAs: 'UNHEALTHY' }] }]);
    const [second] = receive();
    expect(second?.version_info).not.toBe(first?.version_info);
  });

  test('by name are answered even when there are none, and come when there are', () => {
    const cache = serving('a');
    const { ask, receive } = sotwWorld({ cache });
    ask(clusterType, 'shop/c');
    expect(receive().map(clusterNames)).toEqual([[]]);
    ask(clusterType, 'shop/c');
    cache.publish([assignmentOf('c', one)]);
    expect(receive().map(clusterNames)).toEqual([['shop/c']]);
  });

  test('that were refused wait for a change, and are in the response to one of another', () => {
    const cache = serving('a');
    const { ask, receive, say } = sotwWorld({ cache });
    ask(clusterType);
    const [{ nonce = '' } = {}] = receive();
    say({ type_url: clusterType, response_nonce: nonce, error_detail: { code: 3, message: 'no' } });
    cache.publish([assignmentOf('a', two)]);
    expect(receive()).toEqual([]);
    cache.publish([assignmentOf('b', one)]);
    expect(receive().map(clusterNames)).toEqual([['shop/a:http', 'shop/b:http']]);
  });
});

describe.each([
  ['listeners', listenerType, []],
  ['routes', routeType, ['frontend']],
] as const)('of %s there are none', (_, type_url, names) => {
  test('which state of the world says once', () => {
    const { ask, receive } = sotwWorld({ cache: serving('a') });
    ask(type_url, ...names);
    const got = receive();
    expect(got).toEqual([{ type_url, nonce: expect.any(String), version_info: expect.any(String) }]);
    expect(got[0]?.version_info).not.toBe('');
    ask(type_url, ...names);
    expect(receive()).toEqual([]);
  });

  test('which delta says too', () => {
    const { say, response } = deltaStream({ cache: serving('a'), isAggregated: true });
    say({ type_url, resource_names_subscribe: [...names] });
    const removed = names.length === 0 ? {} : { removed_resources: names };
    const { nonce: _nonce, system_version_info: _version, ...rest } = response();
    expect(rest).toEqual({ type_url, ...removed });
  });
});

describe('on an aggregated stream', () => {
  const types = (responses: readonly SotwResponseMessage[]) => responses.map(({ type_url }) => type_url);

  test('clusters go before endpoints, whatever was asked for first', () => {
    const cache = serving('a');
    const { ask, receive, stall } = sotwWorld({ cache });
    const readOn = stall();
    ask(listenerType);
    ask(endpointType, 'shop/a:http');
    ask(clusterType);
    readOn();
    expect(types(receive())).toEqual([listenerType, clusterType, endpointType]);
  });

  test('endpoints are sent again after their cluster, also to who has them and does not ask', () => {
    for (const open of [sotwStream, deltaStream]) {
      const cache = serving('a', 'b');
      const { say, heard } = open({ cache, isAggregated: true });
      const subscribe = { resource_names: ['shop/a:http'], resource_names_subscribe: ['shop/a:http'] };
      say({ type_url: endpointType, ...subscribe });
      const [{ nonce: response_nonce = '' } = {}] = heard();
      say({ type_url: endpointType, response_nonce, resource_names: ['shop/a:http'] });
      say({ type_url: clusterType });
      const [first, second, ...rest] = heard();
      expect([first?.type_url, second?.type_url, rest]).toEqual([clusterType, endpointType, []]);
      expect(second === undefined ? [] : contents(second)).toEqual(['shop/a:http: 10.0.0.1']);
    }
  });

  test('and those of a cluster that did not change are not', () => {
    const cache = serving('a');
    const { ask, receive } = sotwWorld({ cache });
    ask(clusterType);
    ask(endpointType, 'shop/a:http');
    receive();
    ask(clusterType);
    ask(endpointType, 'shop/a:http');
    receive();
    cache.publish([assignmentOf('b', one)]);
    expect(types(receive())).toEqual([clusterType]);
  });
});

describe('endpoints that do not exist', () => {
  /** proto-loader's copy of discovery.proto does not have the field yet. */
  function resourceErrors(bytes: Buffer): readonly (readonly [name: string, code: number])[] {
    const errors: [string, number][] = [];
    readFields(bytes, {
      [bytesTag(7)]: (error) => {
        const found: [string, number] = ['', 0];
        readNested(error, {
          [bytesTag(1)]: (name) => readNested(name, { [bytesTag(1)]: (field) => (found[0] = field.string()) }),
          [bytesTag(2)]: (code) => readNested(code, { [varintTag(1)]: (field) => (found[1] = field.int32()) }),
        });
        errors.push(found);
      },
    });
    return errors;
  }

  test('are named to gRPC clients, once, and come when there are some', () => {
    const cache = serving('a');
    const { say, response, heard, raw } = sotwStream({ cache });
    const names = { resource_names: ['shop/a', 'shop/c'] };
    say({ ...names, node: { id: 'n', user_agent_name: 'gRPC Go' } });
    const first = response();
    expect(contents(first)).toEqual(['shop/a: 10.0.0.1']);
    expect(raw().map(resourceErrors)).toEqual([[['shop/c', 5]]]);
    say({ ...names, response_nonce: first.nonce ?? '' });
    expect(heard()).toEqual([]);
    cache.publish([assignmentOf('c', one)]);
    expect(contents(response())).toEqual(['shop/c: 10.0.0.1']);
  });

  test('are silence for an Envoy', () => {
    const { say, heard } = sotwStream({ cache: serving('a') });
    say({ resource_names: ['shop/c'], node: { id: 'n', user_agent_name: 'envoy' } });
    expect(heard()).toEqual([]);
  });
});

describe('what is in a namespace that is not the client’s', () => {
  const names = ['shop/a', 'bank/vault'];
  function world(open: typeof sotwStream | typeof deltaStream) {
    const cache = serving('a');
    const vault = { ...assignmentOf('vault', one), service: serviceKey('bank', 'vault') };
    cache.publish([vault]);
    const refused: string[] = [];
    const stream = open({
      cache,
      isAggregated: true,
      allows: (namespace) => namespace === 'shop',
      observer: { refusedName: (_, _type, name) => refused.push(name), unknownName: () => expect.unreachable() },
    });
    return { cache, vault, refused, ...stream };
  }

  test.each([
    ['state of the world', sotwStream],
    ['delta', deltaStream],
  ])('is silence, and counted: %s', (_, open) => {
    const { cache, vault, refused, say, response, heard } = world(open);
    say({ type_url: endpointType, resource_names: names, resource_names_subscribe: names });
    const first = response();
    expect(contents(first)).toEqual(['shop/a: 10.0.0.1']);
    expect(first).not.toHaveProperty('removed_resources');
    expect(refused).toEqual(['bank/vault']);
    say({ type_url: endpointType, resource_names: names, response_nonce: first.nonce ?? '' });
    cache.publish([{ ...vault, ports: assignmentOf('vault', two).ports }]);
    cache.remove(serviceKey('bank', 'vault'));
    expect(heard()).toEqual([]);
  });

  test.each([
    ['state of the world', sotwStream],
    ['delta', deltaStream],
  ])('is no part of everything: %s', (_, open) => {
    const { cache, vault, say, response, heard } = world(open);
    say({ type_url: endpointType, resource_names: ['*'], resource_names_subscribe: ['*'] });
    const first = response();
    expect(contents(first)).toEqual(['shop/a:http: 10.0.0.1']);
    say({ type_url: endpointType, resource_names: ['*'], response_nonce: first.nonce ?? '' });
    cache.publish([{ ...vault, ports: assignmentOf('vault', two).ports }]);
    cache.remove(serviceKey('bank', 'vault'));
    expect(heard()).toEqual([]);
  });
});
