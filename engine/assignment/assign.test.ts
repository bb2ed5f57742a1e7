import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decisionOf as decision } from '../../test/support/fixtures.ts';
import { backendOf, fleetOf, policyOf, type World, world } from '../../test/support/world.ts';
import { type Backend, backendId } from '../model.ts';
import type { EjectPolicy, Policy } from '../policy/policy.ts';
import type { Decision, RotationState } from '../rotation/decision.ts';
import { type AssignmentInput, assign } from './assign.ts';

const { eject, activator } = policyOf();

const by = (severity: number): Pick<Decision, 'cause'> => ({
  cause: {
    kind: 'breaker',
    breaker: 'errors',
    severity,
    value: 9,
    bound: 5,
    reason: '',
    lookbackMs: 0,
    streak: { anomalous: 2, of: 2 },
    budget: '',
  },
});

interface Given extends Partial<Omit<AssignmentInput, 'fleet' | 'decisions'>> {
  readonly fleet?: number | readonly Backend[];
  readonly decisions?: readonly Decision[];
}
function assigned({ fleet = 4, decisions = [], ...rest }: Given) {
  return assign({
    fleet: fleetOf(fleet),
    decisions: new Map(decisions.map((each) => [each.backend, each])),
    eject,
    ramp: activator.ramp,
    proximity: 'None',
    clamp: { base: 100, floor: 1 },
    ...rest,
  });
}
/** `100`, a smaller weight, or a status, by backend, of the first port. */
function statuses(given: Given): Readonly<Record<string, string>> {
  const endpoints = assigned(given).ports[0]?.localities.flatMap((locality) => locality.endpoints) ?? [];
  return Object.fromEntries(
    endpoints.map(({ backend, status, weight }) => [backend as string, status === 'HEALTHY' ? String(weight) : status]),
  );
}

describe('what a decision becomes', () => {
  it.each([
    ['serving', 0, '100'],
    ['ejected', 0, 'DRAINING'],
    ['paused', 0, 'DRAINING'],
    ['evicted', 0, 'DRAINING'],
    ['probing', 0, '5'],
    ['ramping', 1, '25'],
    ['ramping', 2, '50'],
    ['ramping', 3, '100'],
    ['ramping', 99, '100'],
  ] as const)('%s at step %d: %s', (state, step, status) => {
    expect(statuses({ decisions: [decision('p1', state, { step })] })['p1']).toBe(status);
  });
  it('closed: not listed', () => {
    expect(statuses({ decisions: [decision('p1', 'ejected', { closed: true })] })['p1']).toBeUndefined();
  });
  it.each([
    ['MarkUnhealthy', 'None', 'UNHEALTHY'],
    ['Drain', 'Zone', 'UNHEALTHY'],
    ['Drain', 'Node', 'UNHEALTHY'],
    ['Remove', 'None', undefined],
    ['Remove', 'Zone', undefined],
  ] as const)('%s with proximity %s: %s', (how, proximity, status) => {
    const given = { eject: { how, then: 'None' } as const, proximity, decisions: [decision('p1', 'ejected')] };
    expect(statuses(given)['p1']).toBe(status);
  });
  it('of a backend that is not there: nothing', () => {
    expect(Object.keys(statuses({ decisions: [decision('p9', 'ejected')] }))).toEqual(['p1', 'p2', 'p3', 'p4']);
  });
});

describe('what readiness becomes', () => {
  const leaving = backendOf('p1', { ready: false, serving: true, terminating: true });
  it('not ready: not listed', () => {
    expect(statuses({ fleet: [backendOf('p1', { ready: false }), backendOf('p2')] })).toEqual({ p2: '100' });
  });
  it('terminating and serving: marked like the ejected', () => {
    expect(statuses({ fleet: [leaving, backendOf('p2')] })['p1']).toBe('DRAINING');
    const unhealthy = { how: 'MarkUnhealthy', then: 'None' } as const;
    expect(statuses({ fleet: [leaving, backendOf('p2')], eject: unhealthy })['p1']).toBe('UNHEALTHY');
  });
  it('terminating and not serving: not listed', () => {
    expect(statuses({ fleet: [{ ...leaving, serving: false }, backendOf('p2')] })).toEqual({ p2: '100' });
  });
});

describe('never empty, never only DRAINING, while anybody could answer', () => {
  const out = (state: RotationState = 'ejected') => ['p1', 'p2'].map((name) => decision(name, state));
  const terminating = backendOf('p8', { ready: false, serving: true, terminating: true });
  const unready = backendOf('p9', { ready: false, serving: false });

  it('all ready ones are out: all ready ones serve', () => {
    expect(statuses({ fleet: 2, decisions: out(), clamp: { base: 100, floor: 1 } })).toEqual({ p1: '100', p2: '100' });
  });
  it('whatever is done with the ejected', () => {
    for (const how of ['Drain', 'MarkUnhealthy', 'Remove'] as const) {
      expect(statuses({ fleet: 2, decisions: out(), eject: { how, then: 'None' } })).toEqual({ p1: '100', p2: '100' });
    }
  });
  it('those that leave are still marked then', () => {
    const fleet = [backendOf('p1'), backendOf('p2'), terminating, unready];
    expect(statuses({ fleet, decisions: out() })).toEqual({ p1: '100', p2: '100', p8: 'DRAINING' });
  });
  it('a probe is enough to be served', () => {
    const decisions = [decision('p1', 'ejected'), decision('p2', 'probing')];
    expect(statuses({ fleet: 2, decisions })).toEqual({ p1: 'DRAINING', p2: '5' });
  });
  it('none is ready: those that leave but still serve', () => {
    expect(statuses({ fleet: [terminating, unready] })).toEqual({ p8: '100' });
  });
  it('none serves: the unready are listed, marked so', () => {
    expect(statuses({ fleet: [unready] })).toEqual({ p9: 'UNHEALTHY' });
  });
  it('nobody is there: empty', () => {
    expect(assigned({ fleet: [] })).toEqual({
      service: 'shop/pricer',
      ports: [{ port: { name: 'http', number: 80 }, proximity: 'None', localities: [], ejectedAs: 'DRAINING' }],
    });
  });
  it('holds for every port by itself', () => {
    const two = (name: string, portName: string) =>
      backendOf(name, { endpoints: [{ portName, address: `10.0.0.${name.slice(1)}`, port: 8080 }] });
    const fleet = {
      ...fleetOf([two('p1', 'http'), two('p2', 'grpc')]),
      ports: [
        { name: 'http', number: 80 },
        { name: 'grpc', number: 81 },
      ],
    };
    const decisions = new Map([[backendId('p1'), decision('p1', 'ejected')]]);
    const clamp = { base: 100, floor: 1 };
    const { ports } = assign({ fleet, decisions, eject, ramp: activator.ramp, proximity: 'None', clamp });
    expect(ports.map(({ localities }) => localities.map(({ endpoints }) => endpoints.map((e) => e.status)))).toEqual([
      [['HEALTHY']],
      [['HEALTHY']],
    ]);
  });
});

describe('the clamp: no more out than base - floor at the last reduction', () => {
  const out = [1, 2, 3].map((n) => decision(`p${n}`, 'ejected', by(n)));
  it('the least severe serve', () => {
    expect(statuses({ decisions: out, clamp: { base: 4, floor: 2 } })).toEqual({
      p1: '100',
      p2: 'DRAINING',
      p3: 'DRAINING',
      p4: '100',
    });
  });
  it('the floor is at least one', () => {
    const all = [...out, decision('p4', 'ejected', by(4))];
    expect(statuses({ decisions: all, clamp: { base: 4, floor: 0 } })).toMatchObject({ p1: '100', p2: 'DRAINING' });
  });
  it('without one nobody was ever taken out, so nobody is', () => {
    const { service, ports } = fleetOf(4);
    const decisions = new Map(out.map((each) => [each.backend, each]));
    const input = {
      fleet: { ...fleetOf(4), service, ports },
      decisions,
      eject,
      ramp: activator.ramp,
      proximity: 'None',
    } as const;
    const served = assign(input).ports[0]?.localities.flatMap(({ endpoints }) => endpoints) ?? [];
    expect(served.map(({ status }) => status)).toEqual(['HEALTHY', 'HEALTHY', 'HEALTHY', 'HEALTHY']);
  });
  it('what is not ready is neither let in nor counted', () => {
    const fleet = [backendOf('p1', { ready: false }), backendOf('p2'), backendOf('p3'), backendOf('p4')];
    expect(statuses({ fleet, decisions: out, clamp: { base: 4, floor: 2 } })).toEqual({
      p2: 'DRAINING',
      p3: 'DRAINING',
      p4: '100',
    });
  });
});

describe('the shape', () => {
  it('zones sorted, endpoints by address, all with priority 0', () => {
    const fleet = [
      backendOf('p3', { zone: 'b' }),
      backendOf('p1', { zone: 'b' }),
      backendOf('p2', { zone: 'a' }),
      backendOf('p4'),
    ];
    const { localities } = assigned({ fleet }).ports[0] ?? { localities: [] };
    expect(
      localities.map(({ zone, priority, endpoints }) => [zone, priority, endpoints.map((e) => e.address)]),
    ).toEqual([
      ['', 0, ['10.0.0.4']],
      ['a', 0, ['10.0.0.2']],
      ['b', 0, ['10.0.0.1', '10.0.0.3']],
    ]);
  });
  it('a backend is decided once and listed on all its ports and addresses', () => {
    const endpoints = [
      { portName: 'http', address: '10.0.0.1', port: 8080 },
      { portName: 'http', address: 'fd00::1', port: 8080 },
      { portName: 'admin', address: '10.0.0.1', port: 9090 },
    ];
    const fleet = {
      ...fleetOf([backendOf('p1', { endpoints }), backendOf('p2')]),
      ports: [
        { name: 'http', number: 80 },
        { name: 'admin', number: 90 },
      ],
    };
    const decisions = new Map([[backendId('p1'), decision('p1', 'probing')]]);
    const { ports } = assign({
      fleet,
      decisions,
      eject,
      ramp: activator.ramp,
      proximity: 'None',
      clamp: { base: 100, floor: 1 },
    });
    const weights = ports.map(({ localities }) =>
      localities.flatMap((locality) => locality.endpoints.map(({ address, weight }) => `${address} ${weight}`)),
    );
    expect(weights).toEqual([['10.0.0.1 5', '10.0.0.2 100', 'fd00::1 5'], ['10.0.0.1 5']]);
  });
  it('an address has one owner: the one that serves, else the first by identity', () => {
    const at = (name: string, change: Partial<Backend> = {}) =>
      backendOf(name, { endpoints: [{ portName: 'http', address: '10.0.0.1', port: 8080 }], ...change });
    const leaving = { ready: false, serving: true, terminating: true };
    expect(statuses({ fleet: [at('p1', leaving), at('p2'), backendOf('p3')] })).toEqual({ p2: '100', p3: '100' });
    const fleet = fleetOf([at('p2', leaving), at('p1', leaving), backendOf('p3')]);
    const input = { decisions: new Map(), eject, ramp: activator.ramp, proximity: 'None' } as const;
    const reversed = { ...fleet, backends: fleet.backends.toReversed() };
    expect(assign({ ...input, fleet })).toEqual(assign({ ...input, fleet: reversed }));
  });
  it('carries labels where they are known', () => {
    const fleet = [backendOf('p1', { labels: { app: 'pricer' } }), backendOf('p2')];
    const endpoints = assigned({ fleet }).ports[0]?.localities.flatMap((locality) => locality.endpoints);
    expect(endpoints?.map(({ labels }) => labels)).toEqual([{ app: 'pricer' }, undefined]);
  });
});

/**
 * Envoy does not leave its panic when an endpoint goes from UNHEALTHY to DRAINING, until something else happens. One
 * policy marks all that is out alike; what is left is a Service without anybody ready, whose endpoints are UNHEALTHY.
 */
it('nobody goes from UNHEALTHY to DRAINING but when somebody becomes HEALTHY', () => {
  const backend = fc.record({ is: fc.constantFrom('ready', 'unready', 'leaving'), isOut: fc.boolean() });
  const moment = fc.array(backend, { minLength: 3, maxLength: 3 });
  const rules = fc.record({
    how: fc.constantFrom('Drain', 'MarkUnhealthy', 'Remove'),
    proximity: fc.constantFrom('None', 'Zone', 'Node'),
  });
  type Moment = readonly { readonly is: string; readonly isOut: boolean }[];
  const served = (backends: Moment, how: EjectPolicy['how'], proximity: Policy['proximity']) =>
    statuses({
      fleet: backends.map(({ is }, index) =>
        backendOf(`p${index + 1}`, { ready: is === 'ready', serving: is !== 'unready', terminating: is === 'leaving' }),
      ),
      decisions: backends.flatMap(({ isOut }, index) => (isOut ? [decision(`p${index + 1}`, 'ejected')] : [])),
      eject: { how, then: 'None' },
      proximity,
    });
  fc.assert(
    fc.property(moment, moment, rules, (first, second, { how, proximity }) => {
      const [before, after] = [served(first, how, proximity), served(second, how, proximity)];
      const names = Object.keys(after);
      if (!names.some((name) => before[name] === 'UNHEALTHY' && after[name] === 'DRAINING')) return;
      expect(names.filter((name) => after[name] === '100' && before[name] !== '100')).not.toEqual([]);
    }),
    { numRuns: 500 },
  );
});

it('the engine keeps to the clamp by itself', () => {
  const w: World = world({
    fleet: 10,
    policy: policyOf({ budget: { maxEjectedPercent: 100, holdAbovePercent: 100 } }),
  });
  w.evaluations(40, w.all(9));
  const draining = Object.values(w.served()).filter((status) => status === 'DRAINING').length;
  expect(draining).toBe(w.out().filter((name) => w.stateOf(name) === 'ejected').length);
});
