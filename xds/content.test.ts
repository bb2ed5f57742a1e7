import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PortAssignment } from '../engine/assignment/assignment.ts';
import { viewFor } from '../engine/assignment/client-class.ts';
import { endpointOf, localityOf, portOf } from '../test/support/assignments.ts';
import { clusterLoadAssignment } from '../test/support/protos.ts';
import { encodeContent } from './content.ts';

const decode = (port: PortAssignment, name = 'shop/pricer') =>
  clusterLoadAssignment.deserialize(encodeContent(port).message(name));

const socket = (address: string, port: number) => ({
  host_identifier: 'endpoint',
  endpoint: { address: { address: 'socket_address', socket_address: { address, port_value: port } } },
});

describe('a port is a ClusterLoadAssignment', () => {
  test('of the name that was asked for, with status, weight, zone and priority', () => {
    const port = portOf([
      localityOf(
        [
          endpointOf('10.0.0.1'),
          endpointOf('10.0.0.2', { weight: 25 }),
          endpointOf('2001:db8::1', { port: 65_535, status: 'DRAINING' }),
        ],
        { zone: 'eu-1a' },
      ),
      localityOf([endpointOf('10.0.1.1', { status: 'UNHEALTHY' })], { priority: 1 }),
    ]);
    expect(decode(port, 'outbound|80||pricer.shop.svc.cluster.local')).toMatchObject({
      cluster_name: 'outbound|80||pricer.shop.svc.cluster.local',
      endpoints: [
        {
          locality: { zone: 'eu-1a' },
          lb_endpoints: [
            { ...socket('10.0.0.1', 8080), health_status: 'HEALTHY', load_balancing_weight: { value: 100 } },
            { ...socket('10.0.0.2', 8080), health_status: 'HEALTHY', load_balancing_weight: { value: 25 } },
            { ...socket('2001:db8::1', 65_535), health_status: 'DRAINING', load_balancing_weight: { value: 100 } },
          ],
          load_balancing_weight: { value: 125 },
        },
        {
          locality: {},
          lb_endpoints: [
            { ...socket('10.0.1.1', 8080), health_status: 'UNHEALTHY', load_balancing_weight: { value: 100 } },
          ],
          load_balancing_weight: { value: 1 },
          priority: 1,
        },
      ],
    });
  });

  test('with locality and its weight always there, or gRPC clients refuse or skip it', () => {
    const [locality] = decode(portOf([localityOf([endpointOf('10.0.0.1', { status: 'DRAINING' })])])).endpoints ?? [];
    expect(locality).toHaveProperty('locality');
    expect(locality).toHaveProperty('load_balancing_weight', { value: 1 });
  });

  test('that never expires: R5', () => {
    expect(decode(portOf([localityOf([endpointOf('10.0.0.1')])]))).not.toHaveProperty('policy');
  });

  test('with no endpoints, where the Service is known to have none', () => {
    expect(decode(portOf([]))).toEqual({ cluster_name: 'shop/pricer' });
  });
});

const endpoint = fc.record({
  address: fc.oneof(fc.ipV4(), fc.ipV6()),
  port: fc.integer({ min: 1, max: 65_535 }),
  status: fc.constantFrom('HEALTHY', 'UNHEALTHY', 'DRAINING'),
  weight: fc.integer({ min: 1, max: 100 }),
});
const locality = fc.record({
  zone: fc.string(),
  subZone: fc.string(),
  priority: fc.integer({ min: 0, max: 3 }),
  endpoints: fc.array(endpoint, { minLength: 1, maxLength: 5 }),
});
const portArbitrary = fc.array(locality, { maxLength: 4 }).map((localities) =>
  portOf(
    localities.map(({ endpoints, ...rest }) =>
      localityOf(
        endpoints.map(({ address, ...more }) => endpointOf(address, more)),
        rest,
      ),
    ),
  ),
);

test('whatever is assigned is what a client decodes', () => {
  fc.assert(
    fc.property(portArbitrary, (port) => {
      const seen = decode(port).endpoints ?? [];
      expect(
        seen.map(({ locality, priority, lb_endpoints }) => ({
          zone: locality?.zone ?? '',
          subZone: locality?.sub_zone ?? '',
          priority: priority ?? 0,
          endpoints: lb_endpoints?.map(({ endpoint: host, health_status, load_balancing_weight }) => ({
            address: host?.address?.socket_address?.address,
            port: host?.address?.socket_address?.port_value,
            status: health_status,
            weight: load_balancing_weight?.value,
          })),
        })),
      ).toEqual(
        port.localities.map(({ endpoints, ...rest }) => ({
          ...rest,
          endpoints: endpoints.map(({ backend: _, ...shown }) => shown),
        })),
      );
    }),
  );
});

test('what views of a port share is not seen in them', () => {
  const clients = fc.array(fc.record({ in: fc.nat(3), dialect: fc.constantFrom('envoy', 'grpc') }), { maxLength: 4 });
  fc.assert(
    fc.property(portArbitrary, clients, (port, seen) => {
      const fragments = new WeakMap();
      for (const { in: index, dialect } of seen) {
        const zone = port.localities[index]?.zone ?? '';
        const view = viewFor({ ...port, proximity: 'Zone' }, { dialect, zone, node: '' });
        expect(encodeContent(view, fragments).message('a')).toEqual(encodeContent(view).message('a'));
      }
    }),
  );
});

describe('the version', () => {
  test('is that of the content: equal on equal content, in every process', () => {
    // Written down here, so that it cannot come to depend on a start, a counter or the order of keys.
    expect(encodeContent(portOf([localityOf([endpointOf('10.0.0.1')])])).version).toBe('72d3133756ca50b6');
    expect(encodeContent(portOf([])).version).toBe('e3b0c44298fc1c14');
  });

  test('changes with whatever a client can see, and with nothing else', () => {
    const version = (...args: Parameters<typeof endpointOf>) =>
      encodeContent(portOf([localityOf([endpointOf(...args)])])).version;
    const before = version('10.0.0.1');
    expect(version('10.0.0.1', { labels: { version: 'v2' } })).toBe(before);
    expect(version('10.0.0.2')).not.toBe(before);
    expect(version('10.0.0.1', { port: 8081 })).not.toBe(before);
    expect(version('10.0.0.1', { status: 'DRAINING' })).not.toBe(before);
    expect(version('10.0.0.1', { weight: 99 })).not.toBe(before);
  });
});
