import { afterEach, expect, it } from 'vitest';
import { json, type LoopbackServer, startServer, vector } from '../../test/metrics/loopback-server.ts';
import { breakerOf, policyOf, world } from '../../test/support/world.ts';
import type { Detector } from '../policy/policy.ts';
import { unknownSourceProblems } from './unknown-source.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import type { PrometheusConfig } from './config.ts';
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

async function start(config: Omit<PrometheusConfig, 'url'> = {}) {
  const server = await startServer(vector({ labels: { pod: 'a' }, value: '1' }));
  const result = prometheusSettings({ ...config, url: server.url }, 'test');
  if (result.kind === 'invalid') throw new Error('invalid');
  const sources = createMetricSources({ sources: new Map([['default', result.settings]]), clock, random: () => 0 });
  open.push({ server, sources });
  return { server, sources };
}

const request = { query: 'price', atMs: clock.now(), timeoutMs: 1000, lookbackMs: 4000 };

it('equal queries of many breakers cost one query and one look at its past', async () => {
  const { server, sources } = await start();
  const answers = await Promise.all([1, 2, 3].map(() => sources.get('default', 'shop').query(request, never)));
  for (const answer of answers) expect(answer).toMatchObject({ kind: 'samples', samples: [{ labels: { pod: 'a' } }] });
  expect(server.requests.map(({ form }) => form.get('time'))).toEqual(['1700000000.000', '1699999996.000']);
  expect(sources.health()).toMatchObject([{ name: 'default', lastSuccessMs: clock.now() }]);
});

it('a name that the config lacks gives an error that says which there are', async () => {
  const { sources } = await start();
  expect(await sources.get('thanos', 'shop').query(request, never)).toEqual({
    kind: 'error',
    cause: 'unknown-source',
    message: 'metric source thanos is not in the serving config; there is default',
  });
});

it('a policy whose breaker names none of its sources is told, whether or not anybody has asked', async () => {
  const known = prometheusSettings({ url: 'http://p:9090', allowNamespaces: ['ops-*'] }, 'test');
  if (known.kind === 'invalid') throw new Error('invalid');
  const sources = new Map([['default', known.settings]]);
  const service: Detector = { kind: 'customService', service: 'judge', port: 80 };
  const breakers = [
    ...[breakerOf({ name: 'ours' }), breakerOf({ name: 'theirs', source: 'thanos' })],
    breakerOf({ name: 'asked', detector: service, source: 'none' }),
  ];
  const { state } = world({ policy: policyOf({ name: 'prices', breakers }) });
  const place = (name: string) => ({ file: 'KubervisorService shop/prices', field: `breaker ${name}` });
  expect(unknownSourceProblems([state], sources)).toEqual([
    {
      code: 'KV0332',
      severity: 'error',
      message: 'metric source default is not for namespace shop',
      remedy: expect.stringContaining('metricSources'),
      ...place('ours'),
    },
    expect.objectContaining({
      message: 'metric source thanos is not in the serving config; there is default',
      ...place('theirs'),
    }),
  ]);
});

it('what is bound to tenants is asked as each of them, and shared with nobody else', async () => {
  const { server, sources } = await start({ tenant: { header: 'X-Scope-OrgID', value: 'team-{namespace}' } });
  const now = { ...request, lookbackMs: 0 };
  await Promise.all(['shop', 'bank', 'shop'].map((each) => sources.get('default', each).query(now, never)));
  const tenants = server.requests.map(({ headers }) => headers['x-scope-orgid']);
  expect(tenants).toHaveLength(2);
  expect(new Set(tenants)).toEqual(new Set(['team-bank', 'team-shop']));
});

it('what looks at the past of a query looks at it as the same tenant', async () => {
  const { server, sources } = await start({ tenant: { header: 'X-Scope-OrgID' } });
  await sources.get('default', 'shop').query(request, never);
  expect(server.requests.map(({ headers }) => headers['x-scope-orgid'])).toEqual(['shop', 'shop']);
  await sources.get('default', 'bank').query(request, never);
  // What is proven of one tenant's history says nothing of another's.
  expect(server.requests.map(({ headers }) => headers['x-scope-orgid'])).toEqual(['shop', 'shop', 'bank', 'bank']);
});

it('a label is forced on what is asked, and what cannot be held to it is not asked', async () => {
  const { server, sources } = await start({ tenant: { label: 'namespace' } });
  const shop = sources.get('default', 'shop');
  await shop.query({ ...request, query: 'price or {namespace="bank"}', lookbackMs: 0 }, never);
  expect(server.requests.map(({ form }) => form.get('query'))).toEqual([
    'price{namespace="shop"} or {namespace="shop",namespace="bank"}',
  ]);
  expect(await shop.query({ ...request, query: 'info(price)' }, never)).toMatchObject({
    cause: 'bad-query',
    message: expect.stringMatching(/cannot be held to namespace: info\(\)/),
  });
  expect(server.requests).toHaveLength(1);
});

it.each([
  ['shop', 'samples'],
  ['team-a', 'samples'],
  ['a-team', 'samples'],
  ['team', 'error'],
  ['bank', 'error'],
])('of a source for some namespaces, %s gets %s', async (namespace, kind) => {
  const { server, sources } = await start({ allowNamespaces: ['shop', 'team-*', '*-team'] });
  const answer = await sources.get('default', namespace).query({ ...request, lookbackMs: 0 }, never);
  expect(answer.kind).toBe(kind);
  expect(server.requests).toHaveLength(kind === 'error' ? 0 : 1);
});

it('a tenant that is told to wait does not make the others wait', async () => {
  const { server, sources } = await start({ tenant: { header: 'X-Scope-OrgID' } });
  const answer = vector({ labels: { pod: 'a' }, value: '1' });
  server.handle((received, response) => {
    if (received.headers['x-scope-orgid'] === 'bank') json(response, 429, { status: 'error', error: 'too many' });
    else answer(received, response);
  });
  const ask = (namespace: string, query: string) =>
    sources.get('default', namespace).query({ ...request, query, lookbackMs: 0 }, never);
  expect(await ask('bank', 'a')).toMatchObject({ cause: 'throttled' });
  expect(await ask('bank', 'b')).toMatchObject({ cause: 'backoff' });
  expect(await ask('shop', 'b')).toMatchObject({ kind: 'samples' });
});
