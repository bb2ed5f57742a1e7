import type { V1EndpointSlice, V1Pod, V1Service } from '@kubernetes/client-node';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { Backend, Fleet } from '../model.ts';
import { serviceKey } from '../model.ts';
import { fleetOf } from './kubernetes-fleet.ts';
import type { EndpointSliceObject, PodObject, ServiceObject, SliceEndpoint } from './kubernetes-objects.ts';

const key = serviceKey('shop', 'pricer');
const service: ServiceObject = {
  spec: { selector: { app: 'pricer' }, ports: [{ name: 'http', port: 80 }] },
};

function slice(endpoints: readonly SliceEndpoint[], over: Partial<EndpointSliceObject> = {}): EndpointSliceObject {
  return { addressType: 'IPv4', ports: [{ name: 'http', port: 8080 }], endpoints, ...over };
}

function podEndpoint(name: string, address: string, over: Partial<SliceEndpoint> = {}): SliceEndpoint {
  return { addresses: [address], targetRef: { kind: 'Pod', name, uid: `uid-${name}` }, ...over };
}

function read(slices: readonly EndpointSliceObject[], pods: readonly PodObject[] = [], of = service): Fleet {
  return fleetOf({
    key,
    service: of,
    slices,
    podNamed: (name) => pods.find((pod) => pod.metadata?.name === name),
  }).fleet;
}

function only(fleet: Fleet): Backend {
  expect(fleet.backends).toHaveLength(1);
  return fleet.backends[0] as Backend;
}

test("the official client's objects are accepted as they are", () => {
  expectTypeOf<V1Service>().toExtend<ServiceObject>();
  expectTypeOf<V1EndpointSlice>().toExtend<EndpointSliceObject>();
  expectTypeOf<V1Pod>().toExtend<PodObject>();
});

describe('identity', () => {
  test('a backend is the pod, by UID', () => {
    expect(only(read([slice([podEndpoint('a', '10.0.0.1')])]))).toMatchObject({
      id: 'uid-a',
      name: 'a',
      podName: 'a',
      podUid: 'uid-a',
    });
  });

  test('without a UID in the slice the Pod gives it', () => {
    const endpoint = podEndpoint('a', '10.0.0.1', { targetRef: { kind: 'Pod', name: 'a' } });
    expect(only(read([slice([endpoint])], [{ metadata: { name: 'a', uid: '42' } }])).id).toBe('42');
    expect(only(read([slice([endpoint])])).id).toBe('a');
  });

  test('a target that is no Pod is known by its name', () => {
    const endpoint = podEndpoint('vm-1', '10.0.0.1', { targetRef: { kind: 'WorkloadEntry', name: 'vm-1', uid: 'u' } });
    const backend = only(read([slice([endpoint])]));
    expect(backend).toMatchObject({ id: 'vm-1', name: 'vm-1' });
    expect(backend).not.toHaveProperty('podName');
  });

  test('without a target it is the address with its lowest port, whatever the order of ports', () => {
    const ports = [
      { name: 'http', port: 8080 },
      { name: 'admin', port: 81 },
    ];
    const twoPorts: ServiceObject = {
      spec: {
        ports: [
          { name: 'http', port: 80 },
          { name: 'admin', port: 81 },
        ],
      },
    };
    const endpoint = { addresses: ['10.0.0.1'] };
    expect(only(read([slice([endpoint], { ports })], [], twoPorts)).id).toBe('10.0.0.1:81');
    expect(only(read([slice([endpoint], { ports: ports.toReversed() })], [], twoPorts)).id).toBe('10.0.0.1:81');
    const six = slice([{ addresses: ['2001:db8::1'] }], { addressType: 'IPv6' });
    expect(only(read([six])).id).toBe('[2001:db8::1]:8080');
  });

  test('a target in another namespace is not believed', () => {
    const endpoint = podEndpoint('a', '10.0.0.1', {
      targetRef: { kind: 'Pod', name: 'a', uid: 'u', namespace: 'other' },
    });
    expect(only(read([slice([endpoint])])).id).toBe('10.0.0.1:8080');
  });
});

describe('merging', () => {
  const dualPort: ServiceObject = {
    spec: {
      selector: { app: 'pricer' },
      ports: [
        { name: 'metrics', port: 9000 },
        { name: 'http', port: 80 },
      ],
    },
  };

  test('IPv4 and IPv6 slices and slices by port are one backend with several endpoints, sorted', () => {
    const metrics = { ports: [{ name: 'metrics', port: 9090 }] };
    const fleet = read(
      [
        slice([podEndpoint('a', '2001:db8::1')], { addressType: 'IPv6' }),
        slice([podEndpoint('a', '10.0.0.1')], metrics),
        slice([podEndpoint('a', '10.0.0.1')]),
      ],
      [],
      dualPort,
    );
    expect(only(fleet).endpoints).toEqual([
      { portName: 'http', address: '10.0.0.1', port: 8080 },
      { portName: 'http', address: '2001:db8::1', port: 8080 },
      { portName: 'metrics', address: '10.0.0.1', port: 9090 },
    ]);
    expect(fleet.ports).toEqual([
      { name: 'http', number: 80 },
      { name: 'metrics', number: 9000 },
    ]);
  });

  test('a backend listed twice while it moves between slices is listed once', () => {
    const endpoints = [podEndpoint('a', '10.0.0.1')];
    expect(only(read([slice(endpoints), slice(endpoints)])).endpoints).toHaveLength(1);
  });

  test('slices that disagree: unready and terminating win', () => {
    const fresh = podEndpoint('a', '10.0.0.1', { conditions: { ready: false, serving: true, terminating: true } });
    const stale = podEndpoint('a', '10.0.0.1', { conditions: { ready: true, serving: true, terminating: false } });
    for (const order of [
      [fresh, stale],
      [stale, fresh],
    ]) {
      const backend = only(read(order.map((endpoint) => slice([endpoint]))));
      expect(backend).toMatchObject({ ready: false, serving: true, terminating: true });
    }
  });

  test('the order of slices, endpoints and ports does not show', () => {
    const slices = [
      slice([podEndpoint('b', '10.0.0.2'), podEndpoint('a', '10.0.0.1')]),
      slice([podEndpoint('c', '10.0.0.3')]),
    ];
    expect(read(slices.toReversed())).toEqual(read(slices));
    expect(read(slices).backends.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  test('only the first address of an endpoint counts', () => {
    expect(only(read([slice([{ addresses: ['10.0.0.1', '10.0.0.2'] }])])).endpoints).toHaveLength(1);
  });
});

describe('conditions', () => {
  test.each([
    [undefined, { ready: true, serving: true, terminating: false }],
    [{}, { ready: true, serving: true, terminating: false }],
    [{ ready: false }, { ready: false, serving: false, terminating: false }],
    [
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: true, terminating: true },
    ],
    [{ serving: false }, { ready: true, serving: false, terminating: false }],
  ])('%j is read as Kubernetes reads it', (conditions, expected) => {
    const endpoint = { addresses: ['10.0.0.1'], ...(conditions && { conditions }) };
    expect(only(read([slice([endpoint])]))).toMatchObject(expected);
  });

  test('a Pod that is being deleted is terminating before its slice says so', () => {
    const pod: PodObject = { metadata: { name: 'a', uid: 'uid-a', deletionTimestamp: '2026-11-23T10:00:00Z' } };
    expect(only(read([slice([podEndpoint('a', '10.0.0.1')])], [pod])).terminating).toBe(true);
  });
});

describe('what Pods add', () => {
  const pod: PodObject = {
    metadata: { name: 'a', uid: 'uid-a', labels: { app: 'pricer' } },
    status: {
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-11-23T10:00:00Z' }],
      containerStatuses: [
        { name: 'b', restartCount: 1, containerID: `containerd://${'f'.repeat(64)}` },
        { name: 'a', restartCount: 0, state: { running: { startedAt: new Date(1000) } } },
      ],
    },
  };
  const slices = [slice([podEndpoint('a', '10.0.0.1', { zone: 'z1', nodeName: 'n1' })])];

  test('labels, age and incarnation; zone and node come from the slice', () => {
    expect(only(read(slices, [pod]))).toMatchObject({
      labels: { app: 'pricer' },
      readySinceMs: Date.parse('2026-11-23T10:00:00Z'),
      incarnation: 'a#0@1000 b#1@ffffffffffff',
      zone: 'z1',
      node: 'n1',
    });
  });

  test('a restart of any container is a new incarnation', () => {
    const [first, ...rest] = pod.status?.containerStatuses ?? [];
    const restarted: PodObject = {
      ...pod,
      status: {
        ...pod.status,
        containerStatuses: [{ name: 'b', restartCount: 2, ...first, containerID: 'x' }, ...rest],
      },
    };
    expect(only(read(slices, [restarted])).incarnation).not.toBe(only(read(slices, [pod])).incarnation);
  });

  test('the workload: the Deployment behind a ReplicaSet, else whatever keeps the pod', () => {
    const slices = [slice([podEndpoint('a', '10.0.0.1')])];
    const workloadOf = (kind: string, name: string, labels: Record<string, string> = {}, controller = true) =>
      only(
        read(slices, [
          { metadata: { name: 'a', uid: 'uid-a', labels, ownerReferences: [{ kind, name, controller }] } },
        ]),
      ).workload;
    expect(workloadOf('ReplicaSet', 'pricer-7d9', { 'pod-template-hash': '7d9' })).toEqual({
      kind: 'Deployment',
      name: 'pricer',
    });
    expect(workloadOf('ReplicaSet', 'bare')).toEqual({ kind: 'ReplicaSet', name: 'bare' });
    expect(workloadOf('ReplicaSet', 'odd-7', { 'pod-template-hash': '8' })).toEqual({
      kind: 'ReplicaSet',
      name: 'odd-7',
    });
    expect(workloadOf('StatefulSet', 'db')).toEqual({ kind: 'StatefulSet', name: 'db' });
    expect(workloadOf('StatefulSet', 'db', {}, false)).toBeUndefined();
  });

  test('since when Kubernetes means to end the pod; a mark without a date is none', () => {
    const slices = [slice([podEndpoint('a', '10.0.0.1')])];
    const disruptedSinceMs = (condition: { status: string; lastTransitionTime?: string }) =>
      only(
        read(slices, [
          {
            metadata: { name: 'a', uid: 'uid-a' },
            status: { conditions: [{ type: 'DisruptionTarget', ...condition }] },
          },
        ]),
      ).disruptedSinceMs;
    const lastTransitionTime = '2026-01-02T03:04:05Z';
    expect(disruptedSinceMs({ status: 'True', lastTransitionTime })).toBe(Date.parse(lastTransitionTime));
    expect(disruptedSinceMs({ status: 'False', lastTransitionTime })).toBeUndefined();
    expect(disruptedSinceMs({ status: 'True' })).toBeUndefined();
  });

  test('the label that says it is out is ours, and none of the pod', () => {
    const labels = { app: 'pricer', 'kubervisor.io/rotation': 'ejected' };
    const backend = only(read(slices, [{ metadata: { name: 'a', uid: 'uid-a', labels } }]));
    expect(backend.labels).toEqual({ app: 'pricer' });
  });

  test('without a Pod there are no labels, which is not the same as none', () => {
    const backend = only(read(slices));
    expect(backend).not.toHaveProperty('labels');
    expect(backend).not.toHaveProperty('readySinceMs');
    expect(only(read(slices, [{ metadata: { name: 'a', uid: 'uid-a' } }])).labels).toEqual({});
  });

  test('a Pod of the same name but another UID has nothing to say', () => {
    const successor: PodObject = { ...pod, metadata: { ...pod.metadata, uid: 'another' } };
    const backend = only(read(slices, [successor]));
    expect(backend).toMatchObject({ id: 'uid-a' });
    expect(backend).not.toHaveProperty('labels');
  });

  test('an unready Pod has no ready time, and a time that is none is ignored', () => {
    const withReady = (status: string, lastTransitionTime: string): PodObject => ({
      ...pod,
      status: { conditions: [{ type: 'Ready', status, lastTransitionTime }] },
    });
    expect(only(read(slices, [withReady('False', '2026-11-23T10:00:00Z')]))).not.toHaveProperty('readySinceMs');
    expect(only(read(slices, [withReady('True', 'yesterday')]))).not.toHaveProperty('readySinceMs');
  });
});

describe('ports', () => {
  test('a single unnamed port has the empty name on both sides', () => {
    const unnamed: ServiceObject = { spec: { ports: [{ port: 80 }] } };
    const fleet = read([slice([{ addresses: ['10.0.0.1'] }], { ports: [{ port: 8080 }] })], [], unnamed);
    expect(fleet.ports).toEqual([{ name: '', number: 80 }]);
    expect(only(fleet).endpoints).toEqual([{ portName: '', address: '10.0.0.1', port: 8080 }]);
  });

  test('UDP does not shadow TCP on the same number', () => {
    const dns: ServiceObject = {
      spec: {
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, protocol: 'TCP' },
        ],
      },
    };
    const ports = [
      { name: 'dns', port: 5353, protocol: 'UDP' },
      { name: 'dns-tcp', port: 5353, protocol: 'TCP' },
    ];
    const fleet = read([slice([{ addresses: ['10.0.0.1'] }], { ports })], [], dns);
    expect(fleet.ports).toEqual([{ name: 'dns-tcp', number: 53 }]);
    expect(only(fleet).endpoints.map(({ portName }) => portName)).toEqual(['dns-tcp']);
  });

  test('a slice port the Service does not have is named and not served', () => {
    const stray = slice([{ addresses: ['10.0.0.1'] }], { ports: [{ name: 'web', port: 8080 }] });
    const { fleet, findings } = fleetOf({ key, service, slices: [stray], podNamed: () => undefined });
    expect(fleet.backends).toEqual([]);
    expect(findings).toMatchObject([{ slice: stray, problem: { code: 'KV0211' } }]);
    expect(findings[0]?.problem.message).toContain('"web" is no TCP port of Service shop/pricer, which has "http"');
  });

  test('host names are refused with a reason', () => {
    const names = slice([{ addresses: ['db.example.com'] }], { addressType: 'FQDN' });
    const { fleet, findings } = fleetOf({ key, service, slices: [names], podNamed: () => undefined });
    expect(fleet.backends).toEqual([]);
    expect(findings).toMatchObject([{ problem: { code: 'KV0210' } }]);
  });

  test('beside host names the addresses of the other slices are all there is, whatever the target says', () => {
    const names = slice([podEndpoint('a', 'db.example.com')], { addressType: 'FQDN' });
    const fleet = read([names, slice([podEndpoint('a', '10.0.0.1'), podEndpoint('b', '10.0.0.2')])]);
    expect(fleet.backends.flatMap(({ endpoints }) => endpoints.map(({ address }) => address))).toEqual([
      '10.0.0.1',
      '10.0.0.2',
    ]);
  });
});

describe('whether Kubernetes keeps the endpoints', () => {
  test.each([
    ['with a selector', { selector: { app: 'a' } }, true],
    ['without a selector', {}, false],
    ['with an empty selector', { selector: {} }, false],
    ['ExternalName, whose selector means nothing', { type: 'ExternalName', selector: { app: 'a' } }, false],
  ])('%s', (_, spec, expected) => {
    expect(read([], [], { spec }).hasSelector).toBe(expected);
  });
});
