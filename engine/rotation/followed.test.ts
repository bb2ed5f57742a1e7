import { describe, expect, it } from 'vitest';
import { decisionOf, fleetOf, policyOf } from '../../test/support/fixtures.ts';
import type { Decision } from './decision.ts';
import { followed } from './followed.ts';
import { weightOf } from './ramp.ts';
import { emptyTrack, initialState, type ServiceState } from './state.ts';

const fleet = fleetOf(6);
const policy = policyOf();
const cause: Decision['cause'] = {
  kind: 'breaker',
  breaker: 'errors',
  severity: 2,
  value: 9,
  bound: 5,
  reason: 'value 9 > 5',
  lookbackMs: 1000,
  streak: { anomalous: 2, of: 3 },
  budget: '',
};

function recorded(...decisions: readonly Decision[]): ServiceState {
  const known = new Map(decisions.map((decision) => [decision.backend, decision]));
  return { ...initialState(fleetOf(0)), policy, enforced: { ...emptyTrack, decisions: known } };
}

describe('what is on record, under the fleet and policy of today', () => {
  const state = recorded(decisionOf('p1', 'ejected', { cause }), decisionOf('p2', 'paused'));
  const outUnder = (...given: readonly [ServiceState['policy'], boolean]): readonly string[] => [
    ...followed(state, fleet, ...given).enforced.decisions.keys(),
  ];

  it('is itself where nothing brings back, so that nothing is published anew', () => {
    const seen = followed(state, fleet, policy, false);
    expect(seen.enforced).toBe(state.enforced);
    expect(seen.fleet).toBe(fleet);
  });

  it.each(['Suspended', 'Observe'] as const)('under %s lacks those of breakers', (enforcement) => {
    expect(outUnder(policyOf({ enforcement }), false)).toEqual(['p2']);
  });

  it('while everything is suspended lacks all of them', () => {
    expect(outUnder(policy, true)).toEqual([]);
  });

  it('on an edited ramp gives no less than before', () => {
    const ramping = recorded(decisionOf('p1', 'ramping', { cause, step: 2 }));
    const edited = policyOf({ activator: { ramp: { weights: [1, 10, 60, 100], stepPeriodMs: 1000 } } });
    const [decision] = followed(ramping, fleet, edited, false).enforced.decisions.values();
    expect(decision && weightOf(decision, edited.activator.ramp)).toBe(60);
  });
});
