/** Rules of what an assignment says. The page docs/xds-conformance.md lists them. */
import { expect, test } from 'vitest';
import { assign } from '../../../engine/assignment/assign.ts';
import { assignmentOf, endpointOf, localityOf, portOf } from '../../support/assignments.ts';
import { backendOf, fleetOf, policyOf } from '../../support/fixtures.ts';
import { clusterLoadAssignment } from '../../support/protos.ts';
import {
  anyOf,
  deltaConversation,
  endpointType,
  type NodeMessage,
  sotwConversation,
} from '../../support/xds-dialogue.ts';
import { xdsServer } from '../../support/xds-server.ts';
import { one, shop, two } from './shop.ts';

type Server = Awaited<ReturnType<typeof xdsServer>>;

/** As an Envoy gets it. */
async function assignmentFrom({ connect }: Server, name: string, node?: NodeMessage) {
  const client = sotwConversation(connect(), 'eds', node).of(endpointType);
  client.want(name);
  const { resources: [resource = {}] = [] } = await client.next();
  return clusterLoadAssignment.deserialize(anyOf(resource));
}

test('E1: cluster_name is the name that was asked for, in whatever spelling, and the rest is the same', async () => {
  const server = await shop();
  const names = [
    'shop/a',
    'shop/a:http',
    'shop/a:80',
    'a.shop:80',
    'a.shop:http',
    'a.shop.svc.cluster.local:80',
    'outbound|80||a.shop.svc.cluster.local',
  ];
  const { endpoints } = await assignmentFrom(server, 'shop/a');
  for (const name of names) {
    expect(await assignmentFrom(server, name)).toEqual({ cluster_name: name, endpoints });
  }
  const delta = deltaConversation(server.connect(), 'eds').of(endpointType);
  delta.want(...names);
  const { resources = [] } = await delta.next();
  expect(resources.map(({ name }) => name)).toEqual(names);
  expect(resources.map((resource) => clusterLoadAssignment.deserialize(anyOf(resource)).cluster_name)).toEqual(names);
});

test('E2: nothing in an assignment expires', async () => {
  expect(await assignmentFrom(await shop(), 'shop/a')).not.toHaveProperty('policy');
});

test('E3: no address comes twice, even if two backends claim it', async () => {
  const claimed = { endpoints: [{ portName: 'http', address: '10.0.0.1', port: 8080 }] };
  const { eject, activator, proximity } = policyOf();
  const assignment = assign({
    fleet: fleetOf([backendOf('p1', claimed), backendOf('p2', claimed), backendOf('p3')]),
    decisions: new Map(),
    eject,
    proximity,
    ramp: activator.ramp,
  });
  const { endpoints = [] } = await assignmentFrom(await xdsServer([assignment]), 'shop/pricer');
  const addresses = endpoints.flatMap(({ lb_endpoints = [] }) =>
    lb_endpoints.flatMap(({ endpoint }) => endpoint?.address?.socket_address?.address ?? []),
  );
  expect(addresses.toSorted()).toEqual(['10.0.0.1', '10.0.0.3']);
});

test('E4: every endpoint and every locality has a weight, and none is 0', async () => {
  const out = [endpointOf('10.0.0.1', { status: 'DRAINING' }), endpointOf('10.0.0.2', { status: 'UNHEALTHY' })];
  const { endpoints = [] } = await assignmentFrom(await xdsServer([assignmentOf('a', ...out)]), 'shop/a');
  const weights = endpoints.flatMap(({ load_balancing_weight, lb_endpoints = [] }) => [
    load_balancing_weight?.value,
    ...lb_endpoints.map((endpoint) => endpoint.load_balancing_weight?.value),
  ]);
  expect(weights).toHaveLength(3);
  for (const weight of weights) expect(weight).toBeGreaterThan(0);
});

test('E5: priorities follow each other from 0, wherever the client is, in a subset too', async () => {
  const inVersion = (address: string, version: string) => endpointOf(address, { labels: { version } });
  const localities = [
    localityOf([inVersion('10.0.0.1', 'v1')], { zone: 'z1' }),
    localityOf([inVersion('10.0.0.2', 'v2')], { zone: 'z2' }),
    localityOf([inVersion('10.0.0.3', 'v1')], { zone: 'z3' }),
  ];
  const { service } = assignmentOf('a');
  const server = await xdsServer([{ service, ports: [portOf(localities, {}, 'Zone')] }]);
  const prioritiesOf = async (name: string, zone: string) => {
    const { endpoints = [] } = await assignmentFrom(server, name, { id: 'n1', locality: { zone } });
    return endpoints.map(({ priority = 0 }) => priority).toSorted((a, b) => a - b);
  };
  expect(await prioritiesOf('shop/a', 'z2')).toEqual([0, 1, 1]);
  expect(await prioritiesOf('shop/a', '')).toEqual([0, 0, 0]);
  const subset = 'outbound|80|v1|a.shop.svc.cluster.local';
  expect(await prioritiesOf(subset, 'z1')).toEqual([0, 1]);
  // Nobody of the subset is in this zone.
  expect(await prioritiesOf(subset, 'z2')).toEqual([0, 0]);
});

test('E6: endpoints are in their assignment, as addresses, each locality once', async () => {
  const { endpoints = [] } = await assignmentFrom(await xdsServer([assignmentOf('a', one, two)]), 'shop/a');
  expect(endpoints).toEqual([
    {
      locality: {},
      load_balancing_weight: { value: 200 },
      lb_endpoints: ['10.0.0.1', '10.0.0.2'].map((address) =>
        expect.objectContaining({
          endpoint: {
            address: {
              socket_address: { address, port_value: 8080, port_specifier: 'port_value' },
              address: 'socket_address',
            },
          },
        }),
      ),
    },
  ]);
});
