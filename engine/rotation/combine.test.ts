import { describe, expect, it } from 'vitest';
import { breakerOf, policyOf, type PolicyChange, type World, world } from '../../test/support/world.ts';

const slow = breakerOf({
  name: 'slow',
  detector: { kind: 'threshold', query: 'seconds', operator: '>', value: 5 },
  confirm: { of: 1, atLeast: 1 },
});
const both = [breakerOf(), slow];
const policy = (change: PolicyChange = {}) => policyOf({ combine: 'All', breakers: both, ...change });

/** Both breakers look, each a period later. */
function look(w: World, errors: readonly string[], seconds: readonly string[], rounds = 1): void {
  for (let round = 0; round < rounds; round++) {
    w.evaluateNow(w.bad(...seconds), 'slow');
    w.evaluate(w.bad(...errors), 'errors');
  }
}
/** p1 is out by both; after its time it probes. */
function probing(change: PolicyChange = {}): World {
  const w = world({ policy: policy(change) });
  look(w, ['p1'], ['p1'], 2);
  w.pass(30_000);
  return w;
}

describe('combine: All, a new ejection', () => {
  it('needs every breaker, each confirmed by itself', () => {
    const [all, any] = [world({ policy: policy() }), world({ policy: policy({ combine: 'Any' }) })];
    for (const w of [all, any]) look(w, ['p1'], ['p2'], 5);
    expect([all.out(), any.out()]).toEqual([[], ['p1', 'p2']]);
    look(all, ['p1'], ['p1']);
    expect(all.out()).toEqual(['p1']);
  });
  it('does not happen while one has not confirmed', () => {
    const w = world({ policy: policy() });
    look(w, ['p1'], ['p1']);
    expect([w.out(), w.held('p1')]).toEqual([[], undefined]);
    look(w, ['p1'], ['p1']);
    expect(w.out()).toEqual(['p1']);
  });
  it.each([
    ['has no data', 'NaN'],
    ['is confused', 'histogram'],
  ] as const)('nor while one %s', (_, value) => {
    const w = world({ policy: policy() });
    for (let round = 0; round < 5; round++) {
      w.evaluateNow(w.all(0, { p1: value }), 'slow');
      w.evaluate(w.bad('p1'), 'errors');
    }
    expect(w.out()).toEqual([]);
  });
  it('nor when the word of one is old', () => {
    const w = world({ policy: policy() });
    w.evaluate(w.bad('p1'), 'slow');
    w.pass(60_000);
    w.evaluations(3, w.bad('p1'), 'errors');
    expect(w.out()).toEqual([]);
  });
  it('names all of them, the worst first, with what each found', () => {
    const w = world({ policy: policy() });
    for (let round = 0; round < 2; round++) {
      w.evaluateNow(w.all(0, { p1: 50 }), 'slow');
      w.evaluate(w.bad('p1'), 'errors');
    }
    expect(w.decision('p1')?.cause).toMatchObject({
      breaker: 'slow',
      value: 50,
      agreed: [{ breaker: 'errors', value: 9, bound: 5, reason: 'value 9 > 5' }],
    });
  });
  it('is held by what holds any of them', () => {
    const w = world({ policy: policy({ settle: 3 }) });
    w.evaluations(4, w.bad(), 'errors');
    look(w, ['p1'], ['p1'], 2);
    expect([w.out(), w.held('p1')]).toEqual([[], 'settling']);
  });
  it('of one breaker is that of the breaker; observing ones are not asked', () => {
    const w = world({ policy: policy({ breakers: [breakerOf(), { ...slow, enforcement: 'Observe' }] }) });
    look(w, ['p1'], ['p2'], 2);
    expect([w.out(), w.out('shadow')]).toEqual([['p1'], ['p2']]);
  });
  it('an anomaly to one of them still counts for holdAbovePercent', () => {
    const w = world({ policy: policy() });
    look(w, ['p1', 'p2', 'p3', 'p4'], ['p1'], 2);
    expect([w.out(), w.held('p1')]).toEqual([[], 'hold-above']);
  });
});

describe('combine: All, on the way back', () => {
  it('it goes out again when all find it anomalous, once', () => {
    const w = probing();
    look(w, ['p1'], ['p1'], 2);
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1, cause: { agreed: [{}] } });
  });
  it('it goes up when one finds it normal, so that nobody stays at a trickle for a fault it may have', () => {
    const w = probing();
    look(w, [], ['p1'], 8);
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('it does neither without evidence', () => {
    const w = probing();
    for (let round = 0; round < 8; round++) {
      w.evaluateNow(w.bad('p1'), 'slow');
      w.evaluate(w.all('NaN'), 'errors');
    }
    expect(w.decision('p1')).toMatchObject({ state: 'probing', retries: 0 });
  });
  it('strikes are forgotten after enough time in which one or the other finds it normal', () => {
    const w = probing({ activator: { resetAfterMs: 60_000 } });
    look(w, [], ['p1'], 8);
    expect(w.decision('p1')?.state).toBe('serving');
    look(w, [], ['p1'], 12);
    expect(w.decision('p1')).toBeUndefined();
  });
});

describe('an edit of the policy', () => {
  it('that removes one of those who agreed: the other still says so, and acquits', () => {
    const w = probing();
    w.policy(policyOf({ breakers: [breakerOf()] }));
    expect(w.decision('p1')).toMatchObject({ state: 'probing', returning: { kind: 'evidence' } });
    w.evaluations(8, w.bad(), 'errors');
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('that removes all of them: it comes back by time', () => {
    const w = probing();
    w.policy(policyOf({ breakers: [breakerOf({ name: 'other' })] }));
    expect(w.decision('p1')?.returning).toEqual({ kind: 'time', note: 'breaker-removed' });
  });
});
