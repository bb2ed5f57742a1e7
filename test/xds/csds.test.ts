/** What each client has, as the client status discovery service tells it, over the wire. */
import { constants } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { parseIdentityRule } from '../../engine/config/identity-rule.ts';
import { serviceKey } from '../../engine/model.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { createGrants } from '../../xds/identity.ts';
import { clusterType, endpointType } from '../../xds/types.ts';
import { createAuthority } from '../support/certificates.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import {
  type ClientConfigMessage,
  decodeStatus,
  fetchStatus,
  type StatusRequestMessage,
  streamStatus,
} from '../support/csds.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { clusterLoadAssignment } from '../support/protos.ts';
import { stalledStream } from '../support/stalled-stream.ts';
import { createTlsSource } from '../support/tls-source.ts';
import { type TestServer, xdsServer } from '../support/xds-server.ts';

const one = endpointOf('10.0.0.1');
const two = endpointOf('10.0.0.2');

/** By name: status, version, and addresses in what is attached. */
function shown({ generic_xds_configs: configs = [] }: ClientConfigMessage): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    configs.map(({ name = '', config_status, version_info, xds_config, error_state }) => [
      name,
      [config_status, version_info, addressesIn(xds_config), addressesIn(error_state?.failed_configuration)],
    ]),
  );
}

function addressesIn(any: object | null | undefined): readonly (string | undefined)[] | undefined {
  if (any === null || any === undefined || !('value' in any)) return undefined;
  const { endpoints = [] } = clusterLoadAssignment.deserialize(any.value as Buffer);
  return endpoints.flatMap(({ lb_endpoints = [] }) =>
    lb_endpoints.map(({ endpoint }) => endpoint?.address?.socket_address?.address),
  );
}

/** A client that takes whatever it gets. */
async function follower(server: TestServer, id: string, ...names: readonly string[]): Promise<void> {
  const stream = server.connect().sotw();
  const request = { node: { id }, resource_names: [...names] };
  stream.say(request);
  const { nonce = '' } = await stream.next();
  stream.say({ ...request, response_nonce: nonce });
  await eventually(
    () => server.proxies().some(({ nodeId, subscriptions }) => nodeId === id && subscriptions[0]?.ackedVersion),
    { timeoutMs: 5000 },
  );
}

describe('the status of a client', () => {
  test('tells of each name whether it was asked for, sent, accepted or refused', async () => {
    const clock = createManualClock();
    const cache = createXdsCache({ clock });
    cache.publish(['a', 'b', 'd'].map((name) => assignmentOf(name, one)));
    cache.open();
    const server = await xdsServer([], { cache, clock });
    const publishedAtMs = clock.now();
    const client = server.connect();
    const node = {
      id: 'n1',
      cluster: 'web',
      locality: { zone: 'eu-1a', sub_zone: 'rack-1' },
      user_agent_name: 'envoy',
      user_agent_build_version: { version: { major_number: 1, minor_number: 40 } },
    };
    const ask = async (name: string) => {
      const stream = client.sotw();
      stream.say({ node, resource_names: [name] });
      return { stream, first: name === 'shop/none' ? undefined : await stream.next() };
    };
    const [accepts, , , refuses] = [
      await ask('shop/a'),
      await ask('shop/b'),
      await ask('shop/none'),
      await ask('shop/d'),
    ];
    const [v1, nonce] = [refuses.first?.version_info, refuses.first?.nonce];
    accepts.stream.say({ resource_names: ['shop/a'], response_nonce: accepts.first?.nonce ?? '' });
    refuses.stream.say({ resource_names: ['shop/d'], response_nonce: nonce ?? '' });
    await clock.advance(1500);
    cache.publish([assignmentOf('d', two)]);
    const { version_info: v2, nonce: second = '' } = await refuses.stream.next();
    await clock.advance(250);
    const error_detail = { code: status.INVALID_ARGUMENT, message: 'no good' };
    refuses.stream.say({ resource_names: ['shop/d'], response_nonce: second, error_detail });
    await eventually(() => server.proxies()[0]?.subscriptions.some(({ nack }) => nack !== undefined), {
      timeoutMs: 5000,
    });

    const { config = [] } = await fetchStatus(server.connect());
    expect(config).toHaveLength(1);
    expect(config[0]?.node).toMatchObject({
      id: 'n1',
      cluster: 'web',
      locality: { zone: 'eu-1a', sub_zone: 'rack-1' },
      user_agent_name: 'envoy',
      user_agent_version: '1.40.0',
    });
    expect(shown(config[0] ?? {})).toEqual({
      'shop/a': ['SYNCED', v1, ['10.0.0.1'], undefined],
      'shop/b': ['STALE', undefined, undefined, undefined],
      'shop/none': ['NOT_SENT', undefined, undefined, undefined],
      'shop/d': ['ERROR', v1, ['10.0.0.1'], ['10.0.0.2']],
    });
    const configs = new Map((config[0]?.generic_xds_configs ?? []).map((each) => [each.name, each]));
    const timestamp = (ms: number) => ({ seconds: String(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 });
    expect(configs.get('shop/d')).toMatchObject({
      type_url: endpointType,
      last_updated: timestamp(publishedAtMs),
      error_state: {
        details: 'no good',
        version_info: v2,
        last_update_attempt: timestamp(publishedAtMs + 1750),
        failed_configuration: { type_url: endpointType },
      },
    });
    // What a client says of itself is not for a server to say.
    for (const each of configs.values()) expect(each).not.toHaveProperty('client_status');
  });

  test('a refusal is history when something else was sent, and forgotten when that is accepted', async () => {
    const server = await xdsServer([assignmentOf('a', one)]);
    const stream = server.connect().sotw();
    const names = { resource_names: ['shop/a'] };
    const isNow = async (expected: string) =>
      eventually(
        async () => {
          const { config = [] } = await fetchStatus(server.connect());
          const found = config[0]?.generic_xds_configs?.[0];
          return found?.config_status === expected ? found : undefined;
        },
        { timeoutMs: 5000, what: expected },
      );
    stream.say(names);
    const { nonce = '' } = await stream.next();
    stream.say({ ...names, response_nonce: nonce, error_detail: { message: 'no good' } });
    await isNow('ERROR');
    server.cache.publish([assignmentOf('a', two)]);
    const next = await stream.next();
    expect(await isNow('STALE')).toMatchObject({ error_state: { details: 'no good' } });
    stream.say({ ...names, response_nonce: next.nonce ?? '' });
    expect(await isNow('SYNCED')).not.toHaveProperty('error_state');
  });

  test('covers every type of an aggregated stream, and every stream of a connection', async () => {
    const server = await xdsServer([assignmentOf('a', one)]);
    const client = server.connect();
    const [ads, eds] = [client.delta('ads'), client.sotw()];
    const node = { id: 'n1' };
    ads.say({ node, type_url: clusterType, resource_names_subscribe: ['shop/a:http'] });
    ads.say({ type_url: 'type.googleapis.com/unheard.Of', resource_names_subscribe: ['x'] });
    eds.say({ node, resource_names: ['shop/a'] });
    for (const stream of [ads, ads, eds]) await stream.next();
    const { config = [] } = await fetchStatus(server.connect());
    const [one_client, ...others] = config;
    expect(others).toEqual([]);
    expect(
      (one_client?.generic_xds_configs ?? []).map(({ type_url, name, config_status }) => [
        type_url?.split('.').at(-1),
        name,
        config_status,
      ]),
    ).toEqual([
      ['Cluster', 'shop/a:http', 'STALE'],
      ['Of', 'x', 'NOT_SENT'],
      ['ClusterLoadAssignment', 'shop/a', 'STALE'],
    ]);
  });

  test('without contents has the versions only', async () => {
    const server = await xdsServer([assignmentOf('a', one)]);
    await follower(server, 'n1', 'shop/a');
    const { config = [] } = await fetchStatus(server.connect(), { exclude_resource_contents: true });
    expect(config.map(shown)).toEqual([{ 'shop/a': ['SYNCED', expect.any(String), undefined, undefined] }]);
  });
});

describe('node_matchers', () => {
  const matching = (...node_ids: readonly object[]): StatusRequestMessage => ({
    node_matchers: node_ids.map((node_id) => ({ node_id })),
  });

  test('are of one or the other', async () => {
    const server = await xdsServer([assignmentOf('a', one)]);
    for (const id of ['edge-1', 'edge-2', 'Sidecar~10.0.0.1', '']) await follower(server, id, 'shop/a');
    const asker = server.connect();
    const found = async (request: StatusRequestMessage): Promise<readonly string[]> =>
      ((await fetchStatus(asker, request)).config ?? []).map(({ node }) => node?.id ?? '');
    expect(await found({})).toEqual(['edge-1', 'edge-2', 'Sidecar~10.0.0.1', '']);
    expect(await found(matching({ exact: 'edge-2' }))).toEqual(['edge-2']);
    expect(await found(matching({ exact: 'EDGE-2' }))).toEqual([]);
    expect(await found(matching({ exact: 'EDGE-2', ignore_case: true }))).toEqual(['edge-2']);
    expect(await found(matching({ exact: '' }))).toEqual(['']);
    expect(await found(matching({ prefix: 'edge' }))).toEqual(['edge-1', 'edge-2']);
    expect(await found(matching({ suffix: '1' }))).toEqual(['edge-1', 'Sidecar~10.0.0.1']);
    expect(await found(matching({ contains: 'CAR~', ignore_case: true }))).toEqual(['Sidecar~10.0.0.1']);
    expect(await found(matching({ safe_regex: { regex: 'edge-[0-9]' } }))).toEqual(['edge-1', 'edge-2']);
    expect(await found(matching({ safe_regex: { google_re2: {}, regex: 'edge' } }))).toEqual([]);
    expect(await found(matching({ exact: 'edge-1' }, { contains: '~' }))).toEqual(['edge-1', 'Sidecar~10.0.0.1']);
  });

  test.each<readonly [what: string, request: StatusRequestMessage, reason: string]>([
    ['the metadata of nodes', { node_matchers: [{ node_id: { exact: 'a' }, node_metadatas: [{}] }] }, 'node_metadatas'],
    ['nothing at all', { node_matchers: [{}] }, 'node_id'],
    ['an id by nothing', matching({}), 'exact, prefix'],
    ['an extension', matching({ custom: { name: 'x' } }), 'exact, prefix'],
    ['an empty prefix', matching({ prefix: '' }), 'empty prefix'],
    ['an empty suffix', matching({ suffix: '' }), 'empty suffix'],
    ['an empty part', matching({ contains: '' }), 'empty contains'],
    ['no expression', matching({ safe_regex: {} }), 'without a regex'],
    ['a broken expression', matching({ safe_regex: { regex: '(' } }), 'not a regular expression'],
    ['an expression of RE2 alone', matching({ safe_regex: { regex: '\\Aedge\\z' } }), 'not a regular expression'],
  ])('that ask for %s are refused, instead of answered with everybody', async (_, request, reason) => {
    const server = await xdsServer([assignmentOf('a', one)]);
    await follower(server, 'n1', 'shop/a');
    const asking = fetchStatus(server.connect(), request);
    await expect(asking).rejects.toThrow('INVALID_ARGUMENT');
    await expect(asking).rejects.toThrow(reason);
  });

  test('are limited in number', async () => {
    const server = await xdsServer([]);
    const request = matching(...Array.from({ length: 101 }, (_, n) => ({ exact: String(n) })));
    await expect(fetchStatus(server.connect(), request)).rejects.toThrow('RESOURCE_EXHAUSTED');
  });
});

describe('a question', () => {
  test('that is none ends with a clear status', async () => {
    const server = await xdsServer([]);
    for (const method of ['StreamClientStatus', 'FetchClientStatus']) {
      const call = server.connect().raw(`/envoy.service.status.v3.ClientStatusDiscoveryService/${method}`);
      call.say(Buffer.from('GET / HTTP/1.1\r\n'));
      expect(await call.ended).toMatchObject({
        code: status.INVALID_ARGUMENT,
        details: 'the request is not a ClientStatusRequest',
      });
    }
  });

  test('before all inputs were read is turned away', async () => {
    const server = await xdsServer([], { cache: createXdsCache() });
    await expect(fetchStatus(server.connect())).rejects.toThrow('UNAVAILABLE');
  });

  test('on a stream may be asked again and again, and the stream ends with the client', async () => {
    const server = await xdsServer([assignmentOf('a', one)]);
    const stream = streamStatus(server.connect());
    stream.say({});
    expect(await stream.next()).toEqual({});
    await follower(server, 'n1', 'shop/a');
    stream.say({});
    expect((await stream.next()).config).toHaveLength(1);
    stream.halfClose();
    expect(await stream.ended).toMatchObject({ code: status.OK });
  });

  test('is one too many when a hundred streams are open', async () => {
    const server = await xdsServer([]);
    const client = server.connect();
    const streams = Array.from({ length: 100 }, () => streamStatus(client));
    for (const stream of streams) {
      stream.say({});
      await stream.next();
    }
    await expect(fetchStatus(client)).rejects.toThrow('RESOURCE_EXHAUSTED more than 100');
    streams[0]?.halfClose();
    await streams[0]?.ended;
    expect(await eventually(async () => fetchStatus(client).catch(() => undefined), { timeoutMs: 5000 })).toEqual({});
  });

  test('is not answered any more by a server that stops', async () => {
    const server = await xdsServer([]);
    const stream = streamStatus(server.connect());
    stream.say({});
    await stream.next();
    await server.stop();
    expect(await stream.ended).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('is stopping'),
    });
  });
});

describe('an answer that is too long for one message', () => {
  const most = 4 * 1024 * 1024;
  const services = 60;

  /** One client that holds some six megabytes. */
  async function crowded(): Promise<TestServer> {
    const endpoints = Array.from({ length: 2500 }, (_, n) => endpointOf(`10.0.${n >> 8}.${n & 255}`));
    const server = await xdsServer(Array.from({ length: services }, (_, n) => assignmentOf(`s${n}`, ...endpoints)));
    const stream = server.connect().sotw();
    const names = { resource_names: ['*'] };
    stream.say({ ...names, node: { id: 'n1' } });
    const accepted = () =>
      server.proxies()[0]?.subscriptions[0]?.names.filter(({ acceptedVersion }) => acceptedVersion);
    let received = 0;
    while (received < services) {
      const { nonce = '', resources = [] } = await stream.next();
      received += resources.length;
      stream.say({ ...names, response_nonce: nonce });
    }
    await eventually(() => accepted()?.length === services, { timeoutMs: 5000 });
    return server;
  }

  test('is refused in a single call, which says what to do, and comes in parts on a stream', async () => {
    const server = await crowded();
    const asking = fetchStatus(server.connect());
    await expect(asking).rejects.toThrow('RESOURCE_EXHAUSTED');
    await expect(asking).rejects.toThrow(/node_matchers.*exclude_resource_contents.*StreamClientStatus/);
    const { config = [] } = await fetchStatus(server.connect(), { exclude_resource_contents: true });
    expect(config[0]?.generic_xds_configs).toHaveLength(services);

    const call = server.connect().raw('/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus');
    call.say(Buffer.alloc(0));
    const messages = [await call.next(), await call.next()];
    call.halfClose();
    expect(await call.ended).toMatchObject({ code: status.OK });
    expect(Math.max(...messages.map(({ length }) => length))).toBeLessThanOrEqual(most);
    const parts = messages.flatMap((message) => decodeStatus(message).config ?? []);
    expect(new Set(parts.map(({ node }) => node?.id))).toEqual(new Set(['n1']));
    const names = parts.flatMap(({ generic_xds_configs = [] }) => generic_xds_configs.map(({ name }) => name));
    expect(new Set(names).size).toBe(services);
    expect(names).toHaveLength(services);
  });
});

describe('a client that asks and does not read', () => {
  test('is cut off in its time, and has kept its place only so long', async () => {
    const clock = createManualClock();
    const endpoints = Array.from({ length: 5000 }, (_, n) => endpointOf(`10.0.${n >> 8}.${n & 255}`));
    const server = await xdsServer([assignmentOf('a', ...endpoints)], { clock, limits: { streamStallMs: 30_000 } });
    await follower(server, 'n1', 'shop/a');
    const methods = ['StreamClientStatus', 'FetchClientStatus', 'StreamClientStatus', 'FetchClientStatus'];
    const stalled = methods.map((method) =>
      stalledStream(server.port, `/envoy.service.status.v3.ClientStatusDiscoveryService/${method}`, Buffer.alloc(0)),
    );
    const asker = server.connect();
    const answered = async (): Promise<boolean> =>
      fetchStatus(asker).then(
        () => true,
        () => false,
      );
    await eventually(async () => !(await answered()), { timeoutMs: 5000 });
    await expect(fetchStatus(asker)).rejects.toThrow('RESOURCE_EXHAUSTED');
    expect(await asker.health()).toBe('SERVING');
    await clock.advance(30_000);
    for (const { closed } of stalled) expect(await closed).toBe(constants.NGHTTP2_CANCEL);
    expect(await eventually(answered, { timeoutMs: 5000 })).toBe(true);
  });
});

test('a client that asks for work and leaves has its place taken until the work is over', async () => {
  const clock = createManualClock();
  const server = await xdsServer([assignmentOf('a', one)], { clock });
  await follower(server, 'a'.repeat(60), 'shop/a');
  const client = server.connect();
  const question = { node_matchers: [{ node_id: { safe_regex: { regex: '(a+)+b' } } }] };
  const leaving = Array.from({ length: 4 }, () => streamStatus(client));
  for (const stream of leaving) stream.say(question);
  await eventually(
    async () =>
      fetchStatus(client)
        .catch(() => 'refused')
        .then((answer) => answer === 'refused'),
    {
      timeoutMs: 5000,
    },
  );
  for (const stream of leaving) {
    stream.cancel();
    await stream.ended;
  }
  await expect(fetchStatus(client)).rejects.toThrow('RESOURCE_EXHAUSTED');
  await clock.advance(3000);
  expect(await eventually(async () => fetchStatus(client).catch(() => undefined), { timeoutMs: 5000 })).toMatchObject({
    config: [{}],
  });
});

describe('clients with certificates', () => {
  const authority = createAuthority();
  const certificateOf = (namespace: string) =>
    authority.issue('web', { uris: [`spiffe://cluster.local/ns/${namespace}/sa/web`] });

  /** Certificates of a namespace may ask for what is in it; those of `mesh` for everything. */
  async function guarded(): Promise<TestServer> {
    const rules = [
      ['spiffe://cluster.local/ns/{namespace}/sa/*', '{namespace}'],
      ['spiffe://cluster.local/ns/mesh/sa/*', '*'],
    ].flatMap(([name = '', namespace = '']) => {
      const parsed = parseIdentityRule(name, [namespace]);
      return parsed.kind === 'rule' ? [parsed.rule] : [];
    });
    const source = createTlsSource(authority.issue('kubervisor'), authority.cert);
    const inOps = { ...assignmentOf('b', two), service: serviceKey('ops', 'b') };
    return xdsServer([assignmentOf('a', one), inOps], { tls: { source, grantTo: createGrants(rules) } });
  }

  test('are shown with who they are, to those who may ask for the same', async () => {
    const server = await guarded();
    for (const [id, namespace, name] of [
      ['n1', 'shop', 'shop/a'],
      ['n2', 'ops', 'ops/b'],
    ] as const) {
      const stream = server.connect({ ca: authority.cert, ...certificateOf(namespace) }).sotw();
      stream.say({ node: { id }, resource_names: ['shop/a', 'ops/b'] });
      expect((await stream.next()).resources).toHaveLength(1);
      expect(server.proxies((service) => service === name).find(({ nodeId }) => nodeId === id)).toMatchObject({
        identity: `spiffe://cluster.local/ns/${namespace}/sa/web`,
      });
    }
    const told = async (namespace: string) => {
      const { config = [] } = await fetchStatus(server.connect({ ca: authority.cert, ...certificateOf(namespace) }));
      return config.map((client) => [client.node?.id, Object.keys(shown(client))]);
    };
    expect(await told('mesh')).toEqual([
      ['n1', ['shop/a', 'ops/b']],
      ['n2', ['shop/a', 'ops/b']],
    ]);
    expect(await told('shop')).toEqual([
      ['n1', ['shop/a']],
      ['n2', ['shop/a']],
    ]);
    const stranger = authority.issue('nobody', { uris: ['spiffe://elsewhere/x'] });
    await expect(fetchStatus(server.connect({ ca: authority.cert, ...stranger }))).rejects.toThrow('PERMISSION_DENIED');
  });
});
