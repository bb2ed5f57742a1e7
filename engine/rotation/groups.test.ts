import { describe, expect, it } from 'vitest';
import { type Backend } from '../model.ts';
import {
  backendOf,
  breakerOf,
  deviationOf,
  evidenceOf,
  generousBudget,
  judgementOf,
  policyOf,
  type PolicyChange,
  world,
} from '../../test/support/world.ts';
import { noFleet } from '../runtime.ts';
import { fromRecord, isWorthSaving, type ServiceRecord, toRecord } from './record.ts';

const price = breakerOf({ name: 'price', detector: deviationOf(), groupBy: ['version'] });

const pod = (name: string, version: string): Backend => backendOf(name, { labels: { version } });
const fleet = [
  ...['a1', 'a2', 'a3', 'a4', 'a5', 'a6'].map((name) => pod(name, 'a')),
  ...['b1', 'b2', 'b3', 'b4'].map((name) => pod(name, 'b')),
];

/** Ten pods of two versions; the second is known to be 1.8 times as slow. */
function shop(change: PolicyChange = {}) {
  const w = world({ fleet, policy: policyOf({ breakers: [price], budget: generousBudget, settle: 1, ...change }) });
  const usual = (but: Readonly<Record<string, number>> = {}) =>
    w.all(100, { b1: 180, b2: 180, b3: 180, b4: 180, ...but });
  w.evaluations(2, usual());
  return { w, usual };
}

describe('a group as a whole at another level', () => {
  const moved = { b1: 900, b2: 900, b3: 900, b4: 900 };

  it('is held, while the others are judged as ever', () => {
    const { w, usual } = shop();
    w.evaluations(3, usual({ ...moved, a1: 900 }));
    expect(w.out()).toEqual(['a1']);
    expect(['b1', 'b4', 'a2'].map((name) => w.held(name))).toEqual(['fleet-wide', 'fleet-wide', undefined]);
  });
  it('confirms nothing: after it the streaks of its backends begin anew', () => {
    const { w, usual } = shop();
    w.evaluate(usual({ b1: 900 }));
    w.evaluate(usual(moved));
    w.evaluate(usual({ b1: 900 }));
    expect(w.out()).toEqual([]);
    w.evaluate(usual({ b1: 900 }));
    expect(w.out()).toEqual(['b1']);
  });
  it('stops steps up and second ejections in it, and only in it', () => {
    const { w, usual } = shop();
    w.evaluations(2, usual({ a1: 900, b1: 900 }));
    expect(w.out()).toEqual(['a1', 'b1']);
    // So long that the second did not wait for the first any more.
    w.pass(340_000);
    expect([w.stateOf('a1'), w.stateOf('b1')]).toEqual(['probing', 'probing']);
    w.evaluations(3, usual({ b2: 900, b3: 900, b4: 900 }));
    expect([w.stateOf('a1'), w.stateOf('b1')]).toEqual(['ramping', 'probing']);
    w.evaluations(3, usual(moved));
    expect([w.stateOf('b1'), w.held('b1')]).toEqual(['probing', 'fleet-wide']);
    w.evaluate(usual({ b1: 900 }));
    expect(w.stateOf('b1')).toBe('ejected');
  });
  it('evicts nobody of it', () => {
    const { w, usual } = shop({ eject: { how: 'Drain', closeAfterMs: 10_000, then: 'Evict' } });
    w.evaluations(2, usual({ a1: 900, b1: 900 }));
    w.evaluations(2, usual({ b2: 900, b3: 900, b4: 900 }));
    expect([w.stateOf('a1'), w.stateOf('b1')]).toEqual(['evicted', 'ejected']);
    w.evaluate(usual());
    expect(w.stateOf('b1')).toBe('evicted');
  });
  it('takes back whom it took out early, when it lasts, and nobody of another group', () => {
    const { w, usual } = shop();
    w.evaluations(2, usual({ a1: 900, b1: 900 }));
    w.evaluations(2, usual({ b2: 900, b3: 900, b4: 900 }));
    expect([w.stateOf('a1'), w.stateOf('b1')]).toEqual(['ejected', 'ejected']);
    w.evaluate(usual({ b2: 900, b3: 900, b4: 900 }));
    expect([w.stateOf('a1'), w.stateOf('b1')]).toEqual(['ejected', 'ramping']);
    expect(w.decision('b1')?.returning).toEqual({ kind: 'time', note: 'correlated' });
  });
  it('is a matter of the fleet where all groups are', () => {
    const { w } = shop();
    w.evaluate(w.all(900));
    expect(w.state.breakers.get('price')?.last).toMatchObject({ kind: 'fleet-wide' });
  });
});

it('a group that differs from the rest, while its backends agree, loses none of them', () => {
  const { w, usual } = shop();
  w.evaluations(10, usual());
  expect(w.out()).toEqual([]);
  expect(w.state.breakers.get('price')?.last?.groups).toMatchObject([
    { key: 'version=a', againstRest: { kind: 'insufficient' } },
    { key: 'version=b', againstRest: { kind: 'anomalous', value: 180, bound: 150 } },
  ]);
});

it('a pod of another version, or whose labels vanish, is judged with whom it then belongs to', () => {
  const { w, usual } = shop();
  w.change('b1', { labels: { version: 'a' } });
  w.evaluate(usual());
  expect(w.state.breakers.get('price')?.last?.verdicts.get(fleet[6]?.id as never)).toMatchObject({
    kind: 'anomalous',
    reason: expect.stringMatching(/^in group version=a: /),
  });
  w.change('b1', { labels: {} });
  w.evaluations(3, usual());
  expect(w.out()).toEqual([]);
});

describe('the baselines of groups', () => {
  const recordOf = (w: ReturnType<typeof world>): ServiceRecord => JSON.parse(JSON.stringify(toRecord(w.state, 1)));
  const levelsIn = (record: ServiceRecord) => {
    const groups = fromRecord(record, noFleet(record.policy?.service as never)).breakers.get('price')?.baseline.groups;
    return groups && Object.fromEntries([...groups].map(([key, { level }]) => [key, level]));
  };

  it('survive us', () => {
    expect(levelsIn(recordOf(shop().w))).toEqual({ 'version=a': 100, 'version=b': 180 });
  });
  it('tell who moved while we were away', () => {
    const { w, usual } = shop();
    const restored = fromRecord(recordOf(w), w.state.fleet);
    const event = judgementOf(restored, 'price', evidenceOf(usual({ b2: 900, b3: 900, b4: 900 })), w.now);
    expect(event?.judgement).toMatchObject({
      kind: 'judged',
      groups: [{ kind: 'judged' }, { key: 'version=b', kind: 'fleet-wide' }],
    });
  });
  it('are written when one of them moved by a quarter of what is allowed, or is new', () => {
    const { w, usual } = shop();
    const saved = recordOf(w);
    w.evaluate(usual({ b1: 190, b2: 190, b3: 190, b4: 190 }));
    expect(isWorthSaving(saved, recordOf(w))).toBe(false);
    w.evaluate(usual({ b1: 210, b2: 210, b3: 210, b4: 210 }));
    expect(isWorthSaving(saved, recordOf(w))).toBe(true);
    const again = recordOf(w);
    w.fleet([...fleet, pod('c1', 'c'), pod('c2', 'c'), pod('c3', 'c')]);
    w.evaluate(usual({ c1: 7, c2: 7, c3: 7 }));
    expect(isWorthSaving(again, recordOf(w))).toBe(true);
  });
  it('are not written before their group has settled', () => {
    const { w, usual } = shop({ settle: 3 });
    w.evaluations(2, usual());
    w.fleet([...fleet, pod('c1', 'c'), pod('c2', 'c'), pod('c3', 'c')]);
    w.evaluations(2, usual({ c1: 7, c2: 7, c3: 7 }));
    expect(levelsIn(recordOf(w))).not.toHaveProperty('version=c');
    w.evaluate(usual({ c1: 7, c2: 7, c3: 7 }));
    expect(levelsIn(recordOf(w))).toHaveProperty('version=c', 7);
  });
  it('of counted events are not written before either, though they begin with the first window', () => {
    const detector = { kind: 'ratio', bad: 'b', total: 't', minRequests: 30, minBad: 5, sensitivity: 0.005 } as const;
    const errors = breakerOf({ name: 'price', detector, groupBy: ['version'] });
    const { w } = shop({ settle: 3, breakers: [errors] });
    const see = () => w.evaluate({ ...evidenceOf(w.all(10)), total: evidenceOf(w.all(1_000)).samples });
    for (let evaluation = 0; evaluation < 3; evaluation += 1) see();
    expect(Object.keys(levelsIn(recordOf(w)) ?? {})).toEqual(['version=a', 'version=b']);
    w.fleet([...fleet, pod('c1', 'c'), pod('c2', 'c'), pod('c3', 'c')]);
    see();
    expect(w.state.breakers.get('price')?.baseline.groups?.get('version=c')?.level).toBeCloseTo(0.01, 3);
    expect(levelsIn(recordOf(w))).not.toHaveProperty('version=c');
    see();
    see();
    expect(levelsIn(recordOf(w))).toHaveProperty('version=c');
  });
  it('go with the last backend of their group', () => {
    const { w, usual } = shop();
    w.remove('b2', 'b3', 'b4');
    w.evaluate(usual());
    expect(levelsIn(recordOf(w))).toHaveProperty('version=b', 180);
    w.remove('b1');
    w.evaluate(usual());
    expect(levelsIn(recordOf(w))).toEqual({ 'version=a': 100 });
  });
  it('from a record that has none, or nonsense, begin anew', () => {
    const record = recordOf(shop().w);
    const { levels: _, ...old } = record.breakers['price'] ?? { fingerprint: '', evaluations: 0 };
    expect(levelsIn({ ...record, breakers: { price: old } })).toBeUndefined();
    const nonsense = { ...old, levels: { 'version=a': null, 'version=b': 'much', 'version=c': 3 } as never };
    expect(levelsIn({ ...record, breakers: { price: nonsense } })).toEqual({ 'version=c': 3 });
  });
});
