import { describe, expect, test } from 'vitest';
import { backend, backendIdOf, breaker, type Story, tell } from '../../test/telemetry/story.ts';
import { detector, evicted, type Happening, happeningsOf } from './happening.ts';

const all = (values: Readonly<Record<number, number>>): Readonly<Record<number, number>> => ({
  ...{ 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0 },
  ...values,
});
const told = (story: Story): readonly Happening[] =>
  story.effects().flatMap((effect) => happeningsOf(effect, story.state(), story.now()));
const reasons = (story: Story): readonly string[] => told(story).map(({ reason }) => reason);
const by = { actor: 'ana', reason: 'heap dump' } as const;

describe('what is told', () => {
  test('an ejection, with everything that led to it', () => {
    const story = tell({ size: 6 });
    story.judge(all({ 3: 25 }));
    expect(told(story)).toEqual([
      {
        reason: 'Ejected',
        type: 'Normal',
        backend: { id: 'uid-3', name: 'pricer-3' },
        note:
          'pricer-3 was ejected (anomalous); breaker errors: 25 is above 10; value 25, bound 10; window 1s; ' +
          'anomalous in 1 of 1; 0 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)',
      },
    ]);
  });

  test('each change once, on the way back too, and nothing of the steps in between', () => {
    const story = tell({ size: 6 });
    const { policy } = story.state();
    if (policy === undefined) throw new Error('the story has a policy');
    story.setPolicy({
      ...policy,
      eject: { how: 'Drain', closeAfterMs: 1000, then: 'Remove' },
      activator: { ...policy.activator, ramp: { weights: [5, 25, 50, 100], stepPeriodMs: 1000 } },
    });
    story.judge(all({ 3: 25 }));
    // Its connections are closed meanwhile.
    story.wait(2000);
    story.wait(8000);
    for (let steps = 0; steps < 4; steps++) {
      story.wait(2100);
      story.judge(all({}));
    }
    expect(reasons(story)).toEqual(['Ejected', 'RetryStarted', 'Restored']);
  });

  test('who is left in, and that the budget is used up', () => {
    const story = tell({ size: 6 });
    story.judge(all({ 1: 20, 2: 30, 3: 40 }));
    const held = told(story).filter(({ reason }) => reason !== 'Ejected');
    expect(held).toEqual([
      {
        reason: 'EjectionHeld',
        type: 'Warning',
        backend: { id: 'uid-1', name: 'pricer-1' },
        note: expect.stringMatching(
          /^pricer-1 was found anomalous and left in \(the budget is used up\); breaker errors: 20 is above 10; value 20, bound 10; 2 of 6 /,
        ),
      },
      { reason: 'BudgetExhausted', type: 'Warning', note: expect.stringMatching(/^the budget is used up: 2 of 6 /) },
    ]);
  });

  test('what people did, by whom and why', () => {
    const story = tell({ size: 6 });
    story.command({ verb: 'pause', backend: backendIdOf(2), forMs: 60_000, force: false, ...by });
    expect(told(story)).toMatchObject([
      { reason: 'ManualPause', note: expect.stringContaining('pricer-2 was paused by ana; heap dump; ') },
    ]);
    story.command({ verb: 'restore', backend: backendIdOf(2), ramp: true, ...by });
    story.command({ verb: 'restore', backend: backendIdOf(2), ramp: false, ...by });
    story.command({ verb: 'eject', backend: backendIdOf(2), forMs: 60_000, force: false, ...by });
    story.command({ verb: 'suspend', ...by });
    story.command({ verb: 'resume', ...by });
    story.command({ verb: 'freeze', forMs: 1000, ...by });
    story.command({ verb: 'unfreeze', ...by });
    story.command({ verb: 'eject', backend: backendIdOf(99), forMs: 1000, force: false, ...by });
    expect(reasons(story)).toEqual([
      'ManualRestore',
      'ManualRestore',
      'ManualEject',
      'Suspended',
      'Resumed',
      'Frozen',
      'Unfrozen',
      'ManualActRefused',
    ]);
  });

  test('an eviction: asked for, what stands against it, and that it is done', () => {
    const story = tell({ size: 6 });
    const { policy } = story.state();
    if (policy === undefined) throw new Error('the story has a policy');
    story.setPolicy({ ...policy, activator: { ...policy.activator, mode: 'retryAndKill', maxRetryCount: 0 } });
    story.judge(all({ 3: 25 }));
    story.wait(10_000);
    story.judge(all({ 3: 25 }));
    expect(reasons(story)).toEqual(['Ejected', 'RetryStarted', 'EvictionRequested']);
    const state = story.state();
    const decision = state.enforced.decisions.get(backendIdOf(3));
    if (decision === undefined) throw new Error('it is out');
    expect(evicted(decision, state, story.now())).toMatchObject({
      reason: 'Evicted',
      backend: { name: 'pricer-3' },
      note: expect.stringMatching(/^pricer-3 was evicted; breaker errors: 25 is above 10; /),
    });
    const held = { kind: 'held', track: 'enforced', backend: backendIdOf(3), name: 'pricer-3' } as const;
    const words = { breaker: 'errors', reason: 'r', budget: 'b' };
    const reasonFor = (cause: 'disruption-budget' | 'no-controller' | 'kill-loop') =>
      happeningsOf({ ...held, ...words, cause }, state, 0).map(({ reason }) => reason);
    expect(reasonFor('disruption-budget')).toEqual(['EvictionRefused']);
    expect([...reasonFor('no-controller'), ...reasonFor('kill-loop')]).toEqual(['EvictionHeld', 'EvictionHeld']);
  });
});

describe('what is not told', () => {
  test('anything of an observing policy', () => {
    const story = tell({ size: 6, policy: { enforcement: 'Observe' } });
    story.judge(all({ 3: 25 }));
    expect(story.effects()).toHaveLength(1);
    story.judge(all({ 1: 20, 2: 30, 3: 40 }));
    expect(told(story)).toEqual([]);
  });

  test('what a custom service answered, or a metric source: only that it said so', () => {
    const own = { kind: 'customService', service: 'judge', port: 80 } as const;
    const story = tell({ size: 6, policy: { breakers: [{ ...breaker, detector: own }] } });
    story.setFleet([1, 2, 3, 4, 5, 6].map((each) => backend(each)));
    story.judge(all({ 3: 25 }));
    const [ejected] = told(story);
    expect(ejected?.note).toContain('breaker errors; value 25, bound 10');
    expect(ejected?.note).not.toContain('is above');
    expect(detector('errors', false)).toMatchObject({ reason: 'DetectorFailed', type: 'Warning' });
    expect(detector('errors', true)).toMatchObject({ reason: 'DetectorRecovered', type: 'Normal' });
  });
});
