/** A replica is killed at each step of a decision, by SIGKILL, between a request of its and the answer. */
import { expect } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { type Asked, passes } from './gate.ts';
import { type Pair, type PairReplica, soon } from './pair.ts';
import { recordIn, type Records } from './records.ts';

/** Where a replica is killed. */
export interface CrashStep {
  /** The request of its that it is killed at. */
  readonly at: (asked: Asked) => boolean;
  /** `lost`: it never arrived; `unanswered`: it arrived and was obeyed. */
  readonly fate: 'lost' | 'unanswered';
  /** What leads to it. */
  readonly after: (pair: Pair) => Promise<void>;
  /** What the client of the one that lives has been told in the end. */
  readonly told: readonly string[];
  /** How often the pod has been convicted again, by then. */
  readonly retries?: number;
  readonly spec?: object;
  readonly kubernetes?: object;
  /** Does more than letting one go on: see below. */
  readonly play?: (pair: Pair, victim: PairReplica) => Promise<void>;
}

const comesBack = { activator: { period: '2s', ramp: { weights: [5, 50, 100], stepPeriod: '2s' } } };
/** Convicted once more it stays out, or is evicted. */
const isPaused = { activator: { ...comesBack.activator, mode: 'retryAndPause', maxRetryCount: 0 } };
const isEvicted = { activator: { ...comesBack.activator, mode: 'retryAndKill', maxRetryCount: 0 } };
const out = ['6', '6, p3 out'];
const backAgain = [...out, '6, p3 at 5', '6, p3 at 50', '6'];
const outAgain = [...out, '6, p3 at 5', '6, p3 out'];

const evicts = { pods: { evict: true } };

/** The write of a decision about p3. */
const writing =
  (state: string, retries = 0) =>
  ({ method, path, body }: Asked): boolean => {
    if (method !== 'PATCH' || !path.includes('/kubervisorservices/')) return false;
    const decisions = recordIn(JSON.parse(body) as object)?.enforced.decisions ?? [];
    return decisions.some((each) => each.name === 'p3' && each.state === state && each.retries === retries);
  };
const claimingAnEpoch = ({ method, path, body }: Asked): boolean =>
  method !== 'GET' && path.includes('/configmaps') && body.includes('"epoch"');
const takingTheLease = ({ method, path, body }: Asked): boolean =>
  method === 'PATCH' && path.includes('/leases/') && body.includes('"acquireTime"');
const evicting = ({ method, path }: Asked): boolean => method === 'POST' && path.endsWith('/pods/p3/eviction');

async function spoil(pair: Pair): Promise<void> {
  pair.measure('p3', 'bad');
}

async function isOut(pair: Pair): Promise<void> {
  await spoil(pair);
  await eventually(() => pair.replicas.every(({ views }) => views.includes('6, p3 out')), soon);
}

async function heal(pair: Pair): Promise<void> {
  await isOut(pair);
  pair.measure('p3', 'good');
}

async function loseTheLeader(pair: Pair): Promise<void> {
  await isOut(pair);
  await pair.replicas.find((each) => each.leads())?.kill();
}

/** Nobody is left; one comes back. */
async function endsAsWell(pair: Pair, victim: PairReplica): Promise<void> {
  const other = otherOf(pair, victim);
  await other.kill();
  await other.start();
}

/** It does not hear what the leader writes. */
async function isOutUnheard(pair: Pair): Promise<void> {
  for (const each of pair.replicas) {
    if (!each.leads()) each.gate.silence(({ path }) => path.includes('/kubervisorservices'));
  }
  await spoil(pair);
}

export const crashSteps: readonly (readonly [title: string, step: CrashStep])[] = [
  ['the write of an ejection never arrived', { at: writing('ejected'), fate: 'lost', after: spoil, told: out }],
  ['it arrived, and its answer did not', { at: writing('ejected'), fate: 'unanswered', after: spoil, told: out }],
  [
    'it arrived, its answer did not, and the other one has not heard of it',
    { at: writing('ejected'), fate: 'unanswered', after: isOutUnheard, told: out },
  ],
  [
    'it arrived, its answer did not, and the other one is killed as well',
    { at: writing('ejected'), fate: 'unanswered', after: spoil, told: out, play: endsAsWell },
  ],
  [
    'the probe was begun, and not written',
    { at: writing('probing'), fate: 'lost', after: heal, told: backAgain, spec: comesBack },
  ],
  [
    'a step up was written, and not answered',
    { at: writing('ramping'), fate: 'unanswered', after: heal, told: backAgain, spec: comesBack },
  ],
  [
    'the pod failed its probe, and that was written',
    { at: writing('paused', 1), fate: 'unanswered', after: spoil, told: outAgain, retries: 1, spec: isPaused },
  ],
  [
    'an eviction was decided, and never asked for',
    { at: evicting, fate: 'lost', after: spoil, told: outAgain, retries: 1, spec: isEvicted, kubernetes: evicts },
  ],
  [
    'an eviction was carried out, and it does not know',
    { at: evicting, fate: 'unanswered', after: spoil, told: outAgain, retries: 1, spec: isEvicted, kubernetes: evicts },
  ],
  [
    'it has asked for the Lease, and does not know',
    { at: takingTheLease, fate: 'unanswered', after: loseTheLeader, told: out, play: endsAsWell },
  ],
  [
    'it holds the Lease, and has claimed no epoch',
    { at: claimingAnEpoch, fate: 'lost', after: loseTheLeader, told: out, play: endsAsWell },
  ],
  [
    'it has claimed an epoch, and does not know',
    { at: claimingAnEpoch, fate: 'unanswered', after: loseTheLeader, told: out, play: endsAsWell },
  ],
];

function otherOf({ replicas }: Pair, one: PairReplica): PairReplica {
  return one === replicas[0] ? replicas[1] : replicas[0];
}

/** Kills whichever replica comes to that point. */
async function killAt(pair: Pair, { at, fate, after }: Pick<CrashStep, 'at' | 'fate' | 'after'>): Promise<PairReplica> {
  let caught: { readonly victim: PairReplica; readonly asked: Asked } | undefined;
  for (const victim of pair.replicas) {
    victim.gate.rule((asked) => {
      if (caught === undefined && at(asked)) caught = { victim, asked };
      return caught?.victim === victim && at(asked) ? { kind: fate } : passes;
    });
  }
  await after(pair);
  const { victim } = await eventually(
    () => (caught?.asked.answered !== undefined || fate === 'lost' ? caught : undefined),
    { ...soon, what: 'it comes to that point', everyMs: 1 },
  );
  await victim.kill();
  for (const { gate } of pair.replicas) gate.rule(() => passes);
  return victim;
}

/** Of the pod that is bad; whoever was evicted has no record any more. */
function retriesIn({ all }: Records): number {
  return Math.max(0, ...all.flatMap(({ enforced }) => enforced.decisions.map(({ retries }) => retries)));
}

/** Of which the API server says that they are done. */
function evictionsOf({ replicas }: Pair): number {
  return replicas.flatMap(({ gate }) => gate.asked.filter((each) => evicting(each) && each.answered?.status === 201))
    .length;
}

/** R9: what is on record never goes back, and each conviction is there once. */
function expectOnce({ all }: Records): void {
  const order = all.map(({ epoch, seq }) => epoch * 1e9 + seq);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
  const ejections = all.flatMap(({ enforced }) =>
    enforced.decisions.flatMap(({ name, state, retries, sinceMs }) =>
      state === 'ejected' || state === 'paused' || state === 'evicted'
        ? [`${name} ${state}, ${retries} times again, since ${sinceMs}`]
        : [],
    ),
  );
  const moments = new Set(ejections);
  const convictions = new Set([...moments].map((each) => each.split(', since')[0]));
  expect([...moments]).toHaveLength(convictions.size);
  // The velocity counts it once as well.
  for (const { enforced } of all)
    expect(enforced.ejections.filter(({ kind }) => kind === 'new').length).toBeLessThan(2);
}

/** The other one goes on: nothing that was decided is lost, undone or decided a second time, and nobody else is affected. */
export async function expectSurvived(pair: Pair, step: CrashStep): Promise<void> {
  const victim = await killAt(pair, step);
  await step.play?.(pair, victim);
  const leader = await pair.judging();
  expect(leader).toBe(otherOf(pair, victim));
  await eventually(() => leader.views.length >= step.told.length, soon);
  expect(leader.views).toEqual(step.told);
  await eventually(() => retriesIn(pair.records) === (step.retries ?? 0), soon);
  expectOnce(pair.records);
  if (step.kubernetes !== undefined) await eventually(() => evictionsOf(pair) > 0, soon);
  expect(evictionsOf(pair)).toBe(step.kubernetes === undefined ? 0 : 1);
}
