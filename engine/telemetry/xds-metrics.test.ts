import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { everythingHappens, somebodyConnected } from '../../test/telemetry/xds.ts';
import { createXdsMetrics } from './xds-metrics.ts';

/** Without the buckets of histograms. */
async function series(registry: Registry): Promise<readonly string[]> {
  const lines = (await registry.metrics()).split('\n');
  return lines
    .filter((line) => line !== '' && !/^#|_bucket{/.test(line))
    .map((line) => line.replace('kubervisor_xds_', ''));
}

test('what happens is counted, by type and never by client', async () => {
  const registry = new Registry();
  const metrics = createXdsMetrics(registry);
  everythingHappens(metrics);
  metrics.received(200);
  metrics.pushed('eds', 1000);
  metrics.show(somebodyConnected);
  expect((await series(registry)).toSorted()).toEqual([
    'ack_duration_seconds_count{type="eds"} 1',
    'ack_duration_seconds_sum{type="eds"} 0.004',
    'admission_queue 3',
    'admission_wait_seconds_count 1',
    'admission_wait_seconds_sum 0.02',
    'clients{dialect="envoy"} 2',
    'connections_refused_total 1',
    'convergence_seconds_count{type="eds"} 1',
    'convergence_seconds_sum{type="eds"} 0.03',
    'nacks_total{type="cds"} 1',
    'push_size_bytes_count{type="eds"} 2',
    'push_size_bytes_sum{type="eds"} 4000',
    'pushes_total{type="eds"} 2',
    'request_max_bytes 300',
    'send_duration_seconds_count{type="eds"} 1',
    'send_duration_seconds_sum{type="eds"} 0.001',
    'stale_nonces_total{type="eds"} 1',
    'stalled_streams_total 1',
    'streams{type="ads",variant="sotw",dialect="envoy"} 2',
    'subscriptions{type="eds"} 5',
    'unacknowledged{type="eds"} 1',
    'unknown_names_total 1',
    'unknown_types_total 1',
    'watched_names 4',
  ]);
});

test('who is gone is not shown any more', async () => {
  const registry = new Registry();
  const metrics = createXdsMetrics(registry);
  metrics.show(somebodyConnected);
  const none = { streams: [], subscriptions: new Map(), unanswered: new Map(), waiting: 0, watchedNames: 0 };
  metrics.show({ clients: new Map(), ...none });
  expect(
    (await series(registry)).filter((line) => /^(clients|streams|subscriptions|unack|admission_queue)/.test(line)),
  ).toEqual(['admission_queue 0']);
});
