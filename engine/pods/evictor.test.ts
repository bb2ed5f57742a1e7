import { describe, expect, it } from 'vitest';
import { decisionOf, fleetOf } from '../../test/support/fixtures.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { type KubeClient, KubeError } from '../kubernetes/kube-client.ts';
import type { EvictionAnswer } from '../rotation/evictions.ts';
import { initialState } from '../rotation/state.ts';
import { createEvictor, type DueEviction, evictorTiming } from './evictor.ts';

const second = 1000;

/** Pods by these names are due, and gone when they were evicted, unless the cluster has something against it. */
function world(...names: readonly string[]) {
  const clock = createManualClock();
  let due = names.map((name): DueEviction => {
    const decision = decisionOf(name, 'evicted');
    return { namespace: 'shop', name, uid: name, state: initialState(fleetOf(6)), decision };
  });
  const asked: string[] = [];
  const told: string[] = [];
  const answers: (EvictionAnswer | undefined)[] = [];
  const refusals = new Map<string, KubeError>();
  const client: Pick<KubeClient, 'get' | 'send'> = {
    async get(path) {
      const uid = path.split('/').at(-1) ?? '';
      return { metadata: { uid, resourceVersion: '1', ownerReferences: [{ kind: 'ReplicaSet', controller: true }] } };
    },
    async send(_verb, path) {
      const name = path.split('/').at(-2) ?? '';
      asked.push(name);
      const refusal = refusals.get(name);
      if (refusal !== undefined) throw refusal;
      due = due.filter((each) => each.name !== name);
      return {};
    },
  };
  const evictor = createEvictor({
    client: { ...client, watch: () => Promise.reject(new Error('nothing is watched')) },
    clock,
    due: () => due,
    answer: (_, answer) => void answers.push(answer),
    tell: ({ name }, result) => void told.push(`${name} ${result}`),
    timing: evictorTiming,
  });
  const round = (): Promise<number | undefined> => evictor.round(new AbortController().signal);
  return {
    clock,
    asked,
    told,
    answers,
    refusals,
    evictor,
    round,
    /** Rounds as often as the evictor asks for one. */
    async pass(ms: number) {
      const endMs = clock.now() + ms;
      for (;;) {
        const againMs = await round();
        if (againMs === undefined || againMs > endMs) break;
        await clock.advance(Math.max(1, againMs - clock.now()));
      }
      await clock.advance(Math.max(0, endMs - clock.now()));
    },
    drop: (name: string) => {
      due = due.filter((each) => each.name !== name);
    },
  };
}

const budget = new KubeError('Cannot evict pod', { status: 429, causes: ['DisruptionBudget'] });

describe('evictions', () => {
  it('are ten in any minute, over all Services', async () => {
    const w = world(...Array.from({ length: 25 }, (_, index) => `p${index}`));
    await w.round();
    expect(w.asked).toHaveLength(10);
    await w.pass(59 * second);
    expect(w.asked).toHaveLength(10);
    await w.pass(second);
    await w.round();
    expect(w.asked).toHaveLength(20);
    await w.pass(61 * second);
    expect(w.told).toHaveLength(25);
  });

  it('that a disruption budget refuses are asked for again after 10 s, 20 s and so on, and keep nobody else waiting', async () => {
    const w = world('p1', 'p2');
    w.refusals.set('p1', budget);
    await w.pass(70 * second);
    expect(w.asked).toEqual(['p1', 'p2', 'p1', 'p1', 'p1']);
    w.refusals.delete('p1');
    await w.pass(600 * second);
    expect(w.told.at(-1)).toBe('p1 evicted');
    expect(new Set(w.answers.slice(0, -1))).toEqual(new Set([undefined, 'disruption-budget']));
    expect(w.answers.at(-1)).toBeUndefined();
    expect(w.evictor.problems()).toEqual([]);
  });

  it('wait for as long as the API server asks', async () => {
    const w = world('p1');
    w.refusals.set('p1', new KubeError('busy', { status: 429, retryAfterMs: 45 * second }));
    await w.pass(44 * second);
    expect(w.asked).toEqual(['p1']);
    await w.pass(2 * second);
    expect(w.asked).toEqual(['p1', 'p1']);
  });

  it.each([
    ['no answer', {}, []],
    ['an API server that is busy', { status: 429 }, []],
    ['one that is restarted', { status: 503 }, []],
    ['a right that is missing', { status: 403 }, ['eviction-refused']],
    ['two disruption budgets', { status: 500 }, ['eviction-refused']],
    ['a disruption budget', { status: 429, causes: ['DisruptionBudget'] }, ['disruption-budget']],
  ] as const)('%s: what the record is told', async (_, facts, answers) => {
    const w = world('p1');
    w.refusals.set('p1', new KubeError('no', facts));
    await w.round();
    expect(w.answers).toEqual(answers);
    const isProblem = answers[0] !== 'disruption-budget';
    expect(w.evictor.problems().map(({ code }) => code)).toEqual(isProblem ? ['KV0845'] : []);
    // Whoever has not to go any more is no problem any more.
    w.drop('p1');
    await w.round();
    expect(w.evictor.problems()).toEqual([]);
  });

  it('wait no longer for a clock that is set back meanwhile', async () => {
    const { clock, asked, refusals, round } = world('a');
    refusals.set('a', new KubeError('away'));
    await round();
    clock.set(-3_600_000);
    refusals.clear();
    await round();
    expect(asked).toEqual(['a', 'a']);
  });

  it('of pods that change all the time are given up for now after five looks', async () => {
    const w = world('p1');
    w.refusals.set('p1', new KubeError('changed', { status: 409 }));
    await w.round();
    expect([w.asked.length, w.told]).toEqual([5, ['p1 failed']]);
  });
});
