import { describe, expect, it } from 'vitest';
import { backendOf } from '../../../test/support/fixtures.ts';
import { createWorkloadIndex, keepWorkload, type WorkloadObject } from './workloads.ts';

const selector = { app: 'pricer' };

interface Change {
  readonly spec?: object;
  readonly status?: object;
  readonly generation?: number;
}

/** Four pods, and nothing left to do. */
function raw({ spec = {}, status = {}, generation = 2 }: Change = {}, name = 'pricer') {
  return {
    metadata: { namespace: 'shop', name, generation, managedFields: ['many'] },
    spec: { replicas: 4, template: { metadata: { labels: { app: 'pricer', tier: 'web' } }, spec: {} }, ...spec },
    status: { observedGeneration: 2, replicas: 4, updatedReplicas: 4, readyReplicas: 4, ...status },
  };
}

const kept = (change?: Change): WorkloadObject => keepWorkload('Deployment', raw(change));

describe('the phase of a workload', () => {
  it.each<[string, WorkloadObject['phase'], Change]>([
    ['all is done', 'at-rest', {}],
    ['pods that crash again and again', 'at-rest', { status: { readyReplicas: 1, availableReplicas: 0 } }],
    ['its controller has not looked yet', 'rolling-out', { generation: 3 }],
    ['it has pods of an older template', 'rolling-out', { status: { replicas: 5, updatedReplicas: 2 } }],
    ['it has none of the newest template', 'rolling-out', { status: { updatedReplicas: undefined } }],
    ['told to have more', 'scaling', { spec: { replicas: 8 }, generation: 3 }],
    ['told to have fewer', 'scaling', { spec: { replicas: 1 } }],
    ['told to have none', 'scaling', { spec: { replicas: 0 } }],
    [
      'it has none and shall have none',
      'at-rest',
      { spec: { replicas: 0 }, status: { replicas: 0, updatedReplicas: 0 } },
    ],
    ['a canary that a person has paused', 'at-rest', { spec: { paused: true }, status: { updatedReplicas: 1 } }],
  ])('%s: %s', (_, phase, change) => {
    expect(kept(change).phase).toBe(phase);
  });
  it('keeps nothing that the progress of a pod changes', () => {
    expect(kept({ status: { readyReplicas: 3 } })).toEqual(kept());
    expect(kept({ spec: { replicas: undefined } }).desired).toBe(1);
  });
});

describe('the workloads of a Service', () => {
  const index = createWorkloadIndex();
  const put = (kind: 'Deployment' | 'StatefulSet', name: string, change: Change) =>
    index.follow(kind, { kind: 'changed', key: `shop/${name}`, object: keepWorkload(kind, raw(change, name)) });
  put('Deployment', 'stable', { spec: { replicas: 6 } });
  put('Deployment', 'canary', { status: { updatedReplicas: 1 } });
  put('StatefulSet', 'db', {});

  it('are those whose pods it selects, and their replicas count together', () => {
    expect(index.of('shop', selector, [])).toEqual({
      desired: 14,
      rollingOut: ['Deployment/canary'],
      scaling: ['Deployment/stable'],
    });
  });
  it('and who is there without one counts as well', () => {
    const members = [
      backendOf('a', { workload: { kind: 'Deployment', name: 'stable' } }),
      backendOf('b', { workload: { kind: 'Job', name: 'stable' } }),
      backendOf('c'),
    ];
    expect(index.of('shop', selector, members)?.desired).toBe(16);
  });
  it('are none of another namespace, of other labels, or of a Service that selects nobody', () => {
    expect(index.of('bank', selector, [])).toBeUndefined();
    expect(index.of('shop', { app: 'pricer', tier: 'db' }, [])).toBeUndefined();
    expect(index.of('shop', {}, [])).toBeUndefined();
  });
  it('concern a Service when they came, went or changed, and not before', () => {
    const concerns = put('Deployment', 'canary', {});
    expect([concerns('shop', selector), concerns('shop', { app: 'x' }), concerns('bank', selector)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(put('Deployment', 'canary', { status: { readyReplicas: 1 } })('shop', selector)).toBe(false);
    const before = keepWorkload('Deployment', raw({}, 'canary'));
    const gone = index.follow('Deployment', { kind: 'gone', key: 'shop/canary', before });
    expect(gone('shop', selector)).toBe(true);
    const items = new Map([['shop/stable', keepWorkload('Deployment', raw({ spec: { replicas: 6 } }, 'stable'))]]);
    const same = index.follow('Deployment', { kind: 'listed', items, gone: new Map() });
    expect(same('shop', selector)).toBe(false);
  });
});
