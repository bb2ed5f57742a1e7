import { describe, expect, it } from 'vitest';
import {
  backendOf,
  breakerOf,
  deviationOf,
  evidenceOf,
  generousBudget,
  policyOf,
  type Values,
  world,
} from '../../test/support/world.ts';
import type { BackendView } from './messages.ts';
import { serviceView } from './view.ts';

type W = ReturnType<typeof world>;

function viewOf(w: W, suspension?: { actor: string; reason: string; sinceMs: number }) {
  return serviceView(w.state, { now: w.now, suspension }, true);
}

function backend(w: W, name: string): BackendView {
  const found = viewOf(w).backends.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

describe('the summary of a Service', () => {
  it('counts each backend in its state, and terminating ones apart', () => {
    const w = world({ fleet: 6, policy: policyOf({ budget: generousBudget }) });
    w.evaluations(2, w.bad('p1'));
    w.eject('p2', { verb: 'pause' });
    w.change('p3', { terminating: true });
    w.change('p4', { ready: false });
    expect(viewOf(w).summary).toEqual({
      total: 5,
      ready: 4,
      serving: 2,
      ejected: 1,
      probing: 0,
      ramping: 0,
      paused: 1,
      evicted: 0,
      held: 0,
      wouldEject: 0,
      terminating: 1,
    });
  });

  it('shows how many may still go, as the engine counts it', () => {
    const w = world({ fleet: 6 });
    w.evaluations(2, w.bad('p1'));
    expect(viewOf(w).budget).toEqual({
      base: 6,
      floor: 3,
      maxOut: 2,
      out: 1,
      left: 1,
      text: '1 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)',
    });
  });

  it('says since when the floor is broken', () => {
    const w = world({ fleet: 6 });
    w.evaluations(2, w.bad('p1'));
    for (const name of ['p3', 'p4', 'p5', 'p6']) w.change(name, { ready: false });
    expect(viewOf(w).budget.belowFloorSinceTime).toBe(new Date(w.now).toISOString());
  });

  it('counts what observing breakers would have done as that, and as nothing else', () => {
    const w = world({ policy: policyOf({ enforcement: 'Observe' }) });
    w.evaluations(2, w.bad('p1'));
    expect(viewOf(w).summary).toMatchObject({ serving: 6, ejected: 0, wouldEject: 1 });
    expect(viewOf(w).enforcement).toBe('Observe');
    expect(backend(w, 'p1')).toMatchObject({ state: 'serving', weightPercent: 100, breaker: 'errors' });
    expect(backend(w, 'p1').reason).toBe('would be ejected: value 9 > 5');
    expect(backend(w, 'p1').shadowDecision).toMatchObject({ state: 'ejected', value: 9, bound: 5 });
  });

  it('has no policy and no breakers for a Service without one', () => {
    expect(viewOf(world({ policy: undefined }))).toMatchObject({ policy: '', enforcement: 'None', breakers: [] });
  });

  it('says that its policy is not the one in force, or that what is on record cannot be read', () => {
    const w = world();
    const problem = { code: 'KV0101', severity: 'error', file: 'p.yaml', line: 3, message: 'no such field' } as const;
    const problems = [{ about: 'policy', problem }] as const;
    const view = serviceView(w.state, { now: w.now, suspension: undefined, problems }, false);
    expect(view.problems).toEqual([{ about: 'policy', code: 'KV0101', text: 'p.yaml:3: error KV0101 no such field' }]);
    expect(view.policy).not.toBe('');
    expect(viewOf(w).problems).toEqual([]);
  });

  it('leaves the backends out where they are not asked for', () => {
    const w = world();
    expect(serviceView(w.state, { now: w.now, suspension: undefined }, false).backends).toEqual([]);
  });

  it('names the suspension of everything before its own', () => {
    const w = world();
    w.command({ verb: 'suspend', actor: 'ana', reason: 'drill' });
    const since = new Date(w.now).toISOString();
    expect(viewOf(w).suspension).toEqual({ scope: 'service', actor: 'ana', reason: 'drill', sinceTime: since });
    const everything = { actor: 'bo', reason: 'outage', sinceMs: w.now };
    expect(viewOf(w, everything).suspension).toMatchObject({ scope: 'everything', actor: 'bo' });
  });
});

describe('a breaker', () => {
  it('shows its last outcome, its baseline and how far it has settled', () => {
    const breaker = breakerOf({ name: 'price', detector: deviationOf(), activity: { query: 'calls', min: 1 } });
    const w = world({ policy: policyOf({ settle: 3, breakers: [breaker] }) });
    expect(viewOf(w).breakers[0]).toMatchObject({ outcome: 'none', evaluations: 0, settle: 3 });
    expect(viewOf(w).breakers[0]).not.toHaveProperty('baseline');
    const calls = w.all(5);
    const evaluate = (values: Values) => w.evaluate({ ...evidenceOf(values), activity: evidenceOf(calls).samples });
    for (let index = 0; index < 4; index++) evaluate(w.all(100));
    expect(viewOf(w).breakers[0]).toMatchObject({
      name: 'price',
      enforcement: 'Enforce',
      detector: 'continuousValueDeviation',
      query: 'price',
      activityQuery: 'calls',
      outcome: 'judged',
      reason: '',
      evaluations: 4,
      baseline: 100,
      normal: 6,
      anomalous: 0,
    });
    evaluate(w.all(0, { p1: 100 }));
    expect(viewOf(w).breakers[0]).toMatchObject({
      outcome: 'fleet-wide',
      reason: 'the median of 6 backends is 0',
      anomalous: 5,
    });
  });

  it('says why nothing could be judged', () => {
    const w = world();
    w.evaluate({ kind: 'unusable', reason: 'prometheus is down' });
    expect(viewOf(w).breakers[0]).toMatchObject({ outcome: 'unusable', reason: 'prometheus is down', evaluations: 0 });
    expect(backend(w, 'p1').verdicts[0]).toMatchObject({
      kind: 'none',
      reason: 'nothing could be judged: prometheus is down',
    });
  });
});

describe('a backend', () => {
  it('is sorted as people count: p2 before p10', () => {
    expect(
      viewOf(world({ fleet: 11 }))
        .backends.map(({ name }) => name)
        .slice(0, 3),
    ).toEqual(['p1', 'p2', 'p3']);
  });

  it('has all its addresses, IPv6 in brackets', () => {
    const endpoints = [
      { portName: 'http', address: '10.0.0.1', port: 8080 },
      { portName: 'http', address: 'fd00::1', port: 8080 },
    ];
    expect(backend(world({ fleet: [backendOf('p1', { endpoints })] }), 'p1').addresses).toEqual([
      '10.0.0.1:8080',
      '[fd00::1]:8080',
    ]);
  });

  it('that was ejected tells what was measured, how it was confirmed, and when it probes', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    const view = backend(w, 'p1');
    expect(view).toMatchObject({ state: 'ejected', weightPercent: 0, breaker: 'errors', value: 9, bound: 5 });
    expect(view.reason).toBe('value 9 > 5');
    expect(view.decision).toMatchObject({
      cause: 'breaker',
      query: 'errors',
      windowSeconds: 5,
      streakAnomalous: 2,
      streakOf: 2,
      budget: '0 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)',
      retries: 0,
      maxRetries: 3,
      returning: 'evidence',
      next: 'probes at 5 % of its weight',
    });
    const decision = w.decision('p1');
    expect(view.decision?.nextTime).toBe(
      new Date((decision?.sinceMs ?? 0) + (decision?.durationMs ?? 0)).toISOString(),
    );
  });

  it('that probes needs a normal verdict over samples from after the step began', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    w.pass(w.decision('p1')?.durationMs ?? 0);
    const view = backend(w, 'p1');
    expect(view).toMatchObject({ state: 'probing', weightPercent: 5 });
    expect(view.reason).toBe(
      'goes to 25 % of its weight when errors finds it normal over samples from after this step began, and no breaker finds it anomalous',
    );
    expect(view.decision?.nextTime).toBe(new Date(w.now + 10_000).toISOString());
  });

  it('whose window is longer than a step waits for the window', () => {
    const w = world({ policy: policyOf({ breakers: [breakerOf({ lookbackMs: 60_000 })] }) });
    w.pass(60_000);
    w.evaluations(2, w.bad('p1'));
    w.pass(w.decision('p1')?.durationMs ?? 0);
    expect(backend(w, 'p1').decision?.nextTime).toBe(new Date(w.now + 60_000).toISOString());
  });

  it('that a person took out says who, and returns by time where no breaker could judge it', () => {
    const w = world({ policy: undefined });
    w.eject('p1');
    expect(backend(w, 'p1')).toMatchObject({ state: 'ejected', breaker: '', reason: 'disk, by ana' });
    w.pass(900_000);
    expect(backend(w, 'p1')).toMatchObject({ state: 'probing', reason: 'goes to 25 % of its weight by time' });
  });

  it('that is held keeps serving and says what holds it', () => {
    const w = world({ policy: policyOf({ budget: { maxEjectedPercent: 0 } }) });
    w.evaluations(2, w.bad('p1'));
    expect(backend(w, 'p1')).toMatchObject({
      state: 'serving',
      weightPercent: 100,
      reason: 'held, budget: value 9 > 5',
      held: { cause: 'budget', text: 'the budget is used up', breaker: 'errors', value: 9, bound: 5 },
    });
  });

  it('that is anomalous but not confirmed shows its streak', () => {
    const w = world();
    w.evaluate(w.bad('p1'));
    expect(backend(w, 'p1').verdicts).toEqual([
      {
        breaker: 'errors',
        kind: 'anomalous',
        value: 9,
        bound: 5,
        severity: 1.8,
        reason: 'value 9 > 5',
        streakAnomalous: 1,
        streakOf: 1,
        group: '',
      },
    ]);
    expect(backend(w, 'p1')).not.toHaveProperty('decision');
  });

  it('shows the worst verdict of several breakers', () => {
    const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 's', operator: '>', value: 1 } });
    const w = world({ policy: policyOf({ breakers: [breakerOf(), slow] }) });
    w.evaluateNow(w.bad('p1'), 'errors');
    w.evaluateNow(w.all(0, { p1: 90 }), 'slow');
    expect(backend(w, 'p1')).toMatchObject({ breaker: 'slow', value: 90, bound: 1 });
  });

  it('that is young is not judged, and says until when', () => {
    const w = world({ policy: policyOf({ warmUpMs: 60_000 }) });
    w.change('p1', { readySinceMs: w.now });
    w.evaluate(w.all(0));
    expect(backend(w, 'p1').warmUpUntilTime).toBe(new Date(w.now + 55_000).toISOString());
    expect(backend(w, 'p1').verdicts[0]).toMatchObject({ kind: 'none', reason: 'it is warming up' });
    w.pass(53_000);
    w.evaluate(w.all(0));
    expect(backend(w, 'p1').warmUpUntilTime).toBeUndefined();
    expect(backend(w, 'p1').verdicts[0]?.reason).toBe('the window reaches back into its warm-up');
  });

  it.each([
    ['leaving', { terminating: true }, 'it is leaving'],
    ['not ready', { ready: false }, 'it is not ready'],
  ])('that is %s gets no weight and no verdict', (_, change, reason) => {
    const w = world();
    w.change('p1', change);
    w.evaluate(w.all(0));
    expect(backend(w, 'p1')).toMatchObject({ weightPercent: 0, verdicts: [{ kind: 'none', reason }] });
  });

  it('that comes back because many failed at once says so', () => {
    const w = world({ fleet: 6, policy: policyOf({ budget: { ...generousBudget, holdAbovePercent: 50 } }) });
    w.evaluations(2, w.bad('p1', 'p2'));
    w.evaluations(4, w.bad('p3', 'p4', 'p5'));
    expect(backend(w, 'p1').decision).toMatchObject({ returning: 'correlated' });
    expect(backend(w, 'p1').reason).toMatch(/^goes to .* by time$/);
  });
});
