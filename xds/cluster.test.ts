import { describe, expect, it } from 'vitest';
import { protos } from '../test/support/protos.ts';
import { type ClusterFacts, jsonForm, messageForm, recommendedCluster } from './cluster.ts';

const facts: ClusterFacts = {
  name: 'shop/pricer:http',
  serviceName: 'shop/pricer:http',
  edsConfig: { resource_api_version: 'V3', ads: {} },
  ejectedAs: 'DRAINING',
};

const { serialize, deserialize } = protos['envoy.config.cluster.v3.Cluster'];
const options = protos['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'];
const onTheWire = (change: Partial<ClusterFacts> = {}) =>
  deserialize(serialize(recommendedCluster({ ...facts, ...change }, messageForm)));
const httpOptions = (change?: Partial<ClusterFacts>) => {
  const [any] = Object.values(onTheWire(change).typed_extension_protocol_options ?? {});
  return options.deserialize(any?.value as Buffer);
};

describe('the recommended cluster', () => {
  it('survives the wire: times, optional numbers, and what is packed into Any', () => {
    expect(onTheWire()).toMatchObject({
      name: 'shop/pricer:http',
      type: 'EDS',
      connect_timeout: { nanos: 500_000_000 },
      eds_cluster_config: { service_name: 'shop/pricer:http', eds_config: { ads: {}, resource_api_version: 'V3' } },
      common_lb_config: { update_merge_window: {} },
      outlier_detection: { enforcing_consecutive_5xx: { value: 0 } },
    });
    expect(httpOptions()).toMatchObject({
      common_http_protocol_options: { max_connection_duration: { seconds: '600' } },
      explicit_http_config: { http_protocol_options: {} },
    });
    expect(httpOptions({ protocol: 'http2' })).toMatchObject({
      explicit_http_config: { http2_protocol_options: { connection_keepalive: { interval: { seconds: '30' } } } },
    });
  });

  it('is the same in JSON, which writes times and optional numbers in its own way', () => {
    expect(recommendedCluster(facts, jsonForm)).toMatchObject({
      connect_timeout: '0.5s',
      common_lb_config: { update_merge_window: '0s' },
      outlier_detection: { base_ejection_time: '5s', enforcing_consecutive_5xx: 0 },
    });
  });

  it.each([
    { when: 'ejected endpoints drain', change: {}, panic: 1, percent: 100 },
    { when: 'they are unhealthy', change: { ejectedAs: 'UNHEALTHY' }, panic: 0, percent: 65 },
    {
      when: 'they are, with a fallback',
      change: { ejectedAs: 'UNHEALTHY', hasFallback: true },
      panic: 0,
      percent: 100,
    },
  ] as const)('when $when: on how many Envoy may give up, and whether it may panic', ({ change, panic, percent }) => {
    const { common_lb_config: lb, outlier_detection: outlier } = onTheWire(change);
    expect(lb?.healthy_panic_threshold?.value).toBe(panic);
    expect(outlier?.max_ejection_percent).toEqual({ value: percent });
  });
});
