import { expect, it } from 'vitest';
import { decisionOf, fleetOf } from '../../test/support/fixtures.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import type { OnRecord } from '../engine.ts';
import { rotationLabel } from '../kubernetes/mark-names.ts';
import { initialState } from '../rotation/state.ts';
import type { PodObject } from '../sources/kubernetes-objects.ts';
import { createPodActs } from './acts.ts';

/** What is done, in some seconds, about a Service of which `p3` has to be evicted, and whose `p1` and `p3` bear labels. */
async function actsOf(change: Partial<OnRecord>): Promise<readonly string[]> {
  const clock = createManualClock();
  const labels = new Map([
    ['p1', 'ejected'],
    ['p3', 'evicted'],
  ]);
  const podOf = (name: string): PodObject => ({
    metadata: {
      namespace: 'shop',
      name,
      uid: name,
      labels: labels.has(name) ? { [rotationLabel]: labels.get(name) ?? '' } : {},
      ownerReferences: [{ kind: 'ReplicaSet', name: 'pricer', controller: true }],
    },
  });
  const pods = new Map(['p1', 'p2', 'p3'].map((name) => [`shop/${name}`, podOf(name)]));
  const decision = decisionOf('p3', 'evicted');
  const decisions = new Map([[decision.backend, decision]]);
  const known = initialState(fleetOf(3));
  const state = { ...known, enforced: { ...known.enforced, decisions } };
  const done: string[] = [];
  const stopping = new AbortController();
  const acts = createPodActs({
    client: {
      get: async (path) => {
        const metadata = pods.get(`shop/${path.split('/').at(-1)}`)?.metadata;
        return { metadata: { ...metadata, resourceVersion: '1' } };
      },
      async send(verb, path) {
        done.push(`${verb} ${path.split('/').slice(6).join('/')}`);
        return {};
      },
      watch: () => Promise.reject(new Error('nothing is watched')),
    },
    clock,
    engine: {
      onRecord: () => [{ decides: true, isKnown: true, state, decisions, ...change }],
      answerEviction: () => undefined,
    },
    leads: () => true,
    objects: { pods, services: new Map() },
    settings: { evict: true, label: true, deletionCost: false },
    onEviction: () => undefined,
    onMark: () => undefined,
    onProblem({ message }) {
      throw new Error(message);
    },
  });
  const ended = acts.run(stopping.signal);
  await clock.advance(5000);
  stopping.abort();
  await clock.advance(60_000);
  await ended;
  return [...new Set(done)].toSorted();
}

it('evicts who has to be, and takes the label off who serves', async () => {
  expect(await actsOf({})).toEqual(['patch p1', 'post p3/eviction']);
});

it('evicts nobody where it does not decide, and labels who is out all the same', async () => {
  expect(await actsOf({ decides: false })).toEqual(['patch p1']);
});

it('touches nobody of a Service of which it is not known who is out', async () => {
  const state = initialState(fleetOf(3));
  expect(await actsOf({ decides: false, isKnown: false, state, decisions: new Map() })).toEqual([]);
});
