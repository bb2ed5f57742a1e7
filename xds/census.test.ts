import { expect, test } from 'vitest';
import { assignmentOf, endpointOf } from '../test/support/assignments.ts';
import { deltaStream, sotwStream } from '../test/support/xds-stream.ts';
import { createBook } from './book.ts';
import { createXdsCache } from './cache.ts';
import { takeCensus } from './census.ts';
import { clusterType, endpointType } from './types.ts';

test('counts clients, streams, names and unanswered responses, by what they are', () => {
  const cache = createXdsCache();
  cache.publish([assignmentOf('a', endpointOf('10.0.0.1'))]);
  const book = createBook(cache.serviceOf);
  const types = [...cache.types.values()];
  const [eds, ads, other, grpc, silent] = [
    sotwStream({ cache }),
    deltaStream({ types, isAggregated: true }),
    sotwStream({ cache, peer: '127.0.0.1:2' }),
    sotwStream({ cache }),
    sotwStream({ cache }),
  ];
  for (const { stream } of [eds, ads, other, grpc, silent]) book.add(stream);
  const node = { id: 'n1', user_agent_name: 'envoy' };
  eds.say({ node, resource_names: ['shop/a', 'shop/b'] });
  ads.say({ node, type_url: clusterType, resource_names_subscribe: ['*'] });
  ads.say({ type_url: endpointType, resource_names_subscribe: ['shop/a:http'] });
  ads.say({ type_url: 'type.googleapis.com/unheard.Of' });
  other.say({ node });
  grpc.say({ node: { id: 'n2', user_agent_name: 'gRPC Go' }, resource_names: ['shop/a'] });
  grpc.say({ resource_names: ['shop/a'], response_nonce: grpc.response().nonce ?? '' });

  expect(takeCensus(book.streams, { waiting: 7, watchedNames: 2 })).toEqual({
    clients: new Map([
      ['envoy', 2],
      ['grpc', 1],
      ['unknown', 1],
    ]),
    streams: [
      { dialect: 'envoy', variant: 'sotw', type: 'eds', count: 2 },
      { dialect: 'envoy', variant: 'delta', type: 'ads', count: 1 },
      { dialect: 'grpc', variant: 'sotw', type: 'eds', count: 1 },
      { dialect: 'unknown', variant: 'sotw', type: 'eds', count: 1 },
    ],
    subscriptions: new Map([
      ['eds', 4],
      ['cds', 0],
      ['other', 0],
    ]),
    unanswered: new Map([
      ['eds', 2],
      ['cds', 1],
    ]),
    waiting: 7,
    watchedNames: 2,
  });
});
