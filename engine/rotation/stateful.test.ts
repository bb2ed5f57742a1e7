import { describe, expect, it } from 'vitest';
import { backendOf, breakerOf, policyOf, world } from '../../test/support/world.ts';

const pods = (kind: string) =>
  Array.from({ length: 6 }, (_, index) => backendOf(`p${index + 1}`, { workload: { kind, name: 'db' } }));
const allowing = policyOf({ allowStateful: true });

describe('pods of a StatefulSet', () => {
  it('are judged, and held', () => {
    const w = world({ fleet: pods('StatefulSet') });
    const effects = w.evaluate(w.bad('p1'));
    expect(effects).toEqual([]);
    expect(w.evaluate(w.bad('p1'))).toMatchObject([{ kind: 'held', backend: 'p1', cause: 'stateful' }]);
    expect([w.out(), w.held('p1')]).toEqual([[], 'stateful']);
  });
  it('go like others once the policy allows it', () => {
    const w = world({ fleet: pods('StatefulSet'), policy: allowing });
    w.evaluations(2, w.bad('p1'));
    expect(w.out()).toEqual(['p1']);
  });
  it('those of other workloads, and those of which nobody knows, go without', () => {
    for (const kind of ['Deployment', 'DaemonSet', 'Job']) {
      const w = world({ fleet: pods(kind) });
      w.evaluations(2, w.bad('p1'));
      expect(w.out()).toEqual(['p1']);
    }
  });
  it('an observing breaker would hold them too', () => {
    const w = world({
      fleet: pods('StatefulSet'),
      policy: policyOf({ breakers: [breakerOf({ enforcement: 'Observe' })] }),
    });
    w.evaluations(2, w.bad('p1'));
    expect([w.out('shadow'), w.held('p1', 'shadow')]).toEqual([[], 'stateful']);
  });
  it('a person has to force it, and then they come back by time, since no breaker may send them out again', () => {
    const w = world({ fleet: pods('StatefulSet') });
    expect(w.eject('p1')).toMatchObject([{ kind: 'refused', cause: 'guard' }]);
    w.eject('p1', { force: true, forMs: 60_000 });
    w.pass(60_000);
    expect(w.stateOf('p1')).toBe('probing');
    w.evaluations(3, w.bad('p1'));
    expect(w.stateOf('p1')).toBe('ramping');
    w.evaluations(3, w.bad('p1'));
    expect(w.out()).toEqual([]);
  });
  it('come back by time when the policy does not allow it any more', () => {
    const w = world({ fleet: pods('StatefulSet'), policy: allowing });
    w.evaluations(2, w.bad('p1'));
    w.policy(policyOf());
    expect(w.decision('p1')).toMatchObject({ state: 'ramping', returning: { note: 'breaker-removed' } });
    w.pass(30_000);
    expect(w.out()).toEqual([]);
  });
  it('that were taken for others when they went are neither evicted nor kept out', () => {
    const eject = { how: 'Drain', closeAfterMs: 10_000, then: 'Evict' } as const;
    const w = world({ fleet: 6, policy: policyOf({ eject }) });
    w.evaluations(2, w.bad('p1'));
    w.fleet(pods('StatefulSet'));
    w.forgetEffects();
    w.evaluations(20, w.bad('p1'));
    expect(w.out()).toEqual([]);
    expect(w.effects.filter(({ kind }) => kind === 'evict')).toEqual([]);
  });
  it('do not go with a cohort either', () => {
    const budget = {
      onCohort: 'EjectWithinBudget',
      maxEjectedPercent: 50,
      velocity: { count: 9, percent: 0 },
    } as const;
    const fleet = Array.from({ length: 10 }, (_, index) =>
      backendOf(`p${index}`, {
        zone: index < 3 ? 'a' : 'b',
        ...(index === 2 ? { workload: { kind: 'StatefulSet', name: 'db' } } : {}),
      }),
    );
    const w = world({ fleet, policy: policyOf({ budget }) });
    w.evaluations(3, w.bad('p0', 'p1'));
    expect(w.out()).toEqual([]);
    expect(w.state.enforced.held.get(fleet[0]?.id as never)).toMatchObject({
      cause: 'cohort',
      detail: expect.stringContaining('StatefulSet'),
    });
  });
});
