import { describe, expect, it } from 'vitest';
import { breakerOf, policyOf, type Values, world } from '../../test/support/world.ts';

/** One evaluation a letter: anomalous, normal, silent, error, unusable. */
function outAfter(letters: string, change: Parameters<typeof breakerOf>[0] = {}): boolean {
  const w = world({ policy: policyOf({ breakers: [breakerOf(change)] }) });
  const values: Readonly<Record<string, Values | { kind: 'unusable'; reason: string }>> = {
    a: w.bad('p3'),
    n: w.bad(),
    s: w.all(0, { p3: undefined }),
    e: w.all(0, { p3: 'histogram' }),
    u: { kind: 'unusable', reason: 'timeout' },
  };
  for (const letter of letters) w.evaluate(values[letter] ?? {});
  return w.out().includes('p3');
}

describe('a fault is confirmed by atLeast of the last `of` evaluations', () => {
  it.each([
    ['a', false],
    ['aa', true],
    ['ana', true],
    ['anna', false],
    ['annana', true],
  ])('2 of 3: %s', (letters, expected) => expect(outAfter(letters)).toBe(expected));

  it.each([
    ['aaa', false],
    ['aaaa', true],
    ['aanaa', true],
    ['aannaa', false],
  ])('4 of 5: %s', (letters, expected) => {
    expect(outAfter(letters, { confirm: { of: 5, atLeast: 4 } })).toBe(expected);
  });
  it('1 of 1 acts at once', () => {
    expect(outAfter('a', { confirm: { of: 1, atLeast: 1 } })).toBe(true);
  });
});

describe('what says nothing changes nothing', () => {
  it.each(['asa', 'aea', 'aua', 'asssa', 'auuua'])('%s confirms', (letters) => expect(outAfter(letters)).toBe(true));
  it.each(['as', 'ae', 'au', 's', 'e', 'u'])('%s does not', (letters) => expect(outAfter(letters)).toBe(false));
});

describe('onNoData: Healthy', () => {
  it('silence clears the streak', () => {
    expect(outAfter('asa', { onNoData: 'Healthy' })).toBe(false);
  });
  it('errors and failed queries do not', () => {
    expect(outAfter('aea', { onNoData: 'Healthy' })).toBe(true);
    expect(outAfter('aua', { onNoData: 'Healthy' })).toBe(true);
  });
});

it('an anomaly from before a long silence does not confirm one after it', () => {
  const w = world();
  w.evaluate(w.bad('p3'));
  w.pass(30_000);
  w.evaluate(w.bad('p3'));
  expect(w.out()).toEqual([]);
  w.evaluate(w.bad('p3'));
  expect(w.out()).toEqual(['p3']);
});

it('every backend has its own streak', () => {
  const w = world();
  w.evaluate(w.bad('p1'));
  w.evaluate(w.bad('p2'));
  w.evaluate(w.bad());
  expect(w.out()).toEqual([]);
});

it('the decision explains itself', () => {
  const w = world({ context: { epoch: 7 } });
  w.evaluations(2, w.bad('p3'));
  expect(w.decision('p3')).toEqual({
    backend: 'p3',
    name: 'p3',
    state: 'ejected',
    sinceMs: w.now,
    durationMs: expect.any(Number) as number,
    outSinceMs: w.now,
    evidenceFromMs: w.now,
    step: 0,
    retries: 0,
    healthyMs: 0,
    minWeight: 0,
    starvedMs: 0,
    starved: false,
    closed: false,
    cause: {
      kind: 'breaker',
      breaker: 'errors',
      severity: 1.8,
      value: 9,
      bound: 5,
      reason: 'value 9 > 5',
      query: 'errors',
      lookbackMs: 5_000,
      streak: { anomalous: 2, of: 2 },
      budget: '0 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)',
    },
    returning: { kind: 'evidence' },
    epoch: 7,
    seq: w.state.seq,
  });
  expect(w.effects).toEqual([
    {
      kind: 'transition',
      track: 'enforced',
      backend: 'p3',
      name: 'p3',
      from: 'serving',
      to: 'ejected',
      why: 'anomalous',
      decision: w.decision('p3'),
    },
  ]);
});
