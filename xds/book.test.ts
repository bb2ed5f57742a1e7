import { expect, test } from 'vitest';
import { serviceKey } from '../engine/model.ts';
import { anyone, assignmentOf, endpointOf } from '../test/support/assignments.ts';
import { createManualClock } from '../test/support/manual-clock.ts';
import { deltaStream, sotwStream } from '../test/support/xds-stream.ts';
import { createBook } from './book.ts';
import { createXdsCache } from './cache.ts';
import { parseName } from './names.ts';
import { batchVersion } from './response.ts';
import { endpointType } from './types.ts';

const node = {
  id: 'n1',
  cluster: 'frontend',
  locality: { zone: 'eu-1a' },
  user_agent_name: 'envoy',
  user_agent_build_version: { version: { major_number: 1, minor_number: 40 } },
};

test('streams of one node on one connection are one proxy', () => {
  const cache = createXdsCache();
  cache.publish([assignmentOf('a', endpointOf('10.0.0.1'))]);
  const book = createBook((name) => parseName(name)?.service);
  const [first, second, other] = [sotwStream({ cache }), deltaStream({ cache }), sotwStream({ cache })];
  for (const { stream } of [first, second, other]) book.add(stream);
  first.say({ node, resource_names: ['shop/a'] });
  second.say({ node, resource_names_subscribe: ['shop/b'] });
  other.say({ node: { id: 'n2' } });

  const version = cache.endpoints.resources.get('shop/a', anyone)?.version;
  const waitingSinceMs = first.clock.now();
  const common = { type: endpointType, resources: 1, waitingSinceMs };
  const proxy = { dialect: 'envoy', address: '127.0.0.1:1', connectedAtMs: waitingSinceMs };
  expect(book.proxies()).toEqual([
    {
      ...proxy,
      nodeId: 'n1',
      nodeCluster: 'frontend',
      version: 'envoy 1.40.0',
      zone: 'eu-1a',
      subscriptions: [
        { ...common, variant: 'sotw', sentVersion: version, names: [{ name: 'shop/a', sentVersion: version }] },
        {
          ...common,
          variant: 'delta',
          sentVersion: batchVersion({ resources: [] }),
          names: [{ name: 'shop/b', sentVersion: '' }],
        },
      ],
    },
    {
      ...proxy,
      nodeId: 'n2',
      nodeCluster: '',
      version: '',
      zone: '',
      subscriptions: [{ type: endpointType, variant: 'sotw', resources: 0, names: [] }],
    },
  ]);

  book.remove(other.stream);
  expect(book.proxies()).toHaveLength(1);
});

test('before it said anything a stream is an unknown proxy without subscriptions', () => {
  const book = createBook((name) => parseName(name)?.service);
  book.add(sotwStream().stream);
  expect(book.proxies()).toMatchObject([{ nodeId: '', subscriptions: [] }]);
});

test('of a Service: who asks for it by whatever name, and which version each holds', async () => {
  const clock = createManualClock();
  const cache = createXdsCache({ clock });
  cache.publish([assignmentOf('a', endpointOf('10.0.0.1')), assignmentOf('b', endpointOf('10.0.0.2'))]);
  const publishedAtMs = clock.now();
  const book = createBook(cache.serviceOf);
  const [follows, refuses, asksForOther] = [sotwStream({ cache }), sotwStream({ cache }), sotwStream({ cache })];
  for (const { stream } of [follows, refuses, asksForOther]) book.add(stream);
  follows.say({ node: { id: 'n1' }, resource_names: ['shop/a', 'shop/b'] });
  refuses.say({ node: { id: 'n2' }, resource_names: ['a.shop:80', 'shop/nobody'] });
  asksForOther.say({ node: { id: 'n3' }, resource_names: ['shop/b'] });
  const versionOf = (name: string) => cache.endpoints.resources.get(name, anyone)?.version;
  const [before, other] = [versionOf('shop/a'), versionOf('shop/b')];
  const accept = ({ say, response }: typeof follows, names: readonly string[]) => {
    say({ resource_names: [...names], response_nonce: response().nonce ?? '' });
  };
  accept(follows, ['shop/a', 'shop/b']);
  accept(refuses, ['a.shop:80', 'shop/nobody']);
  await clock.advance(1000);
  // Of b nothing is new.
  cache.publish([assignmentOf('a', endpointOf('10.0.0.3')), assignmentOf('b', endpointOf('10.0.0.2'))]);
  const after = versionOf('shop/a');
  accept(follows, ['shop/a', 'shop/b']);
  const error_detail = { message: 'no good' };
  const response_nonce = refuses.response().nonce ?? '';
  refuses.say({ resource_names: ['a.shop:80', 'shop/nobody'], response_nonce, error_detail });

  const shown = (service: string) =>
    book
      .proxies((each) => each === serviceKey('shop', service))
      .map(({ nodeId, subscriptions }) => [nodeId, ...subscriptions.flatMap(({ holdings = [] }) => holdings)]);
  const current = { version: after, sinceMs: publishedAtMs + 1000 };
  const service = 'shop/a';
  expect(shown('a')).toEqual([
    ['n1', { name: 'shop/a', service, status: 'synced', sentVersion: after, acceptedVersion: after, current }],
    [
      'n2',
      {
        name: 'a.shop:80',
        service,
        status: 'error',
        sentVersion: after,
        acceptedVersion: before,
        nack: { version: after, message: 'no good', atMs: refuses.clock.now() },
        current,
      },
    ],
  ]);
  const holding = { name: 'shop/b', service: 'shop/b', sentVersion: other };
  const still = { version: other, sinceMs: publishedAtMs };
  expect(shown('b')).toEqual([
    ['n1', { ...holding, status: 'synced', acceptedVersion: other, current: still }],
    ['n3', { ...holding, status: 'stale', current: still }],
  ]);
  expect(shown('nobody')).toEqual([['n2', { name: 'shop/nobody', service: 'shop/nobody', status: 'not-sent' }]]);
  expect(shown('nobody else')).toEqual([]);
});

test('it is connected since its oldest stream', async () => {
  const clock = createManualClock();
  const book = createBook(() => undefined);
  const openedAtMs = clock.now();
  for (const { stream, say } of [sotwStream({ clock }), sotwStream({ clock })]) {
    book.add(stream);
    say({ node: { id: 'n1' } });
  }
  await clock.advance(1000);
  const latest = sotwStream({ clock });
  book.add(latest.stream);
  latest.say({ node: { id: 'n1' } });
  expect(book.proxies()).toMatchObject([{ nodeId: 'n1', connectedAtMs: openedAtMs }]);
});
