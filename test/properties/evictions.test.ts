/**
 * I13 in the cluster: however requests of replicas that believe to lead overlap, are lost, or come late, and whatever
 * happens to the pods meanwhile, a pod is evicted once at most, and only if it was decided about.
 */
import { expect, it } from 'vitest';
import { type KubeClient, KubeError } from '../../engine/kubernetes/kube-client.ts';
import { createEvictor, type DueEviction, evictorTiming } from '../../engine/pods/evictor.ts';
import { initialState } from '../../engine/rotation/state.ts';
import { decisionOf, fleetOf } from '../support/fixtures.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { type Random, randomFrom } from '../support/random.ts';

interface Pod {
  readonly name: string;
  readonly uid: string;
  version: number;
  isLeaving: boolean;
  /** Successful evictions. */
  evictions: number;
}

/** What the API server looks at before it lets a pod be evicted. */
interface Preconditions {
  readonly uid: boolean;
  readonly version: boolean;
}

interface Story {
  readonly pods: readonly Pod[];
  readonly decided: ReadonlySet<string>;
  readonly refused: number;
  readonly lost: number;
}

const state = initialState(fleetOf(6));
const second = 1000;

async function live(seed: number, checked: Preconditions): Promise<Story> {
  const random = randomFrom(seed);
  const clock = createManualClock();
  /** All that ever were. */
  const all: Pod[] = [];
  const present = new Map<string, Pod>();
  const decided = new Set<string>();
  let mayDisrupt = true;
  let isQuiet = false;
  let [refused, lost] = [0, 0];

  function make(name: string): void {
    const pod = { name, uid: `${name}#${all.length}`, version: 1, isLeaving: false, evictions: 0 };
    all.push(pod);
    present.set(name, pod);
  }
  const named = (path: string): Pod => {
    const pod = present.get(path.split('/')[6] ?? '');
    if (pod === undefined) throw new KubeError('not found', { status: 404 });
    return pod;
  };

  /** Takes its time on the way there and back; what is lost on the way back has happened. */
  function clientOf(isAlive: () => boolean): KubeClient {
    const travel = (): Promise<void> => wait(clock, random.int(0, isQuiet ? 5 : 3 * second));
    const visit = async <Result>(act: () => Result): Promise<Result> => {
      await travel();
      const result = act();
      await travel();
      if (isQuiet || (isAlive() && random.chance(0.9))) return result;
      lost += 1;
      throw new KubeError('no answer');
    };
    return {
      get: (path) =>
        visit(() => {
          const { uid, version, isLeaving } = named(path);
          const owner = { kind: 'ReplicaSet', controller: true };
          const leaving = isLeaving ? { deletionTimestamp: 'now' } : {};
          return { metadata: { uid, resourceVersion: `${version}`, ownerReferences: [owner], ...leaving } };
        }),
      send: (_verb, path, body) =>
        visit(() => {
          const pod = named(path);
          const { uid, resourceVersion } = (body as unknown as Eviction).deleteOptions.preconditions;
          const isOther = (checked.uid && uid !== pod.uid) || (checked.version && resourceVersion !== `${pod.version}`);
          if (isOther) throw new KubeError('conflict', { status: 409 });
          if (!mayDisrupt) {
            refused += 1;
            throw new KubeError('the budget', { status: 429, causes: ['DisruptionBudget'] });
          }
          pod.evictions += 1;
          pod.version += 1;
          pod.isLeaving = true;
          return {};
        }),
      watch: () => Promise.reject(new Error('nothing is watched')),
    };
  }

  function startReplica() {
    const ending = new AbortController();
    const replica = { leads: random.chance(0.7), busy: false, end: () => ending.abort() };
    const evictor = createEvictor({
      client: clientOf(() => !ending.signal.aborted),
      clock,
      // What its watch shows may be old: leaving pods are among them for a while.
      due: () => (replica.leads ? dueOf(random) : []),
      answer: () => undefined,
      tell: () => undefined,
      timing: { ...evictorTiming, retryMs: second },
    });
    return {
      replica,
      round: () => {
        if (replica.busy || ending.signal.aborted) return;
        replica.busy = true;
        void evictor.round(ending.signal).then(() => {
          replica.busy = false;
        });
      },
    };
  }

  const dueOf = (chance: Random): readonly DueEviction[] =>
    [...present.values()]
      .filter(({ uid, isLeaving }) => decided.has(uid) && (!isLeaving || (!isQuiet && chance.chance(0.5))))
      .map(({ name, uid }) => ({ namespace: 'shop', name, uid, state, decision: decisionOf(name, 'evicted') }));

  for (const name of ['p1', 'p2', 'p3']) make(name);
  let replicas = [startReplica(), startReplica()];
  for (let steps = 0; steps < 60; steps++) {
    const victim = random.pick([...present.values()]);
    switch (random.pick(['decide', 'decide', 'replace', 'change', 'change', 'budget', 'role', 'crash', 'nothing'])) {
      case 'decide':
        decided.add(victim.uid);
        break;
      case 'replace':
        make(victim.name);
        break;
      case 'change':
        victim.version += 1;
        break;
      case 'budget':
        mayDisrupt = random.chance(0.6);
        break;
      case 'role':
        for (const { replica } of replicas) replica.leads = random.chance(0.7);
        break;
      case 'crash': {
        const dead = random.pick(replicas);
        dead.replica.end();
        replicas = [...replicas.filter((each) => each !== dead), startReplica()];
        break;
      }
      case 'nothing':
        break;
    }
    for (const { round } of replicas) round();
    await clock.advance(random.int(0, 2 * second));
  }
  isQuiet = true;
  mayDisrupt = true;
  const last = startReplica();
  last.replica.leads = true;
  for (let seconds = 0; seconds < 120; seconds++) {
    last.round();
    await clock.advance(second);
  }
  for (const { uid, isLeaving } of present.values()) {
    if (decided.has(uid) && !isLeaving) throw new Error(`${uid} was not evicted in the end`);
  }
  return { pods: all, decided, refused, lost };
}

interface Eviction {
  readonly deleteOptions: { readonly preconditions: { readonly uid: string; readonly resourceVersion: string } };
}

function wait(clock: ManualClock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.at(clock.now() + ms, resolve));
}

/** Of so many lives, in how many a pod was evicted twice, or one that nobody had decided about. */
async function violations(lives: number, checked: Preconditions) {
  let [twice, innocent, evicted, refused, lost] = [0, 0, 0, 0, 0];
  for (let seed = 1; seed <= lives; seed++) {
    const story = await live(seed, checked);
    if (story.pods.some(({ evictions }) => evictions > 1)) twice += 1;
    if (story.pods.some(({ uid, evictions }) => evictions > 0 && !story.decided.has(uid))) innocent += 1;
    evicted += story.pods.filter(({ evictions }) => evictions > 0).length;
    refused += story.refused;
    lost += story.lost;
  }
  return { twice, innocent, evicted, refused, lost };
}

it('a pod is evicted once, and only if it was decided about, in the end all of these', async () => {
  const { twice, innocent, evicted, refused, lost } = await violations(300, { uid: true, version: true });
  expect({ twice, innocent }).toEqual({ twice: 0, innocent: 0 });
  expect(Math.min(evicted, refused, lost)).toBeGreaterThan(100);
});

it('it would not be so without the preconditions', async () => {
  expect((await violations(100, { uid: true, version: false })).twice).toBeGreaterThan(0);
  expect((await violations(100, { uid: false, version: false })).innocent).toBeGreaterThan(0);
});
