import { expect, it } from 'vitest';
import { loopback } from '../../demo/world/envoy.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';

describeWith(['envoy'], 'a real Envoy', ({ envoy: executable }) => {
  const programs = usePrograms();

  it('tells its listeners, hosts and statistics', async () => {
    const proxy = {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
        stat_prefix: 'pricer',
        cluster: 'pricer',
      },
    };
    const host = {
      endpoint: { address: loopback(9), hostname: 'a' },
      load_balancing_weight: 7,
      health_status: 'DRAINING',
    };
    const envoy = await programs.envoy({
      executable,
      bootstrap: {
        static_resources: {
          listeners: [{ name: 'inbound', address: loopback(0), filter_chains: [{ filters: [proxy] }] }],
          clusters: [
            {
              name: 'pricer',
              type: 'STATIC',
              load_assignment: {
                cluster_name: 'pricer',
                endpoints: [{ locality: { zone: 'a' }, lb_endpoints: [host] }],
              },
            },
          ],
        },
      },
    });
    expect(await envoy.listener('inbound')).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await envoy.clusters('pricer')).toEqual([
      { address: '127.0.0.1:9', edsHealth: 'DRAINING', isOutlier: false, weight: 7, priority: 0, zone: 'a' },
    ]);
    expect(await envoy.stats('cluster.pricer.membership_excluded')).toBe(1);
    expect(await envoy.listener('outbound')).toBeUndefined();
    expect(await envoy.clusters('unknown')).toEqual([]);
    expect(await envoy.stats('cluster.unknown.membership_total')).toBeUndefined();
  });

  it('that refuses its configuration says so at once', async () => {
    const starting = programs.envoy({ executable, bootstrap: { static_resources: { nonsense: true } } });
    await expect(starting).rejects.toThrow(/envoy ended \(exit code 1\) before it was ready[^]*nonsense/);
  });
});
