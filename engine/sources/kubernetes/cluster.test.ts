import { describe, expect, it } from 'vitest';
import type { EndpointSliceObject, PodObject, ServiceObject } from '../kubernetes-objects.ts';
import type { SourceChange } from '../source.ts';
import { type Cluster, createCluster } from './cluster.ts';
import type { WorkloadObject } from './workloads.ts';
import type { Change } from '../../kubernetes/reflector.ts';

const now = Date.UTC(2026, 0, 1);
const names = ['a', 'b', 'c', 'd'];
const service: ServiceObject = { spec: { selector: { app: 'pricer' }, ports: [{ name: 'http', port: 80 }] } };

function pod(name: string, uid = `uid-${name}`): PodObject {
  return { metadata: { name, namespace: 'shop', uid, labels: { app: 'pricer' } } };
}

function slice(pods: readonly string[], of = 'pricer'): EndpointSliceObject {
  return {
    metadata: { namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: pods.map((name) => ({
      addresses: [`10.1.0.${name.charCodeAt(0)}`],
      targetRef: { kind: 'Pod', name, uid: `uid-${name}` },
    })),
  };
}

function listed<T>(items: Readonly<Record<string, T>>, gone: Readonly<Record<string, T>> = {}): Change<T> {
  return { kind: 'listed', items: new Map(Object.entries(items)), gone: new Map(Object.entries(gone)) };
}

/** shop/pricer with pods a to d, all of it listed and settled. */
function started(): Cluster {
  const cluster = createCluster();
  cluster.services(listed({ 'shop/pricer': service }));
  cluster.pods(listed(Object.fromEntries(names.map((name) => [`shop/${name}`, pod(name)]))));
  cluster.slices(listed({ 'shop/pricer-1': slice(names) }));
  cluster.settle(now);
  return cluster;
}

function namesIn(changes: readonly SourceChange[]): readonly string[] | undefined {
  const [change] = changes;
  return change?.kind === 'fleet' ? change.fleet.backends.map(({ name }) => name) : undefined;
}

describe('fleets', () => {
  it('are recomputed for those only that a change concerns', () => {
    const cluster = started();
    cluster.services({ kind: 'changed', key: 'shop/other', object: service });
    expect(cluster.settle(now).map((change) => change.kind === 'fleet' && change.fleet.service)).toEqual([
      'shop/other',
    ]);
    expect(cluster.settle(now)).toEqual([]);
  });

  it('change with their pods, though no slice does', () => {
    const cluster = started();
    const leaving = { ...pod('a'), metadata: { ...pod('a').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    cluster.pods({ kind: 'changed', key: 'shop/a', object: leaving, before: pod('a') });
    const [change] = cluster.settle(now);
    expect(change?.kind === 'fleet' && change.fleet.backends[0]).toMatchObject({ name: 'a', terminating: true });
  });

  it('a slice that is moved to another Service leaves the first', () => {
    const cluster = started();
    cluster.services({ kind: 'changed', key: 'shop/other', object: service });
    cluster.slices({ kind: 'changed', key: 'shop/pricer-1', object: slice(names, 'other'), before: slice(names) });
    expect(cluster.settle(now)).toMatchObject([
      { fleet: { service: 'shop/other', backends: [{}, {}, {}, {}] } },
      { fleet: { service: 'shop/pricer', backends: [] } },
    ]);
  });

  it('a Service that is deleted is gone, and what belonged to it is no leak', () => {
    const cluster = started();
    cluster.services({ kind: 'gone', key: 'shop/pricer', before: service });
    expect(cluster.settle(now)).toEqual([{ kind: 'fleet-gone', service: 'shop/pricer' }]);
    cluster.slices({ kind: 'gone', key: 'shop/pricer-1', before: slice(names) });
    expect(cluster.settle(now)).toEqual([]);
  });
});

describe('R3: what a list lacks', () => {
  it('is kept until another list lacks it too', () => {
    const cluster = started();
    cluster.slices(listed({ 'shop/pricer-1': slice(['a']) }));
    expect(cluster.settle(now)).toEqual([]);
    expect(cluster.isDoubting()).toBe(true);
    expect(cluster.problems().map(({ code }) => code)).toEqual(['KV0212']);
    // Time alone, short of a minute, confirms nothing.
    expect(cluster.settle(now + 30_000)).toEqual([]);
    cluster.slices(listed({ 'shop/pricer-1': slice(['a']) }));
    expect(namesIn(cluster.settle(now + 31_000))).toEqual(['a']);
    expect(cluster.isDoubting()).toBe(false);
    expect(cluster.problems()).toEqual([]);
  });

  it('is forgotten when the next list has it', () => {
    const cluster = started();
    cluster.slices(listed({}, { 'shop/pricer-1': slice(names) }));
    expect(cluster.settle(now)).toEqual([]);
    cluster.slices(listed({ 'shop/pricer-1': slice(names) }));
    expect(cluster.settle(now)).toEqual([]);
    expect(cluster.isDoubting()).toBe(false);
  });

  it('is believed after a minute that no list could be had', () => {
    const cluster = started();
    cluster.slices(listed({ 'shop/pricer-1': slice(['a']) }));
    cluster.settle(now);
    expect(namesIn(cluster.settle(now + 60_000))).toEqual(['a']);
  });

  it('is not confirmed by a list of another namespace', () => {
    const cluster = createCluster();
    cluster.services(listed({ 'shop/pricer': service }));
    cluster.pods(listed(Object.fromEntries(names.map((name) => [`shop/${name}`, pod(name)]))));
    cluster.slices(listed({ 'shop/pricer-1': slice(names) }), 'shop');
    cluster.settle(now);
    cluster.slices(listed({ 'shop/pricer-1': slice(['a']) }), 'shop');
    cluster.settle(now);
    cluster.slices(listed({}), 'bank');
    expect(cluster.settle(now)).toEqual([]);
  });

  it('a pod that is gone, or was replaced, is never kept', () => {
    const cluster = started();
    for (const name of ['b', 'c']) cluster.pods({ kind: 'gone', key: `shop/${name}`, before: pod(name) });
    cluster.pods({ kind: 'changed', key: 'shop/d', object: pod('d', 'another'), before: pod('d') });
    cluster.slices(listed({ 'shop/pricer-1': slice(['a']) }));
    expect(namesIn(cluster.settle(now))).toEqual(['a']);
    expect(cluster.isDoubting()).toBe(false);
  });

  it('what a watch says is somebody’s act, and believed', () => {
    const cluster = started();
    cluster.slices({ kind: 'changed', key: 'shop/pricer-1', object: slice([]), before: slice(names) });
    expect(namesIn(cluster.settle(now))).toEqual([]);
  });
});

describe('workloads', () => {
  const workload = (desired: number): WorkloadObject => ({
    kind: 'Deployment',
    namespace: 'shop',
    name: 'pricer',
    labels: { app: 'pricer' },
    desired,
    phase: 'at-rest',
  });
  const toldIn = (changes: readonly SourceChange[]) =>
    changes.map((change) => (change.kind === 'fleet' ? change.fleet.workloads?.desired : change.kind));

  it('are told of a fleet once all of its namespace are known, and forgotten when they are not any more', () => {
    const cluster = started();
    cluster.workloads('Deployment', listed({ 'shop/pricer': workload(6) }));
    expect(toldIn(cluster.settle(now))).toEqual([]);
    cluster.knowWorkloads(true, 'bank');
    expect(toldIn(cluster.settle(now))).toEqual([]);
    cluster.knowWorkloads(true, 'shop');
    // The four pods are not said to be its own.
    expect(toldIn(cluster.settle(now))).toEqual([10]);
    cluster.workloads('Deployment', { kind: 'changed', key: 'shop/pricer', object: workload(7), before: workload(6) });
    expect(toldIn(cluster.settle(now))).toEqual([11]);
    cluster.knowWorkloads(false, 'shop');
    expect(toldIn(cluster.settle(now))).toEqual([undefined]);
  });
});
