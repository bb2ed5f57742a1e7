import { describe, expect, it } from 'vitest';
import { breakerOf, evidenceOf, policyOf, type World, type WorldOptions, world } from '../../test/support/world.ts';
import { type ActivatorPolicy } from '../policy/policy.ts';
import { backendId } from '../model.ts';
import { sentence, timeOutMs, unitHash } from './activator.ts';

const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 'seconds', operator: '>', value: 5 } });

/** p1 is out; after its time it probes. */
function ejected(options: WorldOptions = {}): World {
  const w = world(options);
  w.evaluations(2, w.bad('p1'));
  return w;
}
function probing(options: WorldOptions = {}): World {
  const w = ejected(options);
  w.pass(30_000);
  return w;
}
/** Sends p1 out again `times` times. */
function again(w: World, times: number): void {
  for (let time = 0; time < times; time++) {
    w.pass(1_800_000);
    w.evaluate(w.bad('p1'));
  }
}

describe('with two windows', () => {
  const detector = { kind: 'threshold', query: 'short', longQuery: 'long', operator: '>', value: 5 } as const;
  const policy = policyOf({
    breakers: [breakerOf({ detector, lookbackMs: 600_000, suspectLookbackMs: 5_000 })],
  });
  /** p1 is out, and probes while its long window is still full of what it went out for. */
  const probing = (): World => {
    const w = world({ policy });
    const both = { ...evidenceOf(w.bad('p1')), long: evidenceOf(w.bad('p1')).samples };
    w.evaluations(2, both);
    w.pass(30_000);
    return w;
  };
  it('it steps up by the short one: the long one would take ten minutes for each step', () => {
    const w = probing();
    w.evaluations(8, { ...evidenceOf(w.bad()), long: evidenceOf(w.bad('p1')).samples });
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('it steps up though its long window still reaches back into its warm-up', () => {
    const w = world({ policy: { ...policy, warmUpMs: 60_000 } });
    w.change('p1', { readySinceMs: w.now - 700_000 });
    const both = { ...evidenceOf(w.bad('p1')), long: evidenceOf(w.bad('p1')).samples };
    w.evaluations(2, both);
    w.change('p1', { readySinceMs: w.now - 100_000 });
    w.pass(30_000);
    w.evaluations(8, { ...evidenceOf(w.bad()), long: evidenceOf(w.bad('p1')).samples });
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('it goes out again by the short one alone', () => {
    const w = probing();
    w.evaluations(2, { ...evidenceOf(w.bad('p1')), long: evidenceOf(w.bad()).samples });
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1, cause: { lookbackMs: 5_000 } });
  });
  it('samples of the short window from before the step are no evidence', () => {
    const w = probing();
    w.evaluateNow(w.bad('p1'));
    expect(w.stateOf('p1')).toBe('probing');
  });
  it('once it serves, it is judged by both again, over samples from since then', () => {
    const w = probing();
    w.evaluations(8, w.bad());
    const both = { ...evidenceOf(w.bad('p1')), long: evidenceOf(w.bad('p1')).samples };
    w.evaluations(60, both);
    expect(w.stateOf('p1')).toBe('serving');
    w.evaluations(61, both);
    expect(w.stateOf('p1')).toBe('ejected');
  });
});

describe('time out', () => {
  const activator: ActivatorPolicy = policyOf().activator;
  const cap = 1_800_000;
  const times = (retries: number) =>
    Array.from({ length: 200 }, (_, seq) => timeOutMs(activator, retries, backendId('p1'), seq, cap));

  it.each([
    [0, 30_000],
    [1, 30_000],
    [2, 60_000],
    [5, 150_000],
    [1_000, cap],
  ])('after %d retries lies in d/2..d of %d ms, and all over it', (retries, d) => {
    const all = times(retries);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(d / 2);
    expect(Math.max(...all)).toBeLessThanOrEqual(d);
    expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(d * 0.45);
  });
  it('is the same for the same backend and seq, and spread over backends', () => {
    expect(timeOutMs(activator, 1, backendId('p1'), 7, cap)).toBe(timeOutMs(activator, 1, backendId('p1'), 7, cap));
    const spread = new Set(Array.from({ length: 50 }, (_, i) => timeOutMs(activator, 1, backendId(`p${i}`), 7, cap)));
    expect(spread.size).toBeGreaterThan(45);
  });
  it('the hash is even enough', () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 10_000; i++) {
      const tenth = Math.floor(unitHash(`backend-${i}#${i}`) * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(Math.min(...tenths)).toBeGreaterThan(850);
    expect(Math.max(...tenths)).toBeLessThan(1150);
  });
  it('is served without traffic; then it probes with the first weight', () => {
    const w = ejected();
    expect(w.served()['p1']).toBe('DRAINING');
    w.pass(14_999);
    expect(w.stateOf('p1')).toBe('ejected');
    w.pass(15_001);
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['probing', '5']);
  });
});

describe('the ramp', () => {
  it('goes up one step with one normal verdict each, at the pace of stepPeriod', () => {
    const w = probing();
    w.pass(10_000);
    const weights: (string | undefined)[] = [];
    for (let evaluation = 0; evaluation < 6; evaluation++) {
      w.evaluate(w.bad());
      weights.push(w.served()['p1']);
    }
    expect(weights).toEqual(['25', '25', '50', '50', '100', '100']);
    expect([w.stateOf('p1'), w.out()]).toEqual(['serving', []]);
  });
  it('needs samples that lie wholly after the step began', () => {
    const w = probing({ policy: policyOf({ breakers: [breakerOf({ lookbackMs: 22_000 })] }) });
    w.evaluations(8, w.bad());
    const began = w.decision('p1')?.sinceMs ?? 0;
    expect(w.decision('p1')).toMatchObject({ state: 'ramping', step: 1 });
    while (w.decision('p1')?.step === 1) w.evaluate(w.bad());
    expect(w.now - began).toBeGreaterThanOrEqual(22_000);
    expect(w.now - began).toBeLessThan(22_000 + 5_000);
  });
  it('older samples do not send it out again either', () => {
    const w = ejected({ policy: policyOf({ breakers: [breakerOf({ lookbackMs: 60_000 })] }) });
    w.pass(30_000);
    w.evaluate(w.bad('p1'));
    expect(w.stateOf('p1')).toBe('probing');
    expect(w.state.breakers.get('errors')?.last?.verdicts.get(backendId('p1'))).toEqual({
      kind: 'insufficient',
      reason: 'the samples reach back before its present state',
    });
  });
  it.each([
    ['silence', undefined],
    ['an error', 'histogram'],
    ['NaN', 'NaN'],
  ] as const)('does not go up for %s', (_, value) => {
    const w = probing();
    w.evaluations(20, w.all(0, { p1: value }));
    expect([w.stateOf('p1'), w.decision('p1')?.step]).toEqual(['probing', 0]);
  });
  it('does not go up for failed queries, nor for silence that counts as health', () => {
    const w = probing({ policy: policyOf({ breakers: [breakerOf({ onNoData: 'Healthy' })] }) });
    w.evaluations(20, { kind: 'unusable', reason: 'timeout' });
    w.evaluations(20, w.all(0, { p1: undefined }));
    expect(w.stateOf('p1')).toBe('probing');
  });
  it('needs the word of the breaker that ejected it', () => {
    const w = probing({ policy: policyOf({ breakers: [breakerOf(), slow] }) });
    w.evaluations(9, w.bad(), 'slow');
    expect(w.stateOf('p1')).toBe('probing');
    w.evaluate(w.bad(), 'errors');
    expect(w.stateOf('p1')).toBe('ramping');
  });
  it('waits while another one finds it anomalous and may not act', () => {
    const w = probing({ policy: policyOf({ breakers: [breakerOf(), slow] }) });
    w.pass(10_000);
    w.context = { ...w.context, canReduce: false };
    w.evaluate(w.bad('p1'), 'slow');
    w.evaluateNow(w.bad(), 'errors');
    expect([w.stateOf('p1'), w.decision('p1')?.step, w.held('p1')]).toEqual(['probing', 0, 'store-down']);
  });
  it('of [100] probes at full weight and still waits for a verdict', () => {
    const w = probing({ policy: policyOf({ activator: { ramp: { weights: [100], stepPeriodMs: 10_000 } } }) });
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['probing', '100']);
    w.evaluations(3, w.bad());
    expect(w.stateOf('p1')).toBe('serving');
  });
});

describe('anomalous again', () => {
  it('is out again at once, with a strike, without budget or velocity', () => {
    const w = probing({ policy: policyOf({ budget: { velocity: { count: 1, percent: 0 } } }) });
    w.change('p5', { ready: false });
    w.change('p6', { ready: false });
    w.evaluate(w.bad('p1'));
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1, outSinceMs: w.now });
  });
  it('on the word of any enforcing breaker', () => {
    const w = probing({ policy: policyOf({ breakers: [breakerOf(), slow] }) });
    w.evaluate(w.bad('p1'), 'slow');
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1, cause: { breaker: 'slow' } });
  });
  it('not on the word of an observing one', () => {
    const w = probing({ policy: policyOf({ breakers: [breakerOf(), { ...slow, enforcement: 'Observe' }] }) });
    w.evaluate(w.bad('p1'), 'slow');
    expect(w.stateOf('p1')).toBe('probing');
  });
  it('not while it cannot be written down', () => {
    const w = probing();
    w.context = { ...w.context, canReduce: false };
    w.evaluate(w.bad('p1'));
    expect([w.stateOf('p1'), w.held('p1')]).toEqual(['probing', 'store-down']);
  });
  it('is held while a guard forbids it, and that is told once, however many breakers say it', () => {
    const w = probing({ policy: policyOf({ breakers: [breakerOf(), slow] }) });
    w.context = { ...w.context, canReduce: false };
    w.forgetEffects();
    for (let turn = 0; turn < 4; turn++) {
      w.evaluate(w.bad('p1'), 'errors');
      w.evaluateNow(w.all(0, { p1: 8 }), 'slow');
    }
    expect(w.effects.filter(({ kind }) => kind === 'held')).toHaveLength(1);
    expect(w.held('p1')).toBe('store-down');
    w.evaluate(w.bad(), 'errors');
    w.evaluateNow(w.bad(), 'slow');
    expect(w.held('p1')).toBeUndefined();
  });
});

describe('retries', () => {
  it.each([
    ['periodic', 9, 'ejected'],
    ['retryAndPause', 3, 'ejected'],
    ['retryAndPause', 4, 'paused'],
    ['retryAndKill', 3, 'ejected'],
    ['retryAndKill', 4, 'evicted'],
  ] as const)('%s: the %d. leads to %s', (mode, retries, to) => {
    expect(sentence({ ...policyOf().activator, mode }, retries)).toBe(to);
  });
  it('periodic: goes on for ever', () => {
    const w = ejected();
    again(w, 12);
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 12 });
  });
  it('retryAndPause: stays out after maxRetryCount, until a person restores it', () => {
    const w = ejected({ policy: policyOf({ activator: { mode: 'retryAndPause', maxRetryCount: 2 } }) });
    again(w, 3);
    expect(w.decision('p1')).toMatchObject({ state: 'paused', retries: 3 });
    w.pass(100 * 3_600_000);
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['paused', 'DRAINING']);
    w.restore('p1');
    expect(w.served()['p1']).toBe('100');
  });
  it('retryAndKill: asks for eviction once, and stays out', () => {
    const w = ejected({ policy: policyOf({ activator: { mode: 'retryAndKill', maxRetryCount: 0 } }) });
    again(w, 1);
    w.pass(3_600_000);
    expect([w.stateOf('p1'), w.served()['p1']]).toEqual(['evicted', 'DRAINING']);
    expect(w.effects.filter(({ kind }) => kind === 'evict')).toHaveLength(1);
  });
  it('a serving backend takes up its strikes where it left them', () => {
    const w = probing();
    w.evaluate(w.bad('p1'));
    w.pass(30_000);
    w.evaluations(12, w.bad());
    expect(w.decision('p1')).toMatchObject({ state: 'serving', retries: 1 });
    w.evaluations(2, w.bad('p1'));
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 2 });
  });
});

describe('maxPauseCount', () => {
  const pausing = (maxPauseCount: number) =>
    world({
      fleet: 20,
      policy: policyOf({
        activator: { mode: 'retryAndPause', maxRetryCount: 0, maxPauseCount },
        budget: { holdAbovePercent: 100 },
      }),
    });
  const twiceBad = (w: World, name: string) => {
    w.evaluations(2, w.bad(name));
    w.pass(30_000);
    w.evaluate(w.bad(name));
  };

  it('more paused than that: the oldest is evicted', () => {
    const w = pausing(1);
    twiceBad(w, 'p1');
    twiceBad(w, 'p2');
    expect([w.stateOf('p1'), w.stateOf('p2')]).toEqual(['evicted', 'paused']);
    expect(w.effects.filter(({ kind }) => kind === 'evict')).toMatchObject([{ decision: { backend: 'p1' } }]);
  });
  it('of zero evicts at once', () => {
    const w = pausing(0);
    twiceBad(w, 'p1');
    expect(w.stateOf('p1')).toBe('evicted');
  });
  it('does not count, nor evict, what a person paused', () => {
    const w = pausing(1);
    w.eject('p9', { verb: 'pause', forMs: 14_400_000 });
    twiceBad(w, 'p1');
    expect([w.stateOf('p9'), w.stateOf('p1')]).toEqual(['paused', 'paused']);
  });
});

describe('resetAfter', () => {
  /** p1 serves again, with one strike. */
  function back(options: WorldOptions = {}): World {
    const w = probing({
      policy: policyOf({ activator: { resetAfterMs: 60_000, ramp: { weights: [5, 100], stepPeriodMs: 1_000 } } }),
      ...options,
    });
    w.evaluate(w.bad('p1'));
    w.pass(30_000);
    w.evaluate(w.bad());
    expect(w.decision('p1')).toMatchObject({ state: 'serving', retries: 1, healthyMs: 0 });
    return w;
  }
  const strikes = (w: World) => w.decision('p1')?.retries;

  it('strikes are forgotten after that much judged health', () => {
    const w = back();
    w.evaluations(11, w.bad());
    expect(strikes(w)).toBe(1);
    w.evaluate(w.bad());
    expect(w.decision('p1')).toBeUndefined();
  });
  it('time without verdicts heals nothing', () => {
    const w = back();
    w.evaluations(11, w.bad());
    w.pass(3_600_000);
    w.evaluations(20, w.all(0, { p1: undefined }));
    w.evaluations(20, { kind: 'unusable', reason: 'timeout' });
    expect(strikes(w)).toBe(1);
  });
  it('an anomaly begins it anew, whichever breaker saw it', () => {
    const ramp = { weights: [5, 100], stepPeriodMs: 1_000 };
    const policy = policyOf({ breakers: [breakerOf(), slow], activator: { resetAfterMs: 60_000, ramp } });
    const w = back({ policy });
    w.evaluations(11, w.bad(), 'errors');
    w.evaluateNow(w.bad('p1'), 'slow');
    w.evaluations(11, w.bad(), 'errors');
    expect(strikes(w)).toBe(1);
    w.evaluate(w.bad(), 'errors');
    expect(strikes(w)).toBeUndefined();
  });
  it('counts the time of one breaker, not of all together', () => {
    const ramp = { weights: [5, 100], stepPeriodMs: 1_000 };
    const policy = policyOf({ breakers: [breakerOf(), slow], activator: { resetAfterMs: 60_000, ramp } });
    const w = world({ policy });
    w.eject('p1', { forMs: 10_000 });
    w.pass(10_000);
    w.evaluations(2, w.bad());
    expect(w.decision('p1')).toMatchObject({ state: 'serving' });
    for (let turn = 0; turn < 8; turn++) {
      w.evaluate(w.bad(), 'errors');
      w.evaluateNow(w.bad(), 'slow');
    }
    expect(w.decision('p1')).toBeDefined();
  });
});
