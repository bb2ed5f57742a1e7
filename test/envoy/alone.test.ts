/** A real Envoy that has nobody but us: its clusters and their endpoints come from here, on one stream. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Envoy } from '../../demo/world/envoy.ts';
import { eventually } from '../../demo/world/wait.ts';
import type { Assignment, PortAssignment } from '../../engine/assignment/assignment.ts';
import { serviceKey } from '../../engine/model.ts';
import { createXdsCache, type XdsCache } from '../../xds/cache.ts';
import { createResource, type Resource } from '../../xds/resource.ts';
import { startXdsServer, type XdsServer } from '../../xds/server.ts';
import { clusterType, type Resources } from '../../xds/types.ts';
import { assignmentOf } from '../support/assignments.ts';
import { usePrograms } from '../support/programs.ts';
import { protos } from '../support/protos.ts';
import { type Backends, startBackends, tally } from './backends.ts';
import { aloneBootstrap, type AloneBootstrap, listenerName } from './bootstrap.ts';
import { describeWithEnvoys, type EnvoyProgram } from './versions.ts';

const pricer = 'shop/pricer:http';
const search = 'shop/search:http';
const quotes = 'shop/quotes:http';
/** In the bootstrap, and asks for endpoints by the name that a cluster of ours has too. */
const own = { name: 'own', serviceName: pricer };
/** Below the 15 s after which Envoy would go on without endpoints: who waits for that fails. */
const timeoutMs = 10_000;

/** How the cluster of ejected endpoints that are unhealthy differs; in JSON, a number that is 0 is not there. */
const neverPanics = '"healthy_panic_threshold":{}';

describeWithEnvoys('an Envoy with clusters and endpoints from us', (program) => {
  for (const way of ['sotw on ads', 'delta on ads'] as const) {
    for (const edsCache of [true, false]) {
      describe(`by ${way}, ${edsCache ? 'with' : 'without'} its cache of endpoints`, () => {
        suite(program, way, edsCache);
      });
    }
  }
});

function suite({ executable }: EnvoyProgram, way: AloneBootstrap['way'], edsCache: boolean): void {
  const programs = usePrograms();
  let backends: Backends<'a' | 'b' | 'c'>;
  let cache: XdsCache;
  let server: XdsServer;
  let envoy: Envoy;
  let url: string;

  /** Names of clusters that no Envoy would take. */
  const spoilt = new Set<string>();

  const serve = (port: number): Promise<XdsServer> =>
    startXdsServer({
      listen: { host: '127.0.0.1', port },
      cache: spoiling(cache, spoilt),
      limits: { stopGraceMs: 500 },
    });
  const refusalOf = (cluster: string) => () =>
    server
      .proxies()
      .flatMap(({ subscriptions }) => subscriptions)
      .filter(({ type }) => type === clusterType)
      .flatMap(({ names }) => names)
      .find(({ name }) => name === cluster)?.refusal;
  const all = (name: string, change: Partial<PortAssignment> = {}): Assignment => {
    const { service, ports } = assignmentOf(name, ...(['a', 'b', 'c'] as const).map((each) => backends.endpoint(each)));
    return { service, ports: ports.map((port) => ({ ...port, ...change })) };
  };
  const ask = (cluster: string): ReturnType<typeof tally> => tally(url, 3, { cluster });
  const everybody = { a: 1, b: 1, c: 1 };
  const untilEverybodyServes = (cluster: string): Promise<unknown> =>
    eventually(async () => expect(await ask(cluster)).toEqual(everybody), { timeoutMs, what: `${cluster} serves` });
  const stat = async (name: string): Promise<number> => (await envoy.stats(name)) ?? 0;
  const clusterStat = (cluster: string, name: string): Promise<number> =>
    stat(`cluster.${cluster.replaceAll(':', '_')}.${name}`);
  /** As far as Envoy uses it, which is once it is warm. */
  const activeCluster = async (name: string): Promise<string> => {
    const dump = await envoy.admin('/config_dump?resource=dynamic_active_clusters');
    const { configs = [] } = JSON.parse(dump) as { configs?: readonly { cluster: { name: string } }[] };
    return JSON.stringify(configs.find(({ cluster }) => cluster.name === name) ?? '');
  };

  beforeAll(async () => {
    backends = programs.keep(await startBackends(['a', 'b', 'c']));
    cache = createXdsCache();
    cache.publish([all('pricer'), all('search')]);
    cache.open();
    server = await serve(0);
    programs.keep({ stop: () => server.stop() });
    const bootstrap = aloneBootstrap({ way, xdsPort: server.port, edsCache, cluster: own });
    envoy = await programs.envoy({ executable, name: 'alone', bootstrap });
    url = (await envoy.listener(listenerName)) ?? '';
  });

  it('starts with all clusters warm, and waits for no listeners and routes', async () => {
    expect(await ask(search)).toEqual(everybody);
    expect(await stat('listener_manager.lds.init_fetch_timeout')).toBe(0);
    expect(await stat('listener_manager.lds.update_success')).toBe(1);
    expect(await stat('cluster_manager.cds.update_rejected')).toBe(0);
  });

  it('gets endpoints for a cluster of ours by a name that a cluster of its own has asked by before', async () => {
    expect(await ask(own.name)).toEqual(everybody);
    expect(await ask(pricer)).toEqual(everybody);
    expect(await clusterStat(pricer, 'init_fetch_timeout')).toBe(0);
  });

  it('learns of a new Service, and loses one that is gone', async () => {
    cache.publish([all('quotes')]);
    await untilEverybodyServes(quotes);
    cache.remove(serviceKey('shop', 'quotes'));
    await eventually(async () => (await activeCluster(quotes)) === '""', { timeoutMs });
    expect(await ask(quotes)).toEqual({ 'status 503': 3 });
    expect(await ask(search)).toEqual(everybody);
  });

  it('warms a cluster that changed, with the endpoints it has', async () => {
    cache.publish([all('search', { ejectedAs: 'UNHEALTHY' })]);
    await eventually(async () => (await activeCluster(search)).includes(neverPanics), { timeoutMs });
    expect(await ask(search)).toEqual(everybody);
    expect(await clusterStat(search, 'init_fetch_timeout')).toBe(0);
  });

  it('follows clusters that change while they are warming', async () => {
    const http2 = { port: { name: 'http', number: 80, protocol: 'http2' } } as const;
    for (const change of [http2, { ejectedAs: 'UNHEALTHY' as const }, http2, {}]) {
      cache.publish([all('search', change), all('pricer', change)]);
      // Each on its way before the next is published.
      await new Promise(setImmediate);
    }
    await eventually(async () => (await stat('cluster_manager.warming_clusters')) === 0, { timeoutMs });
    for (const name of [search, pricer]) {
      await eventually(async () => isAsAtFirst(await activeCluster(name)), { timeoutMs });
      expect(await ask(name)).toEqual(everybody);
      expect(await clusterStat(name, 'init_fetch_timeout')).toBe(0);
    }
    expect(await ask(own.name)).toEqual(everybody);
  });

  it('keeps the clusters it has when it refuses one, and takes it once it is right', async () => {
    const rejected = await stat('cluster_manager.cds.update_rejected');
    spoilt.add(search);
    cache.publish([all('search', { ejectedAs: 'UNHEALTHY' })]);
    const refusal = await eventually(refusalOf(search), { timeoutMs });
    expect(refusal.message).toContain('ConnectTimeout: value must be greater than 0s');
    expect(await ask(search)).toEqual(everybody);
    expect(await ask(pricer)).toEqual(everybody);
    // Refused once: it is not sent again until it changes.
    expect(await stat('cluster_manager.cds.update_rejected')).toBe(rejected + 1);

    spoilt.clear();
    cache.publish([all('search')]);
    await eventually(() => refusalOf(search)() === undefined, { timeoutMs });
    expect(await ask(search)).toEqual(everybody);
    expect(await stat('cluster_manager.cds.update_rejected')).toBe(rejected + 1);
  });

  it('R4: sees no change when we restart with the same content', async () => {
    const names = [search, pricer, own.name];
    const changes = async (): Promise<readonly number[]> => {
      const counts = names.map((name) => clusterStat(name, 'membership_change'));
      return Promise.all([
        ...counts,
        ...['added', 'modified', 'removed'].map((what) => stat(`cluster_manager.cluster_${what}`)),
      ]);
    };
    const before = await changes();
    const updates = await clusterStat(own.name, 'update_success');
    const { port } = server;
    await server.stop();
    for (const name of names) expect(await ask(name)).toEqual(everybody);
    server = await serve(port);
    await eventually(async () => (await clusterStat(own.name, 'update_success')) > updates, { timeoutMs: 30_000 });
    for (const name of names) expect(await ask(name)).toEqual(everybody);
    expect(await changes()).toEqual(before);
  });
}

function isAsAtFirst(cluster: string): boolean {
  return cluster !== '""' && !cluster.includes(neverPanics) && !cluster.includes('http2_protocol_options');
}

/** The same, but for some clusters that are wrong. */
function spoiling(cache: XdsCache, names: ReadonlySet<string>): XdsCache {
  const spoil = (name: string): Resource => {
    const cluster = protos['envoy.config.cluster.v3.Cluster'].serialize({ name, connect_timeout: { seconds: 0 } });
    return createResource({ typeUrl: clusterType, name, version: 'spoilt', message: cluster, servedSinceMs: 0 });
  };
  const { resources } = cache.clusters;
  const get: Resources['get'] = (name, client) => (names.has(name) ? spoil(name) : resources.get(name, client));
  const clusters = { ...cache.clusters, resources: { ...resources, get } };
  return { ...cache, clusters, types: new Map([...cache.types, [clusterType, clusters]]) };
}
