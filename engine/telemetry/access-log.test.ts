import { expect, test } from 'vitest';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createAccessLog } from './access-log.ts';
import { createLog } from './log.ts';
import { createMetrics } from './metrics.ts';

function world() {
  const lines: Record<string, unknown>[] = [];
  const sink = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  const clock = createManualClock();
  const metrics = createMetrics({ version: '0' });
  const access = createAccessLog({ log: createLog({ level: 'warn', sink }).log, metrics: metrics.access, clock });
  const series = async (name: string) => (await metrics.render()).split('\n').filter((line) => line.startsWith(name));
  return { access, clock, lines, series };
}

test('of each kind one example a minute is told, and how many more there were', async () => {
  const { access, clock, lines, series } = world();
  for (let time = 0; time < 100; time += 1) access.handshakeFailed('expired', `10.0.0.1:${time}`);
  access.handshakeFailed('no-certificate', '10.0.0.2:1');
  expect(lines).toMatchObject([
    { reason: 'expired', peer: '10.0.0.1:0' },
    { reason: 'no-certificate', peer: '10.0.0.2:1' },
  ]);
  clock.stall(60_000);
  access.handshakeFailed('expired', '10.0.0.3:1');
  expect(lines[2]).toMatchObject({ reason: 'expired', peer: '10.0.0.3:1', more: 99 });
  expect(await series('kubervisor_xds_handshake_failures_total{reason="expired"}')).toEqual([
    'kubervisor_xds_handshake_failures_total{reason="expired"} 101',
  ]);
});

test('a probe that connects and leaves is counted, and no matter for the log', async () => {
  const { access, lines, series } = world();
  access.handshakeFailed('disconnected', '10.0.0.1:1');
  expect(lines).toEqual([]);
  expect(await series('kubervisor_xds_handshake_failures_total{')).toHaveLength(1);
});

test('who asks for what is not its own is named', () => {
  const { access, lines } = world();
  access.nameRefused('10.0.0.1:1', 'web-1', 'bank/vault');
  access.callRefused('10.0.0.1:1', [{ kind: 'uri', value: 'spiffe://elsewhere/web' }], 'no rule');
  expect(lines).toMatchObject([
    { node: 'web-1', name: 'bank/vault' },
    { certificate: 'spiffe://elsewhere/web', reason: 'no rule' },
  ]);
});
