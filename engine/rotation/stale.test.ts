import { describe, expect, it } from 'vitest';
import { breakerOf, type PolicyChange, policyOf, type Values, type World, world } from '../../test/support/world.ts';
import type { Evidence } from '../breakers/judge.ts';
import { fromRecord, isWorthSaving, type ServiceRecord, toRecord } from './record.ts';
import { step } from './step.ts';

const minute = 60_000;
const noData: Evidence = { kind: 'unusable', reason: 'timeout' };
const patient = { activator: { maxStaleMs: 15 * minute } };

/** These went out; then the metrics fail, and go on failing while they have been on their probes for a while. */
function dark(change: PolicyChange = patient, ...names: readonly string[]): World {
  const budget = { maxEjectedPercent: 100, holdAbovePercent: 100 };
  const w = world({ fleet: 10, policy: policyOf({ ...change, budget }) });
  w.evaluations(2, w.bad(...(names.length === 0 ? ['p1'] : names)));
  w.evaluations(12, noData);
  expect(w.stateOf(names[0] ?? 'p1')).toBe('probing');
  w.forgetEffects();
  return w;
}
const seconds = (w: World, count: number, values: Values | Evidence): void => w.evaluations(count / 5, values);
const whys = (w: World) => w.effects.flatMap((effect) => (effect.kind === 'transition' ? effect.why : []));

describe('without data', () => {
  it('who is out waits for ever, unless the policy says how long', () => {
    const w = dark({});
    seconds(w, 24 * 3600, noData);
    expect(w.stateOf('p1')).toBe('probing');
  });
  it('after maxStale it ramps back by time, step by step, and that is told', () => {
    const w = dark();
    seconds(w, 830, noData);
    expect(w.stateOf('p1')).toBe('probing');
    seconds(w, 15, noData);
    expect(w.decision('p1')).toMatchObject({ state: 'ramping', step: 0, returning: { kind: 'time', note: 'stale' } });
    seconds(w, 60, noData);
    expect(w.stateOf('p1')).toBe('serving');
    expect(whys(w)).toEqual(['stale', 'stale', 'stale', 'stale']);
  });
  it('it keeps its strikes: nothing was proved', () => {
    const w = dark();
    seconds(w, 1000, noData);
    expect(w.decision('p1')).toMatchObject({ state: 'serving', retries: 0, returning: { kind: 'evidence' } });
    w.evaluations(2, w.bad('p1'));
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1 });
  });
  it('several return one after another, the least severe first', () => {
    const w = world({
      fleet: 10,
      policy: policyOf({ ...patient, budget: { maxEjectedPercent: 100, holdAbovePercent: 100 } }),
    });
    w.evaluations(2, w.all(0, { p1: 30, p2: 10, p3: 20 }));
    const order: string[] = [];
    for (let round = 0; round < 400; round++) {
      w.evaluate(noData);
      const returning = ['p1', 'p2', 'p3'].filter((name) => w.decision(name)?.returning.kind === 'time');
      expect(returning.length).toBeLessThanOrEqual(1);
      for (const name of returning) if (!order.includes(name)) order.push(name);
    }
    expect(order).toEqual(['p2', 'p3', 'p1']);
    expect(w.out()).toEqual([]);
  });
  it('data of too little of the fleet is none', () => {
    const w = dark();
    seconds(w, 1000, { p1: 0, p2: 0 });
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('a judgement that can tell of nobody is none', () => {
    const w = dark();
    seconds(w, 845, w.all('NaN'));
    expect(w.effects).toContainEqual(expect.objectContaining({ why: 'stale' }));
  });
  it('one good answer in between, and it waits anew', () => {
    const w = dark();
    seconds(w, 600, noData);
    w.evaluate({ ...w.all(0), p1: undefined });
    seconds(w, 600, noData);
    expect(w.stateOf('p1')).toBe('probing');
  });
  it('who is paused, for a person to look at, stays', () => {
    const w = world({
      policy: policyOf({ activator: { maxStaleMs: minute, mode: 'retryAndPause', maxRetryCount: 0 } }),
    });
    w.evaluations(2, w.bad('p1'));
    w.pass(30_000);
    w.evaluate(w.bad('p1'));
    expect(w.stateOf('p1')).toBe('paused');
    seconds(w, 3600, noData);
    expect(w.stateOf('p1')).toBe('paused');
  });
  it('whom a person took out comes back as well, once nobody can judge it', () => {
    const w = world({ policy: policyOf(patient) });
    w.evaluate(w.all(0));
    w.eject('p1', { forMs: minute });
    seconds(w, 1800, noData);
    expect(w.stateOf('p1')).toBe('serving');
  });
  it('frozen, nobody comes back', () => {
    const w = dark();
    w.command({ verb: 'freeze', forMs: 3 * 60 * minute, actor: 'ana', reason: 'release' });
    seconds(w, 3600, noData);
    expect(w.stateOf('p1')).toBe('probing');
  });
  it('one breaker of its judges that has data is enough to wait for', () => {
    const slow = breakerOf({ name: 'slow', detector: { kind: 'threshold', query: 's', operator: '>', value: 5 } });
    const w = world({ policy: policyOf({ ...patient, combine: 'All', breakers: [breakerOf(), slow] }) });
    for (let round = 0; round < 3; round++) {
      w.evaluate(w.bad('p1'), 'errors');
      w.evaluateNow(w.bad('p1'), 'slow');
    }
    for (let round = 0; round < 400; round++) {
      w.evaluate(noData, 'errors');
      w.evaluateNow({ ...w.all(0), p1: undefined }, 'slow');
    }
    expect(w.stateOf('p1')).toBe('probing');
  });
});

describe('when data is back during the way up', () => {
  function returning(): World {
    const w = dark();
    seconds(w, 860, noData);
    expect(w.decision('p1')?.returning).toEqual({ kind: 'time', note: 'stale' });
    return w;
  }
  it('an anomaly sends it out again', () => {
    const w = returning();
    w.evaluations(2, w.bad('p1'));
    expect(w.decision('p1')).toMatchObject({ state: 'ejected', retries: 1 });
  });
  it('it waits at its step for what is said of it', () => {
    const w = returning();
    const step = w.decision('p1')?.step;
    seconds(w, 60, { ...w.all(0), p1: undefined });
    expect(w.decision('p1')).toMatchObject({ state: 'ramping', step, returning: { kind: 'evidence' } });
    seconds(w, 60, w.all(0));
    expect(w.stateOf('p1')).toBe('serving');
  });
});

describe('a restart of ours', () => {
  const asJson = (record: ServiceRecord): ServiceRecord => JSON.parse(JSON.stringify(record)) as ServiceRecord;

  it('goes on counting a silence of more than a minute, once it is silent again', () => {
    const w = dark();
    seconds(w, 600, noData);
    const saved = asJson(toRecord(w.state, 1));
    const state = fromRecord(saved, w.state.fleet);
    const context = { ...w.context, now: w.now + 10 * minute };
    expect(step(state, { kind: 'tick' }, context).state.enforced.decisions).toEqual(state.enforced.decisions);
    const { baseline } = w.state.breakers.get('errors') ?? { baseline: { agreements: 0 } };
    const failed = {
      kind: 'judgement',
      breaker: 'errors',
      judgement: noData,
      baseline,
      evaluatedAtMs: context.now,
      lookbackMs: 0,
    } as const;
    const [decision] = step(state, failed, context).state.enforced.decisions.values();
    expect(decision?.returning).toEqual({ kind: 'time', note: 'stale' });
  });
  it('writes down that it began and that it ended, and nothing in between', () => {
    const w = dark();
    const begun = toRecord(w.state, 1);
    seconds(w, 60, noData);
    const silent = toRecord(w.state, 1);
    expect(isWorthSaving(begun, { ...silent, enforced: begun.enforced, shadow: begun.shadow })).toBe(false);
    expect(silent.breakers['errors']?.silentSinceMs).toBe(w.state.breakers.get('errors')?.heardAtMs);
    w.evaluate({ ...w.all(0), p1: undefined });
    expect(isWorthSaving(silent, toRecord(w.state, 1))).toBe(true);
    expect(toRecord(w.state, 1).breakers['errors']).not.toHaveProperty('silentSinceMs');
  });
  it('nonsense on record is no silence', () => {
    const w = dark();
    const record = toRecord(w.state, 1);
    const { errors } = record.breakers;
    const broken = {
      ...record,
      breakers: { errors: { ...errors, silentSinceMs: 'soon' } },
    } as unknown as ServiceRecord;
    expect(fromRecord(broken, w.state.fleet).breakers.get('errors')).not.toHaveProperty('heardAtMs');
  });
});
