import { describe, expect, it } from 'vitest';
import { policyOf, type World, world } from '../../test/support/world.ts';
import type { Decision } from './decision.ts';
import { servable } from './durable.ts';

const ramp = policyOf().activator.ramp;
type Decisions = World['state']['enforced']['decisions'];
const none: Decisions = new Map();

/** The decisions on p1 along its way. */
function way(): Readonly<Record<'ejected' | 'closed' | 'probing' | 'ramping' | 'serving', Decisions>> {
  const w = world({ policy: policyOf({ eject: { how: 'Drain', closeAfterMs: 1_000, then: 'Remove' } }) });
  w.evaluations(2, w.bad('p1'));
  const ejected = w.state.enforced.decisions;
  w.pass(1_000);
  const closed = w.state.enforced.decisions;
  w.pass(29_000);
  const probing = w.state.enforced.decisions;
  w.evaluations(3, w.bad());
  const ramping = w.state.enforced.decisions;
  w.evaluations(6, w.bad());
  return { ejected, closed, probing, ramping, serving: w.state.enforced.decisions };
}
const at = way();
function afterAnotherEjection(decisions: Decisions): Decisions {
  return new Map([...decisions].map(([id, decision]) => [id, { ...decision, outSinceMs: decision.outSinceMs + 1 }]));
}
const stateOf = (decisions: Decisions): Decision['state'] | undefined => [...decisions.values()][0]?.state;

describe('what takes traffic away is served once it is on record', () => {
  it.each([
    ['an ejection', none, at.ejected],
    ['a re-ejection', at.ramping, at.ejected],
    ['the closing of connections', at.ejected, at.closed],
    ['the probe after a re-ejection', at.ramping, afterAnotherEjection(at.probing)],
  ])('%s waits', (_, onRecord, decided) => {
    expect(servable(decided, onRecord, ramp)).toEqual(onRecord);
  });
});

describe('what gives traffic back is served at once', () => {
  it.each([
    ['a probe', at.ejected, at.probing],
    ['a step up', at.probing, at.ramping],
    ['the return', at.ramping, at.serving],
    ['a record forgotten', at.ejected, none],
    ['connections again', at.closed, at.ejected],
  ])('%s', (_, onRecord, decided) => {
    expect(servable(decided, onRecord, ramp)).toEqual(decided);
  });
});

it('an edited ramp is served at its new weight, whatever the step on record has become', () => {
  const edited = { ...ramp, weights: [5, 100] };
  const onRecord = new Map([...at.ramping].map(([id, decision]) => [id, { ...decision, step: 1 }]));
  const decided = new Map([...at.ramping].map(([id, decision]) => [id, { ...decision, step: 0 }]));
  expect(servable(decided, onRecord, edited)).toEqual(decided);
});

it('each backend by itself', () => {
  const w = world();
  w.evaluations(2, w.bad('p1'));
  const onRecord = w.state.enforced.decisions;
  w.restore('p1');
  w.eject('p2');
  expect(stateOf(servable(w.state.enforced.decisions, onRecord, ramp))).toBe('serving');
  expect(servable(w.state.enforced.decisions, onRecord, ramp).has('p2' as never)).toBe(false);
});
