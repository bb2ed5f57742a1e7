import { describe, expect, test } from 'vitest';
import { policyOf, world } from '../../test/support/world.ts';
import { panicNotes } from './panic-note.ts';
import type { ConnectedProxy } from './proxies.ts';

const endpoints = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
const cluster = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

/** Asks for the one Service of a world. */
function proxyOf(types: readonly string[], change: Partial<ConnectedProxy> = {}): ConnectedProxy {
  const { service } = world().state;
  return {
    nodeId: 'e1',
    nodeCluster: '',
    version: '',
    zone: '',
    dialect: 'envoy',
    address: '127.0.0.1:5',
    connectedAtMs: 0,
    subscriptions: types.map((type) => ({
      type,
      variant: 'sotw',
      resources: 1,
      holdings: [{ name: 'shop/pricer', service, status: 'synced' }],
    })),
    ...change,
  };
}

const marking = world({ policy: policyOf({ eject: { how: 'MarkUnhealthy', then: 'None' } }) }).state;

describe('a note about the panic threshold', () => {
  test('counts the Envoys that have clusters of their own', () => {
    const proxies = [proxyOf([endpoints]), proxyOf([endpoints]), proxyOf([cluster, endpoints])];
    expect(panicNotes([marking], proxies)).toEqual([
      expect.stringMatching(
        /^shop\/pricer: with eject.how MarkUnhealthy .* 2 of these proxies .*healthy_panic_threshold 0/,
      ),
    ]);
  });

  test('is there for proximity too', () => {
    const { state } = world({ policy: policyOf({ proximity: 'Zone' }) });
    expect(panicNotes([state], [proxyOf([endpoints])])).toEqual([
      expect.stringMatching(/proximity Zone .* 1 of these proxies has a cluster/),
    ]);
  });

  test.each([
    ['where ejected endpoints drain', world().state, proxyOf([endpoints])],
    ['where there is no policy', world({ policy: undefined }).state, proxyOf([endpoints])],
    ['when the cluster came from here', marking, proxyOf([cluster, endpoints])],
    ['for gRPC clients, which know no panic', marking, proxyOf([endpoints], { dialect: 'grpc' })],
    ['for those who ask for something else', marking, proxyOf([])],
  ])('is not there %s', (_, state, proxy) => {
    expect(panicNotes([state], [proxy])).toEqual([]);
  });
});
