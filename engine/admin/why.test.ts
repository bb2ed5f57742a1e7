import { describe, expect, it } from 'vitest';
import { backendOf, breakerOf, deviationOf, policyOf, type World, world } from '../../test/support/world.ts';
import type { ServiceProblem } from '../engine.ts';
import { backendId } from '../model.ts';
import type { Problem } from '../problem.ts';
import type { Suspension } from '../rotation/state.ts';
import { findBackend } from './find.ts';
import type { WhyResponse } from './messages.ts';
import { explain } from './why.ts';

function why(w: World, name: string, suspension?: Suspension): WhyResponse {
  return explain(w.state, findBackend(w.state, name), { now: w.now, suspension, timing: w.context.timing });
}

function linesOf(answer: WhyResponse, stage: string): readonly string[] {
  return answer.steps.filter((step) => step.stage === stage).map(({ text }) => text);
}

it('a backend that waits for data says until when', () => {
  const w = world({ policy: policyOf({ activator: { maxStaleMs: 900_000 } }) });
  w.evaluations(2, w.bad('p3'));
  const until = new Date(w.now + 900_000).toISOString();
  w.evaluations(10, { kind: 'unusable', reason: 'timeout' });
  expect(linesOf(why(w, 'p3'), 'next')[0]).toContain(`; by time from ${until}, if there is no data until then`);
  w.evaluations(200, { kind: 'unusable', reason: 'timeout' });
  w.evaluate({ p1: 0, p2: 0 });
  expect(linesOf(why(w, 'p3'), 'guard')).toContain(
    'errors: too much of the fleet has no data: 2 of 6 backends have data, it takes 5',
  );
});

it('a policy that is not the one in force is told, and a record that cannot be read', () => {
  const w = world();
  const problem: Problem = { code: 'KV0101', severity: 'error', file: 'p.yaml', message: 'no such field' };
  const explained = (about: ServiceProblem['about'], of: World): WhyResponse => {
    const context = { now: of.now, suspension: undefined, timing: of.context.timing, problems: [{ about, problem }] };
    return explain(of.state, findBackend(of.state, 'p3'), context);
  };
  expect(linesOf(explained('policy', w), 'policy')).toEqual([
    'the policy is invalid: p.yaml: error KV0101 no such field',
    expect.stringContaining(', as it was accepted last: Enforce'),
  ]);
  const never = explained('policy', world({ policy: undefined }));
  expect(linesOf(never, 'policy')).toHaveLength(1);
  expect(never.conclusion).toBe('p3 is serving: its Service has no valid policy');
  expect(linesOf(explained('record', w), 'freeze')).toEqual([
    'nothing changes by itself: what is on record cannot be read: p.yaml: error KV0101 no such field',
  ]);
});

it('a fleet that changes its shape is told, and since when', () => {
  const w = world();
  w.fleet(8);
  const since = new Date(w.now).toISOString();
  w.evaluate(w.all(0));
  expect(linesOf(why(w, 'p3'), 'guard')).toEqual([`the fleet is becoming larger or smaller, since ${since}`]);
});

it('what the cluster says of itself is told with who says so, and what is missing is in the budget', () => {
  const w = world();
  w.workloads({ desired: 7, rollingOut: ['Deployment/pricer'] });
  const since = new Date(w.now).toISOString();
  w.evaluate(w.all(0));
  const told = why(w, 'p3');
  expect(linesOf(told, 'guard')).toEqual([`a rollout is in progress: Deployment/pricer, since ${since}`]);
  expect(linesOf(told, 'budget')).toEqual([
    '1 of 7 not serving, 1 of them not there at all, at most 2 may be by maxEjectedPercent (floor 3)',
  ]);
});

it('an eviction that waits says for what', () => {
  const w = world({
    policy: policyOf({ activator: { mode: 'retryAndKill', maxRetryCount: 0, maxEvictionsPerHour: 0 } }),
  });
  w.evaluations(2, w.bad('p3'));
  w.pass(30_000);
  w.evaluate(w.bad('p3'));
  expect(linesOf(why(w, 'p3'), 'next')).toEqual([
    'stays out until a person restores it; its eviction waits, eviction-limit: enough pods were evicted in the last hour: at most 0 of this Service in an hour',
  ]);
});

it('an eviction that the cluster refuses says so, too', () => {
  const w = world({ policy: policyOf({ activator: { mode: 'retryAndKill', maxRetryCount: 0 } }) });
  w.evaluations(2, w.bad('p3'));
  w.pass(30_000);
  w.evaluate(w.bad('p3'));
  w.step({ kind: 'eviction', backend: backendId('p3'), answer: 'disruption-budget' });
  expect(linesOf(why(w, 'p3'), 'next')).toEqual([
    'stays out until its pod is replaced or a person restores it; its eviction waits, disruption-budget: a PodDisruptionBudget does not let it be evicted now',
  ]);
});

describe('why a backend is out', () => {
  const w = world();
  const evaluated: string[] = [];
  for (let index = 0; index < 2; index++) {
    w.evaluate(w.bad('p3'));
    evaluated.push(new Date(w.now).toISOString());
  }
  const answer = why(w, 'p3');

  it('is concluded in one sentence', () => {
    expect(answer.conclusion).toBe('p3 is ejected by breaker errors: value 9 > 5');
  });

  it('goes from the verdicts to what is served, in the order in which it is decided', () => {
    const stages = answer.steps.map(({ stage }) => stage);
    expect([...new Set(stages)]).toEqual([
      'backend',
      'policy',
      'breaker',
      'fleet',
      'guard',
      'budget',
      'rotation',
      'next',
    ]);
  });

  it('names value, bound, window, streak and the query as it was asked', () => {
    expect(linesOf(answer, 'breaker')).toEqual([
      'errors (Enforce): anomalous, value 9, bound 5: value 9 > 5',
      `errors: window 5s; 2 of the last 2 anomalous, it takes 2 anomalous of 3; evaluated ${evaluated[1]}`,
      'errors: query to metric source default: errors',
    ]);
    expect(linesOf(answer, 'rotation')).toEqual([
      `ejected since ${evaluated[1]} by breaker errors, 2 of 2 anomalous over 5s: value 9 > 5; retry 0, at most 3; weight 0 %`,
    ]);
  });

  it('has the arithmetic of the budget, now and when it was taken out', () => {
    expect(linesOf(answer, 'budget')).toEqual([
      '1 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)',
      'when it was taken out: 0 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)',
    ]);
  });

  it('says what has to happen for it to come back', () => {
    expect(linesOf(answer, 'next')[0]).toMatch(/^probes at 5 % of its weight, not before 2026-/);
  });

  it('carries the same as data', () => {
    expect(answer).toMatchObject({
      service: 'shop/pricer',
      backend: { name: 'p3', decision: { value: 9, bound: 5, windowSeconds: 5 } },
      breakers: [{ name: 'errors', query: 'errors' }],
      budget: { base: 6, floor: 3, maxOut: 2 },
    });
  });

  it('names the person, where one did it', () => {
    const w = world();
    w.eject('p1', { verb: 'pause' });
    expect(why(w, 'p1').conclusion).toBe('p1 is paused by ana: disk');
    expect(linesOf(why(w, 'p1'), 'rotation')[0]).toContain('by ana (pause): disk');
  });
});

describe('why a backend is not out', () => {
  it('because every breaker finds it normal', () => {
    const w = world();
    w.evaluate(w.all(0));
    expect(why(w, 'p1').conclusion).toBe('p1 is serving: every breaker finds it normal');
    expect(linesOf(why(w, 'p1'), 'next')).toEqual([
      'goes out when errors finds it anomalous in 2 of 3 evaluations and the budget allows it',
    ]);
  });

  it('because its anomaly is not confirmed yet', () => {
    const w = world();
    w.evaluate(w.bad('p1'));
    expect(why(w, 'p1').conclusion).toBe(
      'p1 is serving: errors finds it anomalous in 1 of 1 evaluations, it takes 2 of 3',
    );
  });

  it('because the budget is used up', () => {
    const w = world({ policy: policyOf({ budget: { maxEjectedPercent: 0 } }) });
    w.evaluations(2, w.bad('p1'));
    expect(why(w, 'p1').conclusion).toBe('p1 is serving although anomalous, held by budget: the budget is used up');
    expect(linesOf(why(w, 'p1'), 'guard')[0]).toBe(
      `held since ${new Date(w.now).toISOString()}, budget: the budget is used up`,
    );
    expect(linesOf(why(w, 'p1'), 'next')).toEqual([
      'goes out as soon as nothing holds it any more (the budget is used up)',
    ]);
  });

  it('because the fleet as a whole moved', () => {
    const breakers = [breakerOf({ name: 'price', detector: deviationOf() })];
    const w = world({ policy: policyOf({ breakers }) });
    w.evaluations(3, w.all(100));
    w.evaluate(w.all(0, { p6: 100 }));
    expect(why(w, 'p1').conclusion).toBe(
      'p1 is serving although anomalous, held by fleet-wide: the fleet as a whole moved, or the group it is judged in',
    );
    expect(linesOf(why(w, 'p1'), 'fleet')).toEqual([
      'price: fleet-wide, so it takes nobody out: the median of 6 backends is 0',
    ]);
    expect(why(w, 'p6').conclusion).toBe('p6 is serving: every breaker finds it normal');
  });

  it('because more of the fleet is bad than holdAbovePercent', () => {
    const w = world();
    w.evaluations(2, w.bad('p1', 'p2', 'p3', 'p4'));
    expect(linesOf(why(w, 'p1'), 'guard')).toContain(
      'too much of the fleet is bad at once: correlated, not an outlier (holdAbovePercent 50)',
    );
  });

  it('because the policy still settles', () => {
    const w = world({ policy: policyOf({ settle: 10 }) });
    w.evaluations(3, w.bad('p1'));
    expect(why(w, 'p1').conclusion).toContain('held by settling');
    expect(linesOf(why(w, 'p1'), 'guard')).toContain('errors still settles: 3 of 10 evaluations');
  });

  it('because its breaker only observes', () => {
    const w = world({ policy: policyOf({ enforcement: 'Observe' }) });
    w.evaluations(2, w.bad('p1'));
    expect(why(w, 'p1').conclusion).toBe(
      'p1 is serving: errors finds it anomalous but only observes; it would be ejected',
    );
    expect(linesOf(why(w, 'p1'), 'shadow')[0]).toMatch(/^observing breakers would have it ejected since/);
  });

  it('because a person suspended the Service, or everything', () => {
    const w = world();
    w.evaluations(2, w.bad('p1'));
    w.command({ verb: 'suspend', actor: 'ana', reason: 'drill' });
    const at = new Date(w.now).toISOString();
    expect(why(w, 'p1').conclusion).toBe('p1 is serving: breakers are suspended');
    expect(linesOf(why(w, 'p1'), 'suspension')).toEqual([`this Service is suspended since ${at} by ana: drill`]);
    const everything = why(w, 'p1', { actor: 'bo', reason: 'outage', sinceMs: w.now });
    expect(linesOf(everything, 'suspension')).toEqual([`everything is suspended since ${at} by bo: outage`]);
  });

  it('because not every breaker finds it anomalous, with combine: All', () => {
    const w = world({ policy: policyOf({ combine: 'All', breakers: [breakerOf(), breakerOf({ name: 'slow' })] }) });
    w.evaluations(3, w.bad('p1'), 'errors');
    w.evaluate(w.bad(), 'slow');
    expect(why(w, 'p1').conclusion).toBe(
      'p1 is serving: errors finds it anomalous, slow does not (normal), and it takes all of them',
    );
    expect(linesOf(why(w, 'p1'), 'next')).toEqual([
      'goes out when all of errors (2 of 3), slow (2 of 3) find it anomalous and the budget allows it',
    ]);
    w.evaluations(2, w.bad('p1'), 'slow');
    w.evaluate(w.bad('p1'), 'errors');
    expect(linesOf(why(w, 'p1'), 'rotation')[0]).toContain(': value 9 > 5, and by slow: value 9 > 5; retry 0');
    expect(linesOf(why(w, 'p1'), 'policy')).toEqual([
      'shop/pricer: Enforce, all its breakers have to agree (combine: All)',
    ]);
  });

  it('because a person has frozen the Service', () => {
    const w = world();
    w.evaluations(2, w.bad('p2'));
    const at = new Date(w.now).toISOString();
    const until = new Date(w.now + 3_600_000).toISOString();
    w.command({ verb: 'freeze', forMs: 3_600_000, actor: 'ana', reason: 'move' });
    w.evaluations(2, w.bad('p1'));
    expect(why(w, 'p1').conclusion).toBe(
      'p1 is serving although anomalous, held by frozen: the Service is frozen by a person',
    );
    expect(linesOf(why(w, 'p1'), 'freeze')).toEqual([
      `nothing changes by itself until ${until}: frozen since ${at} by ana: move`,
    ]);
    expect(linesOf(why(w, 'p2'), 'next')).toEqual([
      `probes at 5 % of its weight, once the freeze is over, not before ${until}`,
    ]);
  });

  it('because nothing could be judged', () => {
    const w = world();
    w.evaluate({ kind: 'unusable', reason: 'prometheus is down' });
    expect(why(w, 'p1').conclusion).toBe(
      'p1 is serving: no breaker finds it anomalous (errors: nothing could be judged: prometheus is down)',
    );
  });

  it('because there is no policy', () => {
    const answer = why(world({ policy: undefined }), 'p1');
    expect(answer.conclusion).toBe('p1 is serving: its Service has no policy');
    expect(answer.steps.map(({ stage }) => stage)).toEqual(['backend', 'policy', 'budget', 'rotation']);
  });

  it('because Kubernetes itself keeps it out', () => {
    const w = world();
    w.change('p1', { ready: false });
    expect(why(w, 'p1').conclusion).toBe('p1 is not ready: Kubernetes keeps it out, no breaker does');
  });
});

describe('where a breaker judges groups', () => {
  const pods = [...['a1', 'a2', 'a3', 'a4'], ...['b1', 'b2', 'b3'], 'c1'].map((name) =>
    backendOf(name, { labels: { version: name.charAt(0) } }),
  );
  const price = breakerOf({ name: 'price', detector: deviationOf(), groupBy: ['version'] });
  const usual = { a1: 100, a2: 100, a3: 100, a4: 100, b1: 180, b2: 180, b3: 180, c1: 7 };
  const seen = (but: Readonly<Record<string, number>> = {}) => {
    const w = world({ fleet: [...pods, backendOf('d1')], policy: policyOf({ breakers: [price] }) });
    w.evaluate({ ...usual, d1: 7 });
    w.evaluate({ ...usual, d1: 7, ...but });
    return w;
  };

  it('it says whom a backend is compared with, and by what', () => {
    const w = seen();
    expect(linesOf(why(w, 'b1'), 'breaker')).toContain(
      'price: compared with the median of group version=b, 3 backends, baseline 180',
    );
    expect(linesOf(why(w, 'd1'), 'breaker')).toContain('price: compared with nobody, it is in no group by version');
    expect(why(w, 'c1').conclusion).toBe(
      'c1 is serving: no breaker finds it anomalous (price: its group version=c has 1 of the 3 backends it needs)',
    );
    expect(why(w, 'd1').conclusion).toBe(
      'd1 is serving: no breaker finds it anomalous (price: no group: the labels of its pod are not known)',
    );
  });
  it('it says that a group as a whole is unlike the rest', () => {
    expect(linesOf(why(seen(), 'a1'), 'fleet')).toContain(
      'price: group version=b as a whole is unlike the rest: the median of 3 backends 180 is 80 % above the median of the other 5 100 (allowed 50 %)',
    );
  });
  it('it says that a group as a whole moved', () => {
    const w = seen({ b1: 900, b2: 900, b3: 900 });
    expect(linesOf(why(w, 'a1'), 'fleet')).toContain(
      'price: group version=b moved as a whole, so nobody of it is taken out: the median of 3 backends, 900, is 400 % above the baseline 180 (allowed 50 %)',
    );
    expect(why(w, 'b1').conclusion).toBe(
      'b1 is serving although anomalous, held by fleet-wide: the fleet as a whole moved, or the group it is judged in',
    );
  });
  it('it says that nobody is judged', () => {
    const w = world({ fleet: [backendOf('p1'), backendOf('p2')], policy: policyOf({ breakers: [price] }) });
    w.evaluate(w.all(1));
    expect(linesOf(why(w, 'p1'), 'fleet')).toEqual([
      'price: nobody is judged: no group: the labels of its pod are not known',
    ]);
  });
});
