/** The real gRPC client for Node against the real server: what it refuses, whom it calls, and how often. */
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import type { LocalityAssignment, PortAssignment } from '../../engine/assignment/assignment.ts';
import { serviceKey } from '../../engine/model.ts';
import { createXdsCache, type XdsCache } from '../../xds/cache.ts';
import { everywhere } from '../../xds/client.ts';
import { silentObserver } from '../../xds/observer.ts';
import { startXdsServer, type XdsServer } from '../../xds/server.ts';
import { localityOf, portOf } from '../support/assignments.ts';
import { usePrograms } from '../support/programs.ts';
import { expectShare } from '../support/share.ts';
import {
  type GrpcBackends,
  type GrpcClient,
  startGrpcBackends,
  startGrpcClient,
  startListenerServer,
} from './grpc-mesh.ts';

const cluster = 'shop/pricer:http';
const names = ['a1', 'a2', 'a3', 'b1', 'b2', 'b3'] as const;
type Name = (typeof names)[number];
const clientClass = { dialect: 'grpc', zone: 'a', node: 'n1' } as const;
const timeoutMs = 20_000;

describe('a proxyless gRPC client', () => {
  const programs = usePrograms();
  const refusals: string[] = [];
  let backends: GrpcBackends<Name>;
  let cache: XdsCache;
  let server: XdsServer;
  let client: GrpcClient;

  type Out = Parameters<GrpcBackends<Name>['endpoint']>[1];
  const locality = (zone: 'a' | 'b', changes: Partial<Record<Name, Out>>): LocalityAssignment =>
    localityOf(
      names.filter((name) => name.startsWith(zone)).map((name) => backends.endpoint(name, changes[name])),
      { zone },
    );
  const publish = (changes: Partial<Record<Name, Out>>, proximity: PortAssignment['proximity'] = 'None'): void => {
    const localities = [locality('a', changes), locality('b', changes)];
    cache.publish([{ service: serviceKey('shop', 'pricer'), ports: [portOf(localities, {}, proximity)] }]);
  };
  const acceptedVersions = (): readonly (string | undefined)[] =>
    server
      .proxies()
      .flatMap(({ subscriptions }) => subscriptions)
      .flatMap(({ names: views }) => views.map(({ acceptedVersion }) => acceptedVersion));
  /** The client has what is published, and calls these. */
  async function untilCalled(...expected: readonly Name[]): Promise<void> {
    const what = expected.join();
    const version = cache.endpoints.resources.get(cluster, { class: clientClass, allows: everywhere })?.version;
    const called = async () =>
      Object.keys(await client.tally(50))
        .sort()
        .join();
    // A client that is not called asks for nothing. What was called before it had this version says nothing of it.
    await eventually(async () => (await called()) !== '' && acceptedVersions().includes(version), { timeoutMs, what });
    await eventually(async () => (await called()) === what, { timeoutMs, what });
  }

  beforeAll(async () => {
    backends = programs.keep(await startGrpcBackends(names));
    cache = createXdsCache();
    publish({});
    cache.open();
    server = await startXdsServer({
      listen: { host: '127.0.0.1', port: 0 },
      cache,
      limits: { stopGraceMs: 100 },
      observer: { ...silentObserver, nacked: (_, typeUrl, __, message) => refusals.push(`${typeUrl}: ${message}`) },
    });
    programs.keep({ stop: () => server.stop() });
    const listeners = programs.keep(await startListenerServer(cluster));
    client = programs.keep(
      startGrpcClient({
        xdsPort: server.port,
        listenerPort: listeners.port,
        nodeId: 'grpc-in-a',
        locality: { zone: clientClass.zone, sub_zone: clientClass.node },
      }),
    );
  });
  it('calls all that are healthy, and is known with what it has', async () => {
    await untilCalled(...names);
    const [proxy, ...others] = server.proxies();
    expect(others).toEqual([]);
    expect(proxy).toMatchObject({ nodeId: 'grpc-in-a', version: expect.stringMatching(/^gRPC Node/) });
    // Its cluster and its endpoints.
    const views = proxy?.subscriptions.flatMap(({ names: each }) => each) ?? [];
    expect(views.map(({ name }) => name)).toEqual([cluster, cluster]);
    for (const { sentVersion, acceptedVersion } of views) expect(acceptedVersion).toBe(sentVersion);
  });

  it('does not call who drains or is unhealthy, and calls them again afterwards', async () => {
    publish({ a1: { status: 'DRAINING' }, a2: { status: 'UNHEALTHY' }, b3: { status: 'DRAINING' } });
    await untilCalled('a3', 'b1', 'b2');
    const { a3 = 0, b1 = 0, b2 = 0, ...others } = await client.tally(300);
    expect(others).toEqual({});
    expect(a3 + b1 + b2).toBe(300);
    publish({});
    await untilCalled(...names);
  });

  it('calls who is on a ramp by its weight, although it does not look at weights of endpoints', async () => {
    publish({ a1: { weight: 25 }, b1: { weight: 5 } });
    await untilCalled(...names);
    const { a1 = 0, a2 = 0, b1 = 0 } = await client.tally(1000);
    expectShare(a1, 1000, 25 / 430);
    expectShare(a2, 1000, 100 / 430);
    expectShare(b1, 1000, 5 / 430);
    publish({});
    await untilCalled(...names);
  });

  it('proximity: calls its own zone', async () => {
    publish({}, 'Zone');
    await untilCalled('a1', 'a2', 'a3');
  });

  it('proximity: spills over by the arithmetic of Envoy, which it does not know: of three one is left, 47 % stay', async () => {
    const unhealthy = { status: 'UNHEALTHY' } as const;
    publish({ a1: unhealthy, a2: unhealthy }, 'Zone');
    await untilCalled('a3', 'b1', 'b2', 'b3');
    const { a3 = 0, ...others } = await client.tally(1000);
    expectShare(a3, 1000, 1.4 / 3);
    expect(Object.keys(others).sort()).toEqual(['b1', 'b2', 'b3']);
    publish({ a1: unhealthy, a2: unhealthy, a3: unhealthy }, 'Zone');
    await untilCalled('b1', 'b2', 'b3');
  });

  it('proximity: calls the other zone when nobody in its own can be connected to', async () => {
    publish({}, 'Zone');
    await untilCalled('a1', 'a2', 'a3');
    for (const name of ['a1', 'a2', 'a3'] as const) backends.kill(name);
    await untilCalled('b1', 'b2', 'b3');
  });

  it('has refused nothing of all this', () => {
    expect(refusals).toEqual([]);
  });
});
