import { expect, it } from 'vitest';
import type { KubeClient } from '../kubernetes/kube-client.ts';
import { evict } from './evict.ts';

const target = { namespace: 'shop', name: 'p1', uid: 'u1' };
const ownerReferences = [{ kind: 'ReplicaSet', controller: true }];

/** What comes of it, and what was asked of the API server, which has this pod and takes everything. */
async function tried(metadata: object, status: object = {}, isWanted = true): Promise<readonly unknown[]> {
  const sent: unknown[] = [];
  const client: KubeClient = {
    get: async () => ({ metadata: { uid: 'u1', resourceVersion: '7', ownerReferences, ...metadata }, status }),
    async send(verb, path, body) {
      sent.push(verb, path, body);
      return {};
    },
    watch: () => Promise.reject(new Error('nothing is watched')),
  };
  return [await evict(client, target, () => isWanted, new AbortController().signal), ...sent];
}

it('asks for the very pod that was looked at, in the version that was', async () => {
  expect(await tried({})).toEqual([
    { kind: 'evicted' },
    'post',
    '/api/v1/namespaces/shop/pods/p1/eviction',
    {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { namespace: 'shop', name: 'p1' },
      deleteOptions: { preconditions: { uid: 'u1', resourceVersion: '7' } },
    },
  ]);
});

// Of these the API server would let another eviction through, and who is told "evicted" counts and tells of it once more.
it.each([
  ['is on its way out already', { deletionTimestamp: '2026-01-01T00:00:00Z' }, {}],
  ['has done its work', {}, { phase: 'Succeeded' }],
  ['has failed', {}, { phase: 'Failed' }],
  ['is another one of that name', { uid: 'u2' }, {}],
])('a pod that %s is gone: nothing is asked for', async (_, metadata, status) => {
  expect(await tried(metadata, status)).toEqual([{ kind: 'gone' }]);
});

it('one that nothing would replace, or that is not wanted away any more, stays', async () => {
  expect(await tried({ ownerReferences: [] })).toEqual([{ kind: 'irreplaceable' }]);
  expect(await tried({ ownerReferences: [{ kind: 'Node', controller: true }] })).toEqual([{ kind: 'irreplaceable' }]);
  expect(await tried({}, {}, false)).toEqual([{ kind: 'dropped' }]);
});
