import { expect, test } from 'vitest';
import { createAccessLog } from '../engine/telemetry/access-log.ts';
import { createLog } from '../engine/telemetry/log.ts';
import { createMetrics } from '../engine/telemetry/metrics.ts';
import { assignmentOf, endpointOf } from '../test/support/assignments.ts';
import { createManualClock } from '../test/support/manual-clock.ts';
import { sotwStream } from '../test/support/xds-stream.ts';
import { createXdsCache } from './cache.ts';
import { createSampledLog } from '../engine/telemetry/sampled-log.ts';
import { reportTo } from './report.ts';

function reporting() {
  const metrics = createMetrics({ version: '0' });
  const lines: Record<string, unknown>[] = [];
  const sink = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const { log } = createLog({ level: 'debug', sink });
  const access = createAccessLog({ log, metrics: metrics.access, clock: createManualClock() });
  return {
    lines,
    observer: reportTo(metrics.xds, log, createSampledLog(log, createManualClock()), access),
    async series(...names: readonly string[]): Promise<readonly string[]> {
      const text = (await metrics.render()).split('\n');
      return names.flatMap((name) => text.filter((line) => line.startsWith(`kubervisor_xds_${name}`)));
    },
  };
}

test('convergence is the time from the publication of a change to its acknowledgement, whatever lay between', async () => {
  const clock = createManualClock();
  const cache = createXdsCache({ clock });
  cache.publish([assignmentOf('a', endpointOf('10.0.0.1'))]);
  const { observer, series } = reporting();
  const stream = sotwStream({ cache, observer, clock });
  const names = { resource_names: ['shop/a'] };
  const answer = (nonce: string | undefined) => stream.say({ ...names, response_nonce: nonce ?? '' });
  stream.say(names);
  const first = stream.response();
  cache.publish([assignmentOf('a', endpointOf('10.0.0.2'))]);
  await clock.advance(2000);
  answer(first.nonce);
  const second = stream.response();
  await clock.advance(500);
  answer(second.nonce);
  expect(await series('convergence_seconds_sum', 'convergence_seconds_count', 'ack_duration_seconds_sum')).toEqual([
    'kubervisor_xds_convergence_seconds_sum{type="eds"} 2.5',
    'kubervisor_xds_convergence_seconds_count{type="eds"} 1',
    'kubervisor_xds_ack_duration_seconds_sum{type="eds"} 2.5',
  ]);
});

test('the time until a client has read is told, and the size of what it asks', async () => {
  const cache = createXdsCache();
  cache.publish([assignmentOf('a', endpointOf('10.0.0.1'))]);
  const { observer, series } = reporting();
  const { say, stall, clock } = sotwStream({ cache, observer });
  const readOn = stall();
  say({ resource_names: ['shop/a'], node: { id: 'n'.repeat(500) } });
  await clock.advance(3000);
  readOn();
  expect(await series('send_duration_seconds_sum', 'push_size_bytes_count')).toEqual([
    'kubervisor_xds_send_duration_seconds_sum{type="eds"} 3',
    'kubervisor_xds_push_size_bytes_count{type="eds"} 1',
  ]);
  const [largest = ''] = await series('request_max_bytes');
  expect(Number(largest.split(' ')[1])).toBeGreaterThan(500);
});

test('what a client refuses, and what it does wrong, is logged with who it is', () => {
  const cache = createXdsCache();
  cache.publish([assignmentOf('a', endpointOf('10.0.0.1'))]);
  const { observer, lines } = reporting();
  const { say, response, stream } = sotwStream({ cache, observer });
  say({ node: { id: 'n1' }, resource_names: ['shop/a', 'shop/none'] });
  const { nonce = '', version_info } = response();
  say({ resource_names: ['shop/a'], response_nonce: nonce, error_detail: { message: 'no good' } });
  stream.receive(Buffer.from('GET / HTTP/1.1\r\n'));
  const client = { peer: '127.0.0.1:1', node: 'n1' };
  expect(lines).toMatchObject([
    { ...client, level: 'debug', name: 'shop/none' },
    { ...client, level: 'warn', type: 'eds', version: version_info, reason: 'no good' },
    { ...client, level: 'warn', reason: 'the request is not a DiscoveryRequest' },
  ]);
});
