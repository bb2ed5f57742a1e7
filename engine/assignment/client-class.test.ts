import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointOf, localityOf, portOf } from '../../test/support/assignments.ts';
import { backendOf, decisionOf, fleetOf, policyOf } from '../../test/support/fixtures.ts';
import { assign } from './assign.ts';
import type { AssignedEndpoint, PortAssignment } from './assignment.ts';
import { type ClientClass, classKey, viewFor } from './client-class.ts';

const at = (zone: string, node = ''): ClientClass => ({ dialect: 'envoy', zone, node });
const grpcAt = (zone: string, node = ''): ClientClass => ({ dialect: 'grpc', zone, node });

/** `PRIORITY ZONE/SUBZONE*WEIGHT: ADDRESSES` of each locality; the weight only where it is given. */
function shown(port: PortAssignment, client: ClientClass): readonly string[] {
  return viewFor(port, client).localities.map(({ priority, zone, subZone, weight, endpoints }) => {
    const share = weight === undefined ? '' : `*${weight}`;
    return `${priority} ${zone}/${subZone}${share}: ${endpoints.map(({ address }) => address).join(' ')}`;
  });
}

const unhealthy = { status: 'UNHEALTHY' } as const;
const on = (node: string, address: string, change: Partial<AssignedEndpoint> = {}): AssignedEndpoint =>
  endpointOf(address, { node, ...change });

const localities = [
  localityOf([endpointOf('u1')]),
  localityOf([on('n1', 'a1'), on('n2', 'a2')], { zone: 'a' }),
  localityOf([on('n3', 'b1')], { zone: 'b' }),
];
const [none, zone, node] = (['None', 'Zone', 'Node'] as const).map((proximity) =>
  portOf(localities, {}, proximity),
) as [PortAssignment, PortAssignment, PortAssignment];

describe('where a client is', () => {
  const alike = ['0 /: u1', '0 a/: a1 a2', '0 b/: b1'];

  it('does not matter with None', () => {
    expect(shown(none, at('a', 'n1'))).toEqual(alike);
    expect(classKey(none, at('a', 'n1'))).toBe(classKey(none, at('b')));
  });
  it('with Zone: its own zone first, then all others', () => {
    expect(shown(zone, at('a', 'n1'))).toEqual(['0 a/: a1 a2', '1 /: u1', '1 b/: b1']);
    expect(shown(zone, at('b'))).toEqual(['0 b/: b1', '1 /: u1', '1 a/: a1 a2']);
    expect(classKey(zone, at('a', 'n1'))).toBe(classKey(zone, at('a', 'n2')));
  });
  it('with Node: its own node, then its zone, then the rest', () => {
    expect(shown(node, at('a', 'n1'))).toEqual(['0 a/n1: a1', '1 a/: a2', '2 /: u1', '2 b/: b1']);
    expect(shown(node, at('b', 'n3'))).toEqual(['0 b/n3: b1', '1 /: u1', '1 a/: a1 a2']);
  });
  it('with Node, from a node without any: its zone first', () => {
    expect(shown(node, at('a', 'n9'))).toEqual(shown(zone, at('a')));
  });
  it('with Node, from a node whose zone it does not say', () => {
    expect(shown(node, at('', 'n1'))).toEqual(['0 a/n1: a1', '1 /: u1', '1 a/: a2', '1 b/: b1']);
  });
  it('in a zone that has nobody, or in none: all alike, and one class', () => {
    for (const client of [at('z'), at('', 'n9'), at('')]) {
      expect(shown(zone, client)).toEqual(alike);
      expect(classKey(node, client)).toBe(classKey(node, at('')));
    }
  });
  it('a zone whose endpoints are all out still is the first: Envoy goes on to the next by itself', () => {
    const port = portOf(
      [localityOf([endpointOf('a1', unhealthy)], { zone: 'a' }), localityOf([endpointOf('b1')], { zone: 'b' })],
      {},
      'Zone',
    );
    expect(shown(port, at('a'))).toEqual(['0 a/: a1', '1 b/: b1']);
  });
});

describe('gRPC clients, who look at weights of localities only', () => {
  it('get every endpoint on a ramp in a locality of its own', () => {
    const port = portOf([
      localityOf([endpointOf('a1'), endpointOf('a2', { weight: 5 }), endpointOf('a3', { status: 'DRAINING' })], {
        zone: 'a',
      }),
      localityOf([endpointOf('b1', { weight: 25 })], { zone: 'b' }),
    ]);
    expect(shown(port, grpcAt('a'))).toEqual(['0 a/: a1 a3', '0 a/a2:8080: a2', '0 b/b1:8080: b1']);
    expect(shown(port, at('a'))).toEqual(['0 a/: a1 a2 a3', '0 b/: b1']);
  });
  it('go to the next level when nobody in the one before can be reached', () => {
    expect(shown(zone, grpcAt('a'))).toEqual(['0 a/: a1 a2', '1 /: u1', '1 b/: b1']);
    expect(shown(node, grpcAt('a', 'n1'))).toEqual(['0 a/n1: a1', '1 a/: a2', '2 /: u1', '2 b/: b1']);
  });
  it('are told of the spill-over by weights: two of three are left, 93 % stay', () => {
    const port = portOf(
      [
        localityOf([endpointOf('a1'), endpointOf('a2'), endpointOf('a3', unhealthy)], { zone: 'a' }),
        localityOf([endpointOf('b1'), endpointOf('b2')], { zone: 'b' }),
        localityOf([endpointOf('c1')], { zone: 'c' }),
      ],
      {},
      'Zone',
    );
    expect(shown(port, grpcAt('a'))).toEqual(['0 a/*933333: a1 a2 a3', '0 b/*44445: b1 b2', '0 c/*22222: c1']);
  });
  it('what has no part in the spill-over stays the next to go to', () => {
    const port = portOf(
      [
        localityOf([on('n1', 'a1'), on('n1', 'a2', unhealthy), on('n2', 'a3')], { zone: 'a' }),
        localityOf([on('n3', 'b1')], { zone: 'b' }),
      ],
      {},
      'Node',
    );
    expect(shown(port, grpcAt('a', 'n1'))).toEqual(['0 a/n1*700000: a1 a2', '0 a/*300000: a3', '1 b/: b1']);
  });
  it('an endpoint on a ramp counts as much as it takes', () => {
    const port = portOf(
      [
        localityOf([endpointOf('a1'), endpointOf('a2', { weight: 5 })], { zone: 'a' }),
        localityOf([endpointOf('b1')], { zone: 'b' }),
      ],
      {},
      'Zone',
    );
    expect(shown(port, grpcAt('a'))).toEqual(['0 a/*700000: a1', '0 a/a2:8080*35000: a2', '0 b/*265000: b1']);
  });
  it('a level without anybody healthy has no priority of its own, which could only fail', () => {
    const port = portOf(
      [
        localityOf([on('n1', 'a1', unhealthy), on('n2', 'a2', unhealthy)], { zone: 'a' }),
        localityOf([on('n3', 'b1')], { zone: 'b' }),
      ],
      {},
      'Node',
    );
    expect(shown(port, grpcAt('a', 'n1'))).toEqual(['0 a/n1: a1', '0 a/: a2', '0 b/: b1']);
  });
});

const zones = fc.constantFrom('a', 'b', undefined);
const nodes = fc.constantFrom('n1', 'n2', 'n3', undefined);
const states = fc.constantFrom('ejected', 'paused', 'probing', 'ramping', 'serving', undefined);
const isTrue = fc.boolean();
const ports = fc
  .record({
    proximity: fc.constantFrom('None', 'Zone', 'Node'),
    how: fc.constantFrom('Drain', 'MarkUnhealthy', 'Remove'),
    fleet: fc.array(
      fc.record({ zone: zones, node: nodes, state: states, ready: isTrue, serving: isTrue, leaving: isTrue }),
    ),
    base: fc.integer({ min: 0, max: 12 }),
  })
  .map(({ proximity, how, fleet, base }) => {
    const backends = fleet.map(({ zone, node, ready, serving, leaving }, index) =>
      backendOf(`p${index + 1}`, {
        ready: ready && !leaving,
        serving: serving || ready,
        terminating: leaving,
        ...(zone === undefined ? {} : { zone }),
        ...(node === undefined ? {} : { node }),
      }),
    );
    const decisions = fleet.flatMap(({ state }, index) =>
      state === undefined ? [] : [decisionOf(`p${index + 1}`, state, { step: index % 3 })],
    );
    const { ports: assigned } = assign({
      fleet: fleetOf(backends),
      decisions: new Map(decisions.map((each) => [each.backend, each])),
      eject: { how, then: 'None' },
      ramp: policyOf().activator.ramp,
      proximity,
      clamp: { base, floor: 1 },
    });
    return assigned[0] as PortAssignment;
  });
const clients = fc.record({
  dialect: fc.constantFrom('envoy', 'grpc'),
  zone: fc.constantFrom('a', 'b', 'z', ''),
  node: fc.constantFrom('n1', 'n2', 'n3', 'n9', ''),
});

const endpointsOf = ({ localities }: PortAssignment): readonly AssignedEndpoint[] =>
  localities.flatMap(({ endpoints }) => endpoints).toSorted((a, b) => (a.address < b.address ? -1 : 1));

function holds(property: (port: PortAssignment, client: ClientClass) => void): void {
  fc.assert(fc.property(ports, clients, property));
}

describe('whatever the fleet and the client', () => {
  it('nobody is lost, added or changed, and no address is listed twice', () => {
    holds((port, client) => {
      const seen = endpointsOf(viewFor(port, client));
      expect(seen).toEqual(endpointsOf(port));
      expect(new Set(seen.map(({ address }) => address)).size).toBe(seen.length);
    });
  });
  it('no locality is empty, and priorities follow each other from 0', () => {
    holds((port, client) => {
      const { localities } = viewFor(port, client);
      expect(localities.filter(({ endpoints }) => endpoints.length === 0)).toEqual([]);
      const priorities = localities.map(({ priority }) => priority);
      expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));
      expect([...new Set(priorities)]).toEqual([...new Set(priorities)].map((_, index) => index));
    });
  });
  it('localities can be told apart, and so can those of different priorities', () => {
    holds((port, client) => {
      const names = viewFor(port, client).localities.map(({ zone, subZone }) => `${zone}/${subZone}`);
      expect(new Set(names).size).toBe(names.length);
    });
  });
  it('equal keys: equal views', () => {
    fc.assert(
      fc.property(ports, clients, clients, (port, one, other) => {
        if (classKey(port, one) === classKey(port, other)) expect(viewFor(port, one)).toEqual(viewFor(port, other));
      }),
    );
  });
  it('there are no more classes than places with endpoints, whatever clients say', () => {
    fc.assert(
      fc.property(ports, fc.array(fc.record({ zone: fc.string(), node: fc.string() })), (port, said) => {
        const keys = new Set(said.map((each) => classKey(port, { dialect: 'envoy', ...each })));
        const known = port.localities.flatMap(({ zone, endpoints }) => [zone, ...endpoints.map(({ node }) => node)]);
        const strangers = said.filter(({ zone, node }) => !known.includes(zone) && !known.includes(node));
        expect(keys.size).toBeLessThanOrEqual(said.length - strangers.length + 1);
      }),
    );
  });
  it('for gRPC: all in one locality weigh alike, as they are picked alike', () => {
    holds((port, client) => {
      for (const { endpoints } of viewFor(port, { ...client, dialect: 'grpc' }).localities) {
        const healthy = endpoints.filter(({ status }) => status === 'HEALTHY');
        expect(new Set(healthy.map(({ weight }) => weight)).size).toBeLessThanOrEqual(1);
      }
    });
  });
  it('for gRPC: the first priority has somebody healthy, if anybody is', () => {
    holds((port, client) => {
      const { localities } = viewFor(port, { ...client, dialect: 'grpc' });
      const healthy = localities.filter(({ endpoints }) => endpoints.some(({ status }) => status === 'HEALTHY'));
      if (healthy.length > 0) expect(healthy[0]?.priority).toBe(0);
    });
  });
});
