import { describe, expect, test, vi } from 'vitest';
import type { Assignment, PortAssignment } from '../engine/assignment/assignment.ts';
import { serviceKey } from '../engine/model.ts';
import { anyone, assignmentOf, endpointOf, localityOf, portOf } from '../test/support/assignments.ts';
import { createXdsCache, type XdsCache } from './cache.ts';
import type { Watcher } from './types.ts';

const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');

/** Writes down what it hears: names, then `.` when it may act. */
function listen(cache: XdsCache, ...names: readonly string[]): { readonly heard: string[]; readonly watcher: Watcher } {
  const heard: string[] = [];
  const watcher = { changed: (name: string) => void heard.push(name), flush: () => void heard.push('.') };
  for (const name of names) {
    cache.endpoints.resources.watch(name, watcher);
    cache.endpoints.resources.get(name, anyone);
  }
  return { heard, watcher };
}

function serving(...assignments: Parameters<XdsCache['publish']>[0]): XdsCache {
  const cache = createXdsCache();
  cache.publish(assignments);
  return cache;
}

const versionOf = (cache: XdsCache, name: string) => cache.endpoints.resources.get(name, anyone)?.version;

describe('a name', () => {
  test('means a resource, watched or not, as soon as its Service is published', () => {
    const cache = createXdsCache();
    listen(cache, 'shop/pricer:http');
    for (const name of ['shop/pricer:http', 'shop/pricer'])
      expect(cache.endpoints.resources.get(name, anyone)).toBeUndefined();
    cache.publish([assignmentOf('pricer', one)]);
    for (const name of ['shop/pricer:http', 'shop/pricer'])
      expect(cache.endpoints.resources.get(name, anyone)).toMatchObject({ name });
  });

  test('has the version of its content, whatever the spelling', () => {
    const cache = serving(assignmentOf('pricer', one), assignmentOf('search', one), assignmentOf('other', two));
    const version = versionOf(cache, 'shop/pricer');
    expect(version).toBeDefined();
    for (const same of ['pricer.shop:80', 'outbound|80||pricer.shop.svc.cluster.local', 'shop/search'])
      expect(versionOf(cache, same)).toBe(version);
    expect(versionOf(cache, 'shop/other')).not.toBe(version);
  });

  test('keeps its resource, and so its encodings, while its version stays', () => {
    const cache = serving(assignmentOf('pricer', one));
    listen(cache, 'shop/pricer');
    const before = cache.endpoints.resources.get('shop/pricer', anyone);
    cache.publish([assignmentOf('pricer', one)]);
    expect(cache.endpoints.resources.get('shop/pricer', anyone)).toBe(before);
  });

  test('uses the cluster domain it was told', () => {
    const cache = createXdsCache({ clusterDomain: 'mesh.example' });
    cache.publish([assignmentOf('pricer', one)]);
    expect(versionOf(cache, 'pricer.shop.svc.mesh.example:80')).toBeDefined();
    expect(versionOf(cache, 'pricer.shop.svc.cluster.local:80')).toBeUndefined();
  });
});

describe('publishing wakes', () => {
  test('only who watches a name whose version changed', () => {
    const cache = serving(assignmentOf('pricer', one), assignmentOf('search', one));
    const pricer = listen(cache, 'shop/pricer');
    const search = listen(cache, 'shop/search');
    cache.publish([assignmentOf('pricer', one, two), assignmentOf('search', one)]);
    expect(pricer.heard).toEqual(['shop/pricer', '.']);
    expect(search.heard).toEqual([]);
  });

  test('nobody, when nothing changed', () => {
    const cache = serving(assignmentOf('pricer', one));
    const { heard } = listen(cache, 'shop/pricer');
    cache.publish([assignmentOf('pricer', one)]);
    expect(heard).toEqual([]);
  });

  test('once per batch, after all of the batch is in place', () => {
    const cache = createXdsCache();
    const { resources } = cache.endpoints;
    const seen: unknown[] = [];
    const watcher = {
      changed: () => undefined,
      flush: () => void seen.push([versionOf(cache, 'shop/a'), versionOf(cache, 'shop/b')]),
    };
    for (const name of ['shop/a', 'shop/b']) resources.watch(name, watcher);
    cache.publish([assignmentOf('a', one), assignmentOf('b', two)]);
    expect(seen).toEqual([[versionOf(cache, 'shop/a'), versionOf(cache, 'shop/b')]]);
  });

  test('who watches a name that did not exist yet', () => {
    const cache = createXdsCache();
    const { heard } = listen(cache, 'shop/pricer', 'pricer.shop:80', 'shop/pricer:grpc', 'no name');
    cache.publish([assignmentOf('pricer', one)]);
    expect(heard).toEqual(['shop/pricer', 'pricer.shop:80', '.']);
  });

  test('nobody who stopped watching', () => {
    const cache = serving(assignmentOf('pricer', one));
    const { heard, watcher } = listen(cache, 'shop/pricer');
    cache.endpoints.resources.unwatch('shop/pricer', watcher);
    cache.publish([assignmentOf('pricer', two)]);
    expect(heard).toEqual([]);
  });
});

describe('a Service that is gone', () => {
  test('leaves names that mean nothing, and says so', () => {
    const cache = serving(assignmentOf('pricer', one));
    const { heard } = listen(cache, 'shop/pricer');
    cache.remove(serviceKey('shop', 'pricer'));
    expect(heard).toEqual(['shop/pricer', '.']);
    expect(cache.endpoints.resources.get('shop/pricer', anyone)).toBeUndefined();
  });

  test('is there again when it comes back', () => {
    const cache = serving(assignmentOf('pricer', one));
    const { heard } = listen(cache, 'shop/pricer');
    cache.remove(serviceKey('shop', 'pricer'));
    cache.publish([assignmentOf('pricer', one)]);
    expect(heard).toEqual(['shop/pricer', '.', 'shop/pricer', '.']);
    expect(versionOf(cache, 'shop/pricer')).toBeDefined();
  });

  test('is not the same as one without endpoints', () => {
    const cache = serving(assignmentOf('pricer'));
    expect(versionOf(cache, 'shop/pricer')).toBeDefined();
  });

  test('nor as one that lost a port: that name alone means nothing any more', () => {
    const both = { ...assignmentOf('pricer', one), ports: [portOf([]), portOf([], { name: 'grpc', number: 90 })] };
    const cache = serving(both);
    const { heard } = listen(cache, 'shop/pricer:http', 'shop/pricer:grpc', 'shop/pricer');
    cache.publish([{ ...both, ports: [portOf([])] }]);
    expect(heard).toEqual(['shop/pricer:grpc', 'shop/pricer', '.']);
    expect(versionOf(cache, 'shop/pricer:grpc')).toBeUndefined();
    expect(versionOf(cache, 'shop/pricer')).toBeDefined();
  });
});

describe('everything', () => {
  test('is one name per port', () => {
    const unnamed = { ...assignmentOf('search', one), ports: [portOf([], { name: '' })] };
    const { resources } = serving(assignmentOf('pricer', one), unnamed).endpoints;
    expect([...resources.listed(anyone)]).toEqual(['shop/pricer:http', 'shop/search']);
    expect(resources.isListed('shop/pricer:http', anyone)).toBe(true);
    expect(resources.isListed('shop/pricer', anyone)).toBe(false);
    expect(resources.isListed('no name', anyone)).toBe(false);
  });

  test('tells who watches it of every Service that comes, changes and goes', () => {
    const cache = serving(assignmentOf('pricer', one));
    const { heard, watcher } = listen(cache);
    cache.endpoints.resources.watchListed(watcher);
    cache.endpoints.resources.get('shop/pricer:http', anyone);
    cache.publish([assignmentOf('pricer', one), assignmentOf('search', one)]);
    cache.publish([assignmentOf('pricer', two)]);
    cache.remove(serviceKey('shop', 'search'));
    expect(heard).toEqual(['shop/search:http', '.', 'shop/pricer:http', '.', 'shop/search:http', '.']);
    cache.endpoints.resources.unwatchListed(watcher);
    cache.publish([assignmentOf('pricer', one)]);
    expect(heard).toHaveLength(6);
  });

  test('tells of the old name when a port gets another one', () => {
    const cache = serving(assignmentOf('pricer', one));
    const { heard, watcher } = listen(cache);
    cache.endpoints.resources.watchListed(watcher);
    const renamed = assignmentOf('pricer', one);
    cache.publish([{ ...renamed, ports: renamed.ports.map((port) => portOf(port.localities, { name: 'web' })) }]);
    expect(heard.sort()).toEqual(['.', 'shop/pricer:http', 'shop/pricer:web']);
  });
});

describe('clients in different places', () => {
  const client = (zone: string) => ({ ...anyone, class: { ...anyone.class, zone } });
  const inZones = (proximity: PortAssignment['proximity']): Assignment => ({
    service: serviceKey('shop', 'pricer'),
    ports: [portOf([localityOf([one], { zone: 'a' }), localityOf([two], { zone: 'b' })], {}, proximity)],
  });
  const encodingsIn = (cache: XdsCache, ...zones: readonly string[]) =>
    zones.map((zone) => cache.endpoints.resources.get('shop/pricer', client(zone))?.encoded('sotw').element);

  test('share an encoding for each zone that has endpoints, and one for all other zones', () => {
    const cache = serving(inZones('Zone'));
    listen(cache, 'shop/pricer');
    const [a, b, otherA, stranger, other] = encodingsIn(cache, 'a', 'b', 'a', 'z', '');
    expect(otherA).toBe(a);
    expect(other).toBe(stranger);
    expect(new Set([a, b, stranger]).size).toBe(3);
  });

  test('are one class without proximity', () => {
    const cache = serving(inZones('None'));
    listen(cache, 'shop/pricer');
    expect(new Set(encodingsIn(cache, 'a', 'b', 'z', '')).size).toBe(1);
  });

  test('are told when the class they shared parts, although nothing changes for the first of them', () => {
    const cache = serving(inZones('None'));
    const { heard } = listen(cache, 'shop/pricer');
    const versions = () =>
      ['z', 'a'].map((zone) => cache.endpoints.resources.get('shop/pricer', client(zone))?.version);
    const [, before] = versions();
    cache.publish([inZones('Zone')]);
    expect(heard).toEqual(['shop/pricer', '.']);
    expect(versions()[1]).not.toBe(before);
  });
});

test('is not open until it is opened', async () => {
  const cache = serving(assignmentOf('pricer', one));
  const opened = vi.fn();
  void cache.opened.then(opened);
  await Promise.resolve();
  expect([cache.isOpen(), opened.mock.calls.length]).toEqual([false, 0]);
  cache.open();
  await cache.opened;
  expect([cache.isOpen(), opened.mock.calls.length]).toEqual([true, 1]);
});
