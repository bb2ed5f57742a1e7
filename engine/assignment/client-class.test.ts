import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointOf, localityOf, portOf } from '../../test/support/assignments.ts';
import { backendOf, decisionOf, fleetOf, policyOf } from '../../test/support/fixtures.ts';
import { assign } from './assign.ts';
import type { AssignedEndpoint, PortAssignment } from './assignment.ts';
import { type ClientClass, classKey, viewFor } from './client-class.ts';

const at = (zone: string, node = ''): ClientClass => ({ dialect: 'envoy', zone, node });
const grpcAt = (zone: string, node = ''): ClientClass => ({ dialect: 'grpc', zone, node });

/** `PRIORITY ZONE/SUBZONE: ADDRESSES` of each locality, with the weights that are not 100. */
function shown(port: PortAssignment, client: ClientClass): readonly string[] {
  return viewFor(port, client).localities.map(({ priority, zone, subZone, endpoints }) => {
    const listed = endpoints.map(({ address, weight }) => (weight === 100 ? address : `${address}*${weight}`));
    return `${priority} ${zone}/${subZone}: ${listed.join(' ')}`;
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

describe('who is on a ramp', () => {
  it('is a locality of its own for gRPC clients, who look at the weights of localities only', () => {
    const port = portOf([
      localityOf([endpointOf('a1'), endpointOf('a2', { weight: 5 }), endpointOf('a3', { status: 'DRAINING' })], {
        zone: 'a',
      }),
      localityOf([endpointOf('b1', { weight: 25 })], { zone: 'b' }),
    ]);
    expect(shown(port, grpcAt('a'))).toEqual(['0 a/: a1 a3', '0 a/a2:8080: a2*5', '0 b/b1:8080: b1*25']);
    expect(shown(port, at('a'))).toEqual(['0 a/: a1 a2*5 a3', '0 b/: b1*25']);
  });

  const probing = portOf(
    [
      localityOf([on('n1', 'a1', { weight: 5 }), on('n2', 'a2')], { zone: 'a' }),
      localityOf([on('n3', 'b1')], { zone: 'b' }),
    ],
    {},
    'Node',
  );
  it('does not get all the traffic of a node that has nobody else', () => {
    expect(shown(probing, at('a', 'n1'))).toEqual(['0 a/n1: a1*70000', '0 a/: a2*930000', '1 b/: b1']);
    expect(shown(probing, grpcAt('a', 'n1'))).toEqual(['0 a/a1:8080: a1*70000', '0 a/: a2*930000', '1 b/: b1']);
  });
  it('leaves the last whole one of a zone no more than it had before', () => {
    const zoned = { ...probing, proximity: 'Zone' } as const;
    expect(shown(zoned, at('a'))).toEqual(['0 a/: a1*35000 a2*700000', '0 b/: b1*265000']);
  });
  it('changes no priorities where those who are whole suffice, nor where it is not asked', () => {
    const port = portOf(
      [
        localityOf([endpointOf('a1'), endpointOf('a2'), endpointOf('a3'), endpointOf('a4', { weight: 5 })], {
          zone: 'a',
        }),
        localityOf([endpointOf('b1')], { zone: 'b' }),
      ],
      {},
      'Zone',
    );
    expect(shown(port, at('a'))).toEqual(['0 a/: a1 a2 a3 a4*5', '1 b/: b1']);
    expect(shown(port, at('b'))).toEqual(['0 b/: b1', '1 a/: a1 a2 a3 a4*5']);
  });
});

describe('spill-over', () => {
  const port = portOf(
    [
      localityOf([endpointOf('a1'), endpointOf('a2'), endpointOf('a3', unhealthy)], { zone: 'a' }),
      localityOf([endpointOf('b1'), endpointOf('b2')], { zone: 'b' }),
      localityOf([endpointOf('c1')], { zone: 'c' }),
    ],
    {},
    'Zone',
  );
  it('is left to Envoy', () => {
    expect(shown(port, at('a'))).toEqual(['0 a/: a1 a2 a3', '1 b/: b1 b2', '1 c/: c1']);
  });
  it('is told to gRPC clients by weights: two of three are left, 93 % stay', () => {
    expect(shown(port, grpcAt('a'))).toEqual([
      '0 a/: a1*466667 a2*466667 a3',
      '0 b/: b1*22222 b2*22222',
      '0 c/: c1*22222',
    ]);
  });
  it('while nothing spills, gRPC clients go to the next level when nobody in the one before can be reached', () => {
    expect(shown(zone, grpcAt('a'))).toEqual(['0 a/: a1 a2', '1 /: u1', '1 b/: b1']);
    expect(shown(node, grpcAt('a', 'n1'))).toEqual(['0 a/n1: a1', '1 a/: a2', '2 /: u1', '2 b/: b1']);
  });
  it('what has no part in it stays the next to go to', () => {
    const near = portOf(
      [
        localityOf([on('n1', 'a1'), on('n1', 'a2', unhealthy), on('n2', 'a3')], { zone: 'a' }),
        localityOf([on('n3', 'b1')], { zone: 'b' }),
      ],
      {},
      'Node',
    );
    expect(shown(near, grpcAt('a', 'n1'))).toEqual(['0 a/n1: a1*700000 a2', '0 a/: a3*300000', '1 b/: b1']);
  });
  it('a level without anybody healthy has no priority of its own for gRPC: it could only fail', () => {
    const dead = portOf(
      [
        localityOf([on('n1', 'a1', unhealthy), on('n2', 'a2', unhealthy)], { zone: 'a' }),
        localityOf([on('n3', 'b1')], { zone: 'b' }),
      ],
      {},
      'Node',
    );
    expect(shown(dead, grpcAt('a', 'n1'))).toEqual(['0 a/n1: a1', '0 a/: a2', '0 b/: b1']);
    expect(shown(dead, at('a', 'n1'))).toEqual(['0 a/n1: a1', '1 a/: a2', '2 b/: b1']);
  });
});

const zones = fc.constantFrom('a', 'b', undefined);
const nodes = fc.constantFrom('n1', 'n2', 'n3', undefined);
const states = fc.constantFrom('ejected', 'paused', 'probing', 'ramping', 'serving', undefined);
const mostly = (value: boolean) => fc.constantFrom(value, value, value, !value);
const backends = fc.record({
  zone: zones,
  node: nodes,
  state: states,
  ready: mostly(true),
  serving: mostly(true),
  leaving: mostly(false),
});
const ports = fc
  .record({
    proximity: fc.constantFrom('None', 'Zone', 'Node', 'Node'),
    how: fc.constantFrom('Drain', 'MarkUnhealthy', 'Remove'),
    fleet: fc.array(backends, { maxLength: 12 }),
    base: fc.constantFrom(0, 6, 100),
  })
  .map(({ proximity, how, fleet, base }) => {
    const members = fleet.map(({ zone, node, ready, serving, leaving }, index) =>
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
      fleet: fleetOf(members),
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
  localities.flatMap(({ endpoints }) => endpoints);

function holds(property: (port: PortAssignment, client: ClientClass) => void): void {
  fc.assert(fc.property(ports, clients, property), { numRuns: 300 });
}

describe('whatever the fleet and the client', () => {
  it('nobody is lost or added, no address is listed twice, and only the weights of healthy ones change', () => {
    const sorted = (port: PortAssignment) =>
      endpointsOf(port)
        .map(({ weight, ...rest }) => ({ ...rest, weight: rest.status === 'HEALTHY' ? 'any' : weight }))
        .toSorted((a, b) => (a.address < b.address ? -1 : 1));
    holds((port, client) => {
      const view = viewFor(port, client);
      expect(sorted(view)).toEqual(sorted(port));
      expect(new Set(endpointsOf(view).map(({ address }) => address)).size).toBe(endpointsOf(view).length);
      for (const { weight } of endpointsOf(view)) expect(Number.isInteger(weight) && weight >= 1).toBe(true);
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
        const known = new Set(port.localities.map(({ zone }) => zone).filter((zone) => zone !== ''));
        const nodesThere = new Set(endpointsOf(port).flatMap(({ node }) => node ?? []));
        const strangers = said.filter(({ zone, node }) => !known.has(zone) && !nodesThere.has(node));
        const keys = new Set(strangers.map((each) => classKey(port, { dialect: 'envoy', ...each })));
        expect(keys.size).toBeLessThanOrEqual(1);
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
  it('all traffic goes to those who are healthy, if anybody is', () => {
    holds((port, client) => {
      const parts = trafficOf(viewFor(port, client), client);
      const isServed = endpointsOf(port).some(({ status }) => status === 'HEALTHY');
      expect(total([...parts.values()])).toBeCloseTo(isServed ? 1 : 0, 3);
    });
  });
  it('nobody gets more than 1.4 times its due for the sake of its neighbours, as long as the others have room', () => {
    holds((port, client) => {
      const parts = trafficOf(viewFor(port, client), client);
      const levels = [...Map.groupBy(endpointsIn(port), (each) => distance(each, port, client)).values()].map((level) =>
        level.filter(({ status }) => status !== 'DRAINING'),
      );
      const part = (level: readonly AssignedEndpoint[]) =>
        level.length === 0 ? 0 : total(level.map(healthyWeight)) / (100 * level.length);
      if (total(levels.map((level) => Math.min(1, 1.4 * part(level)))) < 1) return;
      if (spillsByHeads(viewFor(port, client))) return;
      for (const level of levels) {
        for (const endpoint of level) {
          const due = healthyWeight(endpoint) / 100 / level.length;
          expect(parts.get(endpoint.address) ?? 0).toBeLessThanOrEqual(1.4 * due + 0.001);
        }
      }
    });
  });
});

const total = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);
const healthyWeight = ({ status, weight }: AssignedEndpoint): number => (status === 'HEALTHY' ? weight : 0);
const endpointsIn = ({ localities }: PortAssignment) =>
  localities.flatMap(({ zone, endpoints }) => endpoints.map((endpoint) => ({ ...endpoint, zone })));

function distance(
  { zone, node }: AssignedEndpoint & { readonly zone: string },
  { proximity }: PortAssignment,
  client: ClientClass,
): number {
  if (proximity === 'Node' && node === client.node) return 0;
  return proximity !== 'None' && zone !== '' && zone === client.zone ? 1 : 2;
}

/**
 * Levels that share traffic are one priority while somebody in them ramps. Envoy counts heads there, too: when more than
 * two sevenths of them are unhealthy it sends the rest on, to a level that our weights do not speak of.
 */
function spillsByHeads({ localities }: PortAssignment): boolean {
  const first = localities.filter(({ priority }) => priority === 0).flatMap(({ endpoints }) => endpoints);
  const counted = first.filter(({ status }) => status !== 'DRAINING').length;
  const healthy = first.filter(({ status }) => status === 'HEALTHY').length;
  const isMerged = first.some(({ status, weight }) => status === 'HEALTHY' && weight > 100);
  return isMerged && 1.4 * healthy < counted;
}

/** Which part of the traffic each address gets from a client that is served this, as Envoy and gRPC document it. */
function trafficOf({ localities }: PortAssignment, { dialect }: ClientClass): ReadonlyMap<string, number> {
  const priorities = [...Map.groupBy(localities, ({ priority }) => priority).values()].map((level) =>
    level.flatMap(({ endpoints }) => endpoints),
  );
  const loads = dialect === 'envoy' ? envoyLoads(priorities) : grpcLoads(priorities);
  return new Map(
    priorities.flatMap((endpoints, index) => {
      const weight = Math.max(1, total(endpoints.map(healthyWeight)));
      // Weights of endpoints mean nothing to gRPC, but the sum of them is that of their locality, and all in one are alike.
      return endpoints.map((each) => [each.address, ((loads[index] ?? 0) * healthyWeight(each)) / weight] as const);
    }),
  );
}

function envoyLoads(priorities: readonly (readonly AssignedEndpoint[])[]): readonly number[] {
  const available = priorities.map((endpoints) => {
    const counted = endpoints.filter(({ status }) => status !== 'DRAINING').length;
    const healthy = endpoints.filter(({ status }) => status === 'HEALTHY').length;
    return counted === 0 ? 0 : Math.min(1, (1.4 * healthy) / counted);
  });
  const all = Math.min(1, total(available));
  let left = 1;
  return available.map((part) => {
    const load = all === 0 ? 0 : Math.min(left, part / all);
    left -= load;
    return load;
  });
}

/** The first priority in which anybody can be connected to gets everything. */
function grpcLoads(priorities: readonly (readonly AssignedEndpoint[])[]): readonly number[] {
  const first = priorities.findIndex((endpoints) => endpoints.some(({ status }) => status === 'HEALTHY'));
  return priorities.map((_, index) => (index === first ? 1 : 0));
}
