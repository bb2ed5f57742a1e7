/** Return by evidence where events are counted: a trickle adds up until it can be judged. */
import { describe, expect, it } from 'vitest';
import { breakerOf, countsOf, policyOf, type World, world } from '../../test/support/world.ts';
import type { Evidence } from '../breakers/judge.ts';
import { backendId } from '../model.ts';
import { fromRecord, toRecord } from './record.ts';

const ratio = breakerOf({
  name: 'ratio',
  detector: { kind: 'ratio', bad: 'b', total: 't', minRequests: 30, minBad: 5, sensitivity: 0.005 },
  evaluationPeriodMs: 10_000,
  lookbackMs: 60_000,
});
const policy = policyOf({ breakers: [ratio] });

/** 200 good requests for each peer; p1 has these. */
const seen = (bad: number, total: number): Evidence =>
  countsOf({ p1: [bad, total], ...Object.fromEntries(['p2', 'p3', 'p4', 'p5', 'p6'].map((p) => [p, [0, 200]])) });

/** p1 went out for errors, and has just begun to probe. */
function probing(): World {
  const w = world({ policy });
  w.evaluations(2, seen(50, 200));
  w.pass(30_000);
  expect(w.stateOf('p1')).toBe('probing');
  return w;
}
const trialOf = (w: World) => w.state.breakers.get('ratio')?.trials.get(backendId('p1'));

describe('a probe that gets ten requests a minute', () => {
  it('is back, where each window alone has too few to be judged', () => {
    const w = probing();
    w.evaluations(30, seen(0, 10));
    expect(w.stateOf('p1')).toBe('probing');
    w.evaluations(40, seen(0, 10));
    expect(w.stateOf('p1')).toBe('ramping');
    w.evaluations(200, seen(0, 10));
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('is out again after a few that fail', () => {
    const w = probing();
    w.evaluations(7, seen(3, 10));
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1 });
  });
  it('is told how far it is', () => {
    const w = probing();
    w.evaluations(20, seen(0, 10));
    expect(w.state.breakers.get('ratio')?.last?.verdicts.get(backendId('p1'))).toMatchObject({
      kind: 'insufficient',
      reason: expect.stringMatching(/^30 of about 58 requests since it probes, 0 bad/),
    });
  });
  it('is counted by windows from after its step began only, each once', () => {
    const w = probing();
    w.evaluations(5, seen(0, 10));
    expect(trialOf(w)).toMatchObject({ total: 0 });
    w.evaluations(7, seen(0, 10));
    expect(trialOf(w)).toMatchObject({ total: 20, isProbe: true });
  });
  it('is counted anew at each step', () => {
    const w = probing();
    while (w.stateOf('p1') === 'probing') w.evaluate(seen(0, 20));
    w.evaluations(7, seen(0, 10));
    expect(trialOf(w)).toMatchObject({ total: 10, isProbe: false, sinceMs: w.decision('p1')?.evidenceFromMs });
  });
  it('is counted anew after its container restarted', () => {
    const w = probing();
    w.evaluations(13, seen(0, 10));
    w.change('p1', { incarnation: 'a' });
    w.change('p1', { incarnation: 'b' });
    w.evaluations(7, seen(0, 10));
    expect(trialOf(w)).toMatchObject({ total: 10 });
  });
  it('keeps what was counted through an outage of the metrics', () => {
    const w = probing();
    w.evaluations(13, seen(0, 10));
    w.evaluations(30, { kind: 'unusable', reason: 'timeout' });
    w.evaluations(9, countsOf({}));
    expect(trialOf(w)).toMatchObject({ total: 20 });
  });
  it('is not kept waiting by a clock that was ahead', () => {
    const w = probing();
    const now = w.now;
    w.setClock(now + 3_600_000);
    w.evaluateNow(seen(0, 10));
    w.setClock(now + 60_000);
    w.evaluations(7, seen(0, 10));
    expect(trialOf(w)).toMatchObject({ total: 10 });
  });
});

it('after a start of ours counting begins anew, with nothing of before', () => {
  const w = probing();
  w.evaluations(13, seen(0, 10));
  const restarted = fromRecord(JSON.parse(JSON.stringify(toRecord(w.state, 1))), w.state.fleet);
  expect(restarted.enforced.decisions.get(backendId('p1'))?.state).toBe('probing');
  expect([...(restarted.breakers.get('ratio')?.trials ?? [])]).toEqual([]);
});
