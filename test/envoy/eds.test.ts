/** A real Envoy with its endpoints from us, in each of the four ways it has of asking for them. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Envoy } from '../../demo/world/envoy.ts';
import { eventually } from '../../demo/world/wait.ts';
import type { AssignedEndpoint } from '../../engine/assignment/assignment.ts';
import { serviceKey } from '../../engine/model.ts';
import { createXdsCache, type XdsCache } from '../../xds/cache.ts';
import { startXdsServer, type XdsServer } from '../../xds/server.ts';
import { anyone, assignmentOf } from '../support/assignments.ts';
import { fetchStatus } from '../support/csds.ts';
import { connectXds } from '../support/xds-client.ts';
import { usePrograms } from '../support/programs.ts';
import { type Backends, startBackends, tally } from './backends.ts';
import { edsBootstrap, listenerName, type Way, ways } from './bootstrap.ts';
import { describeWithEnvoys, type EnvoyProgram } from './versions.ts';

const cluster = 'shop/pricer:http';
const other = 'outbound|80||search.shop.svc.cluster.local';
const unknown = 'shop/unknown:http';
const timeoutMs = 20_000;

describeWithEnvoys('endpoints', (program) => {
  describe.each(ways)('by %s', (way) => {
    suite(way, program);
  });
});

function suite(way: Way, { executable, version: envoyVersion }: EnvoyProgram): void {
  const programs = usePrograms();
  let cache: XdsCache;
  let server: XdsServer;
  let backends: Backends<'a' | 'b' | 'c'>;
  let envoy: Envoy;
  let url: string;

  const serve = async (port: number): Promise<XdsServer> =>
    startXdsServer({ listen: { host: '127.0.0.1', port }, cache, limits: { stopGraceMs: 500 } });
  const publish = (...endpoints: readonly AssignedEndpoint[]): void =>
    cache.publish([assignmentOf('pricer', ...endpoints)]);
  const seen = async (): Promise<readonly string[]> => {
    const hosts = await envoy.clusters(cluster);
    return hosts.map(({ edsHealth, weight }) => `${edsHealth} ${weight}`);
  };
  const untilSeen = (expected: readonly string[]): Promise<unknown> =>
    eventually(async () => (await seen()).join() === expected.join(), { timeoutMs, what: expected.join() });
  /** Envoy has no colons in the names of its statistics. */
  const stat = async (of: string, name: string): Promise<number> =>
    (await envoy.stats(`cluster.${of.replaceAll(':', '_')}.${name}`)) ?? 0;
  const subscriptionTo = (name: string) =>
    server
      .proxies()
      .flatMap(({ subscriptions }) => subscriptions)
      .flatMap(({ names }) => names)
      .find((view) => view.name === name);

  beforeAll(async () => {
    backends = programs.keep(await startBackends(['a', 'b', 'c']));
    const all = (['a', 'b', 'c'] as const).map((name) => backends.endpoint(name));
    cache = createXdsCache();
    cache.publish([assignmentOf('pricer', ...all), assignmentOf('search', ...all)]);
    cache.open();
    server = await serve(0);
    programs.keep({ stop: () => server.stop() });
    envoy = await programs.envoy({
      executable,
      name: 'obeying',
      bootstrap: edsBootstrap({
        way,
        xdsPort: server.port,
        clusters: [cluster, other, unknown],
        initialFetchTimeout: '1s',
      }),
    });
    url = (await envoy.listener(listenerName)) ?? '';
  });

  it('gets them, and sends traffic to all', async () => {
    expect(await seen()).toEqual(['HEALTHY 100', 'HEALTHY 100', 'HEALTHY 100']);
    expect(await tally(url, 6)).toEqual({ a: 2, b: 2, c: 2 });
    expect(await envoy.clusters(other)).toHaveLength(3);
  });

  it('is told from every other proxy, with what it has', async () => {
    const [proxy, ...others] = server.proxies();
    expect(others).toEqual([]);
    expect(proxy).toMatchObject({
      nodeId: 'obeying',
      nodeCluster: 'obeying',
      version: `envoy ${envoyVersion}`,
    });
    const version = cache.endpoints.resources.get(cluster, anyone)?.version;
    expect(subscriptionTo(cluster)).toEqual({ name: cluster, sentVersion: version, acceptedVersion: version });
  });

  it('waits for a name nobody knows as long as it was told to, and is not given an empty list', async () => {
    expect(await envoy.clusters(unknown)).toEqual([]);
    const isTold = way.startsWith('delta');
    expect(await stat(unknown, 'init_fetch_timeout')).toBe(isTold ? 0 : 1);
    expect(subscriptionTo(unknown)).toEqual({ name: unknown, ...(isTold ? { sentVersion: '' } : {}) });
  });

  it('stops sending traffic to an endpoint that drains', async () => {
    publish(backends.endpoint('a'), backends.endpoint('b', { status: 'DRAINING' }), backends.endpoint('c'));
    await untilSeen(['HEALTHY 100', 'DRAINING 100', 'HEALTHY 100']);
    expect(await tally(url, 6)).toEqual({ a: 3, c: 3 });
  });

  it('does not panic when most of them drain', async () => {
    const draining = { status: 'DRAINING' } as const;
    publish(backends.endpoint('a'), backends.endpoint('b', draining), backends.endpoint('c', draining));
    await untilSeen(['HEALTHY 100', 'DRAINING 100', 'DRAINING 100']);
    expect(await tally(url, 6)).toEqual({ a: 6 });
  });

  it('honours weights', async () => {
    publish(backends.endpoint('a'), backends.endpoint('b'), backends.endpoint('c', { weight: 10 }));
    await untilSeen(['HEALTHY 100', 'HEALTHY 100', 'HEALTHY 10']);
    const { a = 0, b = 0, c = 0 } = await tally(url, 63);
    expect([Math.abs(a - 30) <= 1, Math.abs(b - 30) <= 1, Math.abs(c - 3) <= 1]).toEqual([true, true, true]);
  });

  it('keeps what it has when it refuses something, and its words are kept for people', async () => {
    const before = await seen();
    const good = [backends.endpoint('a'), backends.endpoint('b', { weight: 50 })] as const;
    publish(...good, backends.endpoint('c', { weight: 0 }));
    const refused = await eventually(() => subscriptionTo(cluster)?.refusal, { timeoutMs });
    expect(refused.message).toMatch(/LoadBalancingWeight: value must be greater than or equal to 1/);
    expect(await seen()).toEqual(before);
    const { config = [] } = await fetchStatus(programs.keep(connectXds(server.port)));
    expect(config.flatMap(({ generic_xds_configs = [] }) => generic_xds_configs)).toContainEqual(
      expect.objectContaining({
        name: cluster,
        config_status: 'ERROR',
        error_state: expect.objectContaining({ details: refused.message, version_info: refused.version }) as unknown,
      }),
    );
    // Refused once: it is not sent again until it changes.
    expect(await stat(cluster, 'update_rejected')).toBe(1);

    publish(...good, backends.endpoint('c'));
    await untilSeen(['HEALTHY 100', 'HEALTHY 50', 'HEALTHY 100']);
    await eventually(() => subscriptionTo(cluster)?.refusal === undefined, { timeoutMs });
    expect(await stat(cluster, 'update_rejected')).toBe(1);
  });

  it('R4: sees no change when we restart with the same content', async () => {
    const changes = await stat(cluster, 'membership_change');
    const rebuilds = await stat(cluster, 'update_no_rebuild');
    const updates = await stat(cluster, 'update_success');
    const hosts = await envoy.clusters(cluster);
    const { port } = server;
    await server.stop();
    expect(await tally(url, 3)).not.toHaveProperty('status 503');
    server = await serve(port);
    await eventually(async () => (await stat(cluster, 'update_success')) > updates, { timeoutMs });
    expect(await envoy.clusters(cluster)).toEqual(hosts);
    expect(await stat(cluster, 'membership_change')).toBe(changes);
    expect(await stat(cluster, 'update_no_rebuild')).toBeGreaterThan(rebuilds);
  });

  it('keeps its endpoints when their Service is gone', async () => {
    const before = await seen();
    await eventually(async () => subscriptionTo(other)?.acceptedVersion !== undefined, { timeoutMs });
    cache.remove(serviceKey('shop', 'pricer'));
    // What comes after it on the same connections has arrived.
    cache.publish([assignmentOf('search', backends.endpoint('a'))]);
    await eventually(async () => (await envoy.clusters(other)).length === 1, { timeoutMs });
    expect(await seen()).toEqual(before);
    expect(await tally(url, 3)).not.toHaveProperty('status 503');
  });

  it('empties a cluster when its Service is known to have no endpoints', async () => {
    publish();
    await untilSeen([]);
    expect(await tally(url, 1)).toEqual({ 'status 503': 1 });
  });
}
