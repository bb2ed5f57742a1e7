import { describe, expect, it } from 'vitest';
import { backendOf, breakerOf, policyOf, type World, world } from '../../test/support/world.ts';
import { backendId } from '../model.ts';

const wave = (name: string) =>
  breakerOf({ name, detector: { kind: 'threshold', query: name, operator: '>', value: 5 } });

describe('seq', () => {
  it('grows with every step that writes a decision, and only with those', () => {
    const w = world();
    w.evaluations(3, w.bad());
    w.step({ kind: 'tick' });
    w.fleet([...w.state.fleet.backends, backendOf('p7')]);
    w.policy(policyOf({ warmUpMs: 1 }));
    expect(w.state.seq).toBe(0);
    w.evaluations(2, w.bad('p1'));
    expect([w.state.seq, w.decision('p1')?.seq]).toEqual([1, 1]);
    w.restore('p1');
    expect(w.state.seq).toBe(2);
  });
  it('grows when a record is forgotten', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    w.remove('p1');
    expect(w.state.seq).toBe(2);
  });
  it('is the same for all records of one step', () => {
    const w = world();
    w.evaluations(2, w.bad('p1', 'p2'));
    expect([w.decision('p1')?.seq, w.decision('p2')?.seq]).toEqual([1, 1]);
  });
});

describe('an event for something that is not there changes nothing', () => {
  it('a judgement of a breaker that the policy does not have', () => {
    const w = world();
    const { enforced, breakers } = w.state;
    w.step({
      kind: 'judgement',
      breaker: 'stranger',
      judgement: { kind: 'judged', verdicts: new Map() },
      baseline: { agreements: 0 },
      evaluatedAtMs: w.now,
      lookbackMs: 0,
    });
    expect([w.state.enforced, w.state.breakers]).toEqual([enforced, breakers]);
  });
  const accuse = (w: World, name: string): void => {
    const verdict = { kind: 'anomalous', severity: 9, value: 9, bound: 5, reason: '' } as const;
    for (let turn = 0; turn < 3; turn++) {
      w.step({
        kind: 'judgement',
        breaker: 'errors',
        judgement: { kind: 'judged', verdicts: new Map([[backendId(name), verdict]]) },
        baseline: { agreements: 0 },
        evaluatedAtMs: w.now,
        lookbackMs: 0,
      });
    }
  };
  it('a verdict on a backend that is not in the fleet, or not ready', () => {
    const w = world();
    w.change('p1', { ready: false });
    accuse(w, 'stranger');
    accuse(w, 'p1');
    expect(w.state.enforced.decisions.size).toBe(0);
  });
  it('a verdict on one that is out already', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    const before = w.decision('p1');
    accuse(w, 'p1');
    expect(w.decision('p1')).toEqual(before);
  });
});

it('does not remember what it need not: nothing grows while nothing happens', () => {
  const w = world({ policy: policyOf({ breakers: [wave('a'), wave('b')] }) });
  const size = () => JSON.stringify(w.state, (_, value: unknown) => (value instanceof Map ? [...value] : value)).length;
  w.evaluations(20, w.bad(), 'a');
  w.evaluations(20, w.bad(), 'b');
  const before = size();
  w.evaluations(500, w.bad(), 'a');
  w.evaluations(500, w.bad(), 'b');
  expect(size()).toBeLessThan(before + 50);
});
