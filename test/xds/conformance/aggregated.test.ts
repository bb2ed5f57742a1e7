/** Rules of streams that carry several types. The page docs/xds-conformance.md lists them. */
import { describe, expect, test } from 'vitest';
import { assignmentOf } from '../../support/assignments.ts';
import {
  type AnyDialogue,
  clusters,
  clusterType,
  deltaConversation,
  endpointType,
  listenerType,
  sotwConversation,
} from '../../support/xds-dialogue.ts';
import type { XdsClient } from '../../support/xds-client.ts';
import { one, shop, two } from './shop.ts';

type Open = (client: XdsClient) => { of(typeUrl: string): AnyDialogue };

const variants: readonly (readonly [string, Open])[] = [
  ['state of the world', (client) => sotwConversation(client, 'ads')],
  ['delta', (client) => deltaConversation(client, 'ads')],
];

describe.each(variants)('%s, aggregated', (title, open) => {
  /** An Envoy that has started: it knows all clusters, and has the endpoints of two. */
  async function started() {
    const server = await shop();
    const { of } = open(server.connect());
    const [cds, eds] = [of(clusterType), of(endpointType)];
    cds.want();
    await cds.hear();
    cds.ack();
    eds.want('shop/a:http', 'shop/b:http');
    await eds.hear();
    eds.ack();
    return { ...server, cds, eds };
  }

  test('A2: each type has an unacknowledged response of its own', async () => {
    const { connect, cache } = await shop();
    const { of } = open(connect());
    const [cds, eds] = [of(clusterType), of(endpointType)];
    eds.want('shop/a');
    await eds.hear();
    cds.want('shop/a');
    expect(await cds.hear()).toEqual(['shop/a']);
    eds.ack();
    // The clusters are unacknowledged still.
    expect(await eds.hear()).toEqual(['shop/a: 10.0.0.1']);
    eds.ack();
    cache.publish([assignmentOf('a', two)]);
    expect(await eds.hear()).toEqual(['shop/a: 10.0.0.2']);
  });

  test('A3: a cluster comes before its endpoints', async () => {
    const { cache, cds, eds } = await started();
    eds.want('shop/new:http');
    if (title === 'delta') {
      expect(await eds.hear()).toEqual(['shop/new:http is not there']);
      eds.ack();
    }
    await eds.silence();
    cache.publish([assignmentOf('new', two)]);
    expect(await cds.hear()).toContain('shop/new:http');
    expect(await eds.hear()).toContain('shop/new:http: 10.0.0.2');
  });

  test('A4: after a cluster come its endpoints, though they did not change: a cluster that warms waits for them', async () => {
    const { cache, cds, eds } = await started();
    // The cluster gets another panic threshold.
    const { service, ports } = assignmentOf('a', one);
    cache.publish([{ service, ports: ports.map((port) => ({ ...port, ejectedAs: 'UNHEALTHY' })) }]);
    expect(await cds.hear()).toContain('shop/a:http');
    expect(await eds.hear()).toEqual(['shop/a:http: 10.0.0.1']);
    cds.ack();
    eds.ack();
    // And a cluster that is new to who has its endpoints already.
    eds.want('shop/b');
    await eds.hear();
    eds.ack();
    cds.want('shop/b');
    expect(await cds.hear()).toContain('shop/b');
    expect(await eds.hear()).toEqual(['shop/b: 10.0.0.1']);
    eds.ack();
    await eds.silence();
  });

  test('A5: endpoints are answered before clusters are asked for, and without that', async () => {
    const { connect, cache } = await shop();
    const { of } = open(connect());
    const [cds, eds] = [of(clusterType), of(endpointType)];
    eds.want('shop/a:http');
    expect(await eds.hear()).toEqual(['shop/a:http: 10.0.0.1']);
    eds.ack();
    cache.publish([assignmentOf('a', two)]);
    expect(await eds.hear()).toEqual(['shop/a:http: 10.0.0.2']);
    eds.ack();
    cds.want();
    expect(await cds.hear()).toContain('shop/a:http');
  });

  test('A6: endpoints are answered whichever of the clusters they are asked for', async () => {
    const { connect } = await shop();
    const { of } = open(connect());
    const [cds, eds] = [of(clusterType), of(endpointType)];
    cds.want();
    expect(await cds.hear()).toHaveLength(3);
    cds.ack();
    eds.want('shop/a:http', 'elsewhere');
    expect(await eds.hear()).toContain('shop/a:http: 10.0.0.1');
  });

  test('A7: a cluster has the name that was asked for, and leads to endpoints that we have, on the same stream', async () => {
    const { connect } = await shop();
    const { of } = open(connect());
    const [cds, eds] = [of(clusterType), of(endpointType)];
    const names = ['outbound|80||a.shop.svc.cluster.local', 'shop/a', 'shop/a:http'];
    cds.want(...names);
    const served = clusters(await cds.next());
    expect(served.map(({ name }) => name)).toEqual(names);
    for (const cluster of served) {
      expect(cluster).toMatchObject({ type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } } });
    }
    cds.ack();
    const asked = served.map(({ name, eds_cluster_config }) => eds_cluster_config?.service_name || (name ?? ''));
    eds.want(...asked);
    expect((await eds.hear()).toSorted()).toEqual(asked.map((name) => `${name}: 10.0.0.1`).toSorted());
  });

  test('A9: a stream carries many types', async () => {
    const { connect } = await shop();
    const { of } = open(connect());
    for (let n = 0; n < 20; n += 1) {
      of(`type.googleapis.com/mine.${n}`).want('x');
      if (title === 'delta') expect(await of(`type.googleapis.com/mine.${n}`).hear()).toEqual(['x is not there']);
    }
    of(endpointType).want('shop/a:http');
    expect(await of(endpointType).hear()).toEqual(['shop/a:http: 10.0.0.1']);
  });

  test('A8: an Envoy that starts gets all it waits for, in whatever order it asks', async () => {
    const { connect } = await shop();
    const { of } = open(connect());
    of(listenerType).want();
    expect(await of(listenerType).hear()).toEqual([]);
    of(endpointType).want('shop/a:http');
    expect(await of(endpointType).hear()).toEqual(['shop/a:http: 10.0.0.1']);
    of(endpointType).ack();
    of(clusterType).want();
    expect(await of(clusterType).hear()).toHaveLength(3);
  });
});

test('A1: the nonce of one type acknowledges nothing of another', async () => {
  const { connect, cache } = await shop();
  const stream = sotwConversation(connect(), 'ads');
  const [cds, eds] = [stream.of(clusterType), stream.of(endpointType)];
  cds.want('shop/a');
  await cds.hear();
  eds.want('shop/a');
  await eds.hear();
  expect(eds.nonce()).not.toBe(cds.nonce());
  cache.publish([assignmentOf('a', two)]);
  // Were the two counted apart, this could be an ACK.
  eds.say({ resource_names: ['shop/a'], response_nonce: cds.nonce() });
  stream.of(listenerType).want();
  expect(await stream.of(listenerType).hear()).toEqual([]);
  cache.publish([assignmentOf('a', one, two)]);
  eds.ack();
  expect(await eds.hear()).toEqual(['shop/a: 10.0.0.1, 10.0.0.2']);
});
