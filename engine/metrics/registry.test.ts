import { afterEach, expect, it } from 'vitest';
import { type LoopbackServer, startServer, vector } from '../../test/metrics/loopback-server.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createMetricSources, type MetricSources } from './registry.ts';
import { prometheusSettings } from './settings.ts';

const never = new AbortController().signal;
const clock = createManualClock(1_700_000_000_000);
let open: { readonly server: LoopbackServer; readonly sources: MetricSources }[] = [];

afterEach(async () => {
  for (const { server, sources } of open) {
    sources.close();
    await server.close();
  }
  open = [];
});

async function start() {
  const server = await startServer(vector({ labels: { pod: 'a' }, value: '1' }));
  const result = prometheusSettings({ url: server.url }, 'test');
  if (result.kind === 'invalid') throw new Error('invalid');
  const sources = createMetricSources({ sources: new Map([['default', result.settings]]), clock, random: () => 0 });
  open.push({ server, sources });
  return { server, sources };
}

const request = { query: 'price', atMs: clock.now(), timeoutMs: 1000, lookbackMs: 4000 };

it('equal queries of many breakers cost one query and one look at its past', async () => {
  const { server, sources } = await start();
  const answers = await Promise.all([1, 2, 3].map(() => sources.get('default').query(request, never)));
  for (const answer of answers) expect(answer).toMatchObject({ kind: 'samples', samples: [{ labels: { pod: 'a' } }] });
  expect(server.requests.map(({ form }) => form.get('time'))).toEqual(['1700000000.000', '1699999996.000']);
  expect(sources.health()).toMatchObject([{ name: 'default', lastSuccessMs: clock.now() }]);
});

it('a name that the config lacks gives an error that says which there are', async () => {
  const { sources } = await start();
  expect(await sources.get('thanos').query(request, never)).toEqual({
    kind: 'error',
    cause: 'unknown-source',
    message: 'metric source thanos is not in the serving config; there is default',
  });
});
