/** Probes that get too little: how much they get at first, and what becomes of them when it is not enough. */
import { describe, expect, it } from 'vitest';
import { breakerOf, countsOf, decisionOf, fleetOf, policyOf, type World, world } from '../../test/support/world.ts';
import type { Evidence } from '../breakers/judge.ts';
import { backendId } from '../model.ts';
import type { ActivatorPolicy } from '../policy/policy.ts';
import type { Decision } from './decision.ts';
import { fromRecord, toRecord } from './record.ts';
import { initialState } from './state.ts';

const ratio = breakerOf({
  name: 'ratio',
  detector: { kind: 'ratio', bad: 'b', total: 't', minRequests: 30, minBad: 5, sensitivity: 0.005 },
  evaluationPeriodMs: 10_000,
  lookbackMs: 10_000,
});

/** Each peer has that many good requests in a window, p1 these. */
const seen = (own: readonly [number, number], each: number): Evidence =>
  countsOf({ p1: own, ...Object.fromEntries(['p2', 'p3', 'p4', 'p5', 'p6'].map((p) => [p, [0, each]])) });

function probing(each: number, activator: Partial<ActivatorPolicy> = {}, breaker = ratio): World {
  const w = world({ policy: policyOf({ breakers: [breaker], activator }) });
  w.evaluations(2, seen([each / 2, each], each));
  w.pass(30_000);
  expect(w.stateOf('p1')).toBe('probing');
  return w;
}
const weight = (w: World) => w.served()['p1'];

describe('the weight of a probe', () => {
  it.each([
    [10_000, '5'],
    [400, '5'],
    [300, '7'],
    [100, '20'],
    [60, '25'],
  ])('of peers with %d requests in a window is %s %%', (each, percent) => {
    expect(weight(probing(each))).toBe(percent);
  });
  it('is never below what the ramp begins with', () => {
    const ramp = { weights: [40, 100], stepPeriodMs: 1_000 };
    expect(weight(probing(60, { ramp }))).toBe('40');
  });
  it('is what it needs for its activity, for any detector', () => {
    const policy = policyOf({ breakers: [breakerOf({ activity: { query: 'requests', min: 10 } })] });
    const w = world({ policy });
    const evidence = (bad: readonly string[]): Evidence => ({
      kind: 'samples',
      samples: countsOf(Object.fromEntries(Object.keys(w.all(0)).map((p) => [p, [bad.includes(p) ? 9 : 0, 0]])))
        .samples,
      activity: countsOf(Object.fromEntries(Object.keys(w.all(0)).map((p) => [p, [100, 0]]))).samples,
    });
    w.evaluations(2, evidence(['p1']));
    w.pass(30_000);
    expect(weight(w)).toBe('20');
  });
  it('only rises: a step of the ramp below it is left out', () => {
    const w = probing(60);
    const weights = [weight(w)];
    for (let turn = 0; turn < 40 && w.stateOf('p1') !== 'serving'; turn++) {
      w.evaluate(seen([0, 15], 60));
      if (weight(w) !== weights.at(-1)) weights.push(weight(w));
    }
    expect(weights).toEqual(['25', '50', '100']);
  });
});

describe('a probe that gets nothing while its peers are judged', () => {
  const nothing = seen([0, 0], 400);

  it('is given twice as much every five minutes, up to 25 %, and keeps what was counted of it', () => {
    const w = probing(400);
    w.evaluations(29, nothing);
    expect(weight(w)).toBe('5');
    w.evaluate(seen([0, 20], 400));
    expect([weight(w), w.stateOf('p1'), w.decision('p1')?.step]).toEqual(['10', 'probing', 0]);
    const { sinceMs } = w.decision('p1') ?? {};
    w.evaluations(30, nothing);
    expect(weight(w)).toBe('20');
    w.evaluations(30, nothing);
    expect([weight(w), w.decision('p1')?.sinceMs]).toEqual(['25', sinceMs]);
    expect(w.state.breakers.get('ratio')?.trials.get(backendId('p1'))).toMatchObject({ total: 20 });
    w.evaluations(300, nothing);
    expect([weight(w), w.stateOf('p1')]).toEqual(['25', 'probing']);
  });
  it('has patience for five windows, where these are longer', () => {
    const w = probing(400, {}, { ...ratio, lookbackMs: 120_000 });
    // The first is whole after two minutes.
    w.evaluations(70, nothing);
    expect(weight(w)).toBe('5');
    w.evaluate(nothing);
    expect(weight(w)).toBe('10');
  });
  it.each<readonly [string, Evidence]>([
    ['while nobody is judged: nobody has traffic', seen([0, 0], 0)],
    ['while the query finds nobody', countsOf({})],
    ['while the query fails', { kind: 'unusable', reason: 'timeout' }],
    ['for an error, which more traffic does not mend', seen([9, 2], 400)],
  ])('does not starve %s', (_, evidence) => {
    const w = probing(400);
    w.evaluations(200, evidence);
    expect([weight(w), w.decision('p1')?.starvedMs]).toEqual(['5', 0]);
  });
  it('begins to count anew with each verdict', () => {
    const w = probing(400, { ramp: { weights: [5, 100], stepPeriodMs: 3_600_000 } });
    w.evaluations(29, nothing);
    w.evaluations(3, seen([0, 100], 400));
    expect(w.decision('p1')).toMatchObject({ state: 'probing', starvedMs: 0 });
  });
});

describe('onStarved', () => {
  /** At 25 %, and five minutes later. */
  function starved(activator: Partial<ActivatorPolicy>): World {
    const w = probing(60, activator);
    expect(weight(w)).toBe('25');
    w.evaluations(30, seen([0, 0], 60));
    return w;
  }

  it('Hold: it stays, is told once, and goes on when it can be judged', () => {
    const w = starved({});
    w.evaluations(90, seen([0, 0], 60));
    expect(w.decision('p1')).toMatchObject({ state: 'probing', starved: true });
    expect(w.effects.filter((effect) => effect.kind === 'transition' && effect.why === 'starved')).toHaveLength(1);
    w.evaluations(4, seen([0, 15], 60));
    expect(w.decision('p1')).toMatchObject({ state: 'ramping', starved: false, starvedMs: 0 });
  });
  it('Restore: it returns by time, and keeps its strikes', () => {
    const w = starved({ onStarved: 'Restore' });
    expect(w.decision('p1')).toMatchObject({ state: 'ramping', returning: { kind: 'time', note: 'starved' } });
    w.pass(10_000);
    expect(w.decision('p1')).toMatchObject({ state: 'serving' });
  });
  it('Restore: an anomaly still sends it out', () => {
    const w = starved({ onStarved: 'Restore', ramp: { weights: [5, 25, 50, 100], stepPeriodMs: 60_000 } });
    w.evaluations(2, seen([40, 60], 60));
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1 });
  });
  it('Pause: it is out until a person restores it, and is not evicted for it', () => {
    const w = starved({ onStarved: 'Pause', mode: 'retryAndPause', maxPauseCount: 0 });
    expect(w.decision('p1')).toMatchObject({ state: 'paused', starved: true, retries: 0 });
    w.policy(
      policyOf({
        breakers: [ratio],
        activator: { onStarved: 'Pause', mode: 'retryAndPause', maxPauseCount: 0, maxRetryCount: 0 },
        eject: { how: 'Drain', closeAfterMs: 1_000, then: 'Evict' },
      }),
    );
    w.pass(3_600_000);
    expect([w.stateOf('p1'), w.decision('p1')?.closed]).toEqual(['paused', true]);
    w.restore('p1');
    expect(w.decision('p1')).toMatchObject({ state: 'serving', starved: false, minWeight: 0 });
  });
  it('a process that has just begun is given its time, too', () => {
    const w = probing(60, { onStarved: 'Pause' });
    w.evaluations(29, seen([0, 0], 60));
    w.change('p1', { incarnation: 'i1' });
    w.change('p1', { incarnation: 'i2' });
    w.evaluations(25, seen([0, 0], 60));
    expect(w.stateOf('p1')).toBe('probing');
  });
  it('Pause waits for a store', () => {
    const w = probing(60, { onStarved: 'Pause' });
    w.context = { ...w.context, canReduce: false };
    w.evaluations(40, seen([0, 0], 60));
    expect(w.decision('p1')).toMatchObject({ state: 'probing', starved: true });
    w.context = { ...w.context, canReduce: true };
    w.evaluate(seen([0, 0], 60));
    expect(w.stateOf('p1')).toBe('paused');
  });
});

describe('on record', () => {
  const loaded = (decision: Decision | Omit<Decision, 'minWeight' | 'starvedMs' | 'starved'>) => {
    const state = {
      ...initialState(fleetOf(3)),
      enforced: {
        ...initialState(fleetOf(3)).enforced,
        decisions: new Map([[decision.backend, decision as Decision]]),
      },
    };
    return fromRecord(JSON.parse(JSON.stringify(toRecord(state, 1))), state.fleet).enforced.decisions.get(
      decision.backend,
    );
  };
  it('a raised weight survives a start of ours', () => {
    const w = probing(60);
    const after = fromRecord(JSON.parse(JSON.stringify(toRecord(w.state, 1))), w.state.fleet);
    expect(after.enforced.decisions.get(backendId('p1'))).toEqual(w.decision('p1'));
  });
  it('a record of an older version has none', () => {
    const { minWeight: _, starvedMs: _ms, starved: _is, ...old } = decisionOf('p1', 'probing');
    expect(loaded(old)).toMatchObject({ minWeight: 0, starvedMs: 0, starved: false });
  });
  it.each([
    [900, -5, 25, 0],
    [-1, Number.NaN, 0, 0],
  ])('a weight of %d is %d', (minWeight, starvedMs, weightThen, starvedThen) => {
    expect(loaded(decisionOf('p1', 'probing', { minWeight, starvedMs }))).toMatchObject({
      minWeight: weightThen,
      starvedMs: starvedThen,
    });
  });
});
