/** What a person does first: list, describe, ask. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { startXdsServer, type XdsServer } from '../../xds/server.ts';
import { assignmentOf, endpointOf } from '../support/assignments.ts';
import { describeWith } from '../support/parts.ts';
import { connectXds } from '../support/xds-client.ts';
import { usePrograms } from '../support/programs.ts';

const run = promisify(execFile);
const eds = 'envoy.service.endpoint.v3.EndpointDiscoveryService';
const csds = 'envoy.service.status.v3.ClientStatusDiscoveryService';

describeWith(['grpcurl'], 'grpcurl', ({ grpcurl: executable }) => {
  const programs = usePrograms();
  let server: XdsServer;
  beforeAll(async () => {
    const cache = createXdsCache();
    cache.publish([assignmentOf('pricer', endpointOf('10.0.0.1'), endpointOf('10.0.0.2', { status: 'DRAINING' }))]);
    cache.open();
    server = programs.keep(await startXdsServer({ listen: { host: '127.0.0.1', port: 0 }, cache }));
  });

  const grpcurl = async (...args: readonly string[]): Promise<string> =>
    (await run(executable, ['-plaintext', '-max-time', '30', ...args], { encoding: 'utf8' })).stdout;
  const address = (): string => `${server.address}:${server.port}`;

  it('lists the services', async () => {
    expect((await grpcurl(address(), 'list')).split('\n').filter((line) => line.startsWith('envoy.'))).toEqual([
      'envoy.service.cluster.v3.ClusterDiscoveryService',
      'envoy.service.discovery.v3.AggregatedDiscoveryService',
      eds,
      csds,
    ]);
  });

  it('describes a service, with its options', async () => {
    const described = await grpcurl(address(), 'describe', eds);
    expect(described).toContain('rpc FetchEndpoints ( .envoy.service.discovery.v3.DiscoveryRequest )');
    expect(described).toContain('(.google.api.http)');
  });

  it('describes messages, with their rules, and what they import', async () => {
    expect(await grpcurl(address(), 'describe', 'envoy.config.endpoint.v3.LbEndpoint')).toContain('(.validate.rules)');
    expect(await grpcurl(address(), 'describe', 'envoy.config.core.v3.Node')).toContain(
      'google.protobuf.Struct metadata',
    );
    expect(await grpcurl(address(), 'describe', 'google.protobuf.Struct')).toContain('map<string');
  });

  it.each([
    'envoy.config.cluster.v3.Cluster',
    'envoy.config.listener.v3.Listener',
    'envoy.config.route.v3.RouteConfiguration',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    csds,
    'google.rpc.Status',
  ])('describes %s, which may be inside Any', async (symbol) => {
    expect(await grpcurl(address(), 'describe', symbol)).toMatch(
      new RegExp(`^${symbol.replaceAll('.', '\\.')} is a (message|service):`),
    );
  });

  it('asks for endpoints, and prints the assignment inside Any', async () => {
    const answer: unknown = JSON.parse(
      await grpcurl('-d', '{"resource_names": ["shop/pricer:http"]}', address(), `${eds}/FetchEndpoints`),
    );
    expect(answer).toMatchObject({
      resources: [
        {
          '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
          clusterName: 'shop/pricer:http',
          endpoints: [
            {
              lbEndpoints: [
                { endpoint: { address: { socketAddress: { address: '10.0.0.1' } } }, healthStatus: 'HEALTHY' },
                { endpoint: { address: { socketAddress: { address: '10.0.0.2' } } }, healthStatus: 'DRAINING' },
              ],
            },
          ],
        },
      ],
    });
  });

  it.each([
    'outbound|80||pricer.shop.svc.cluster.local',
    'pricer.shop.svc.cluster.local:80',
    'pricer.shop:80',
    'pricer.shop:http',
    'shop/pricer:http',
    'shop/pricer',
  ])('asks by %s, and the assignment bears the name it asked by', async (name) => {
    const request = JSON.stringify({ resource_names: [name] });
    expect(JSON.parse(await grpcurl('-d', request, address(), `${eds}/FetchEndpoints`))).toMatchObject({
      resources: [{ clusterName: name, endpoints: [{ lbEndpoints: [{}, {}] }] }],
    });
  });

  it('opens a stream, and gets its answer before the end', async () => {
    for (const [method, names] of [
      ['StreamEndpoints', 'resource_names'],
      ['DeltaEndpoints', 'resource_names_subscribe'],
    ] as const) {
      const answer = await grpcurl('-d', JSON.stringify({ [names]: ['shop/pricer'] }), address(), `${eds}/${method}`);
      expect(answer).toContain('"clusterName": "shop/pricer"');
    }
  });

  it('asks what clients have, and prints that inside Any too', async () => {
    const client = connectXds(server.port);
    programs.keep(client);
    const stream = client.sotw();
    stream.say({ node: { id: 'n1' }, resource_names: ['shop/pricer'] });
    stream.say({ resource_names: ['shop/pricer'], response_nonce: (await stream.next()).nonce ?? '' });
    const ask = async (): Promise<string> => {
      const question = '{"node_matchers": [{"node_id": {"exact": "n1"}}]}';
      return grpcurl('-d', question, address(), `${csds}/FetchClientStatus`);
    };
    const answer = await eventually(async () => [await ask()].find((text) => text.includes('SYNCED')), {
      timeoutMs: 10_000,
    });
    expect(JSON.parse(answer)).toMatchObject({
      config: [
        {
          node: { id: 'n1' },
          genericXdsConfigs: [
            {
              name: 'shop/pricer',
              configStatus: 'SYNCED',
              xdsConfig: {
                '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
                clusterName: 'shop/pricer',
                endpoints: [{ lbEndpoints: [{}, { healthStatus: 'DRAINING' }] }],
              },
            },
          ],
        },
      ],
    });
  });

  it('is told clearly what it asked wrong', async () => {
    const asking = grpcurl('-d', '{"resource_names": ["shop/nobody"]}', address(), `${eds}/FetchEndpoints`);
    await expect(asking).rejects.toMatchObject({ stderr: expect.stringContaining('shop/nobody') as string });
  });

  it('asks for health', async () => {
    expect(JSON.parse(await grpcurl(address(), 'grpc.health.v1.Health/Check'))).toEqual({ status: 'SERVING' });
  });
});
