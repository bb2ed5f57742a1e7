import { expect, test } from 'vitest';
import { anyone, assignmentOf, endpointOf } from '../test/support/assignments.ts';
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
