import { describe, expect, it } from 'vitest';
import { breakerOf, createManualClock, settle } from '../test/support/engine.ts';
import type { EpochMs } from './model.ts';
import type { Breaker } from './policy/policy.ts';
import { everyPeriod } from './schedule.ts';

const secondly = (query: string): Breaker =>
  breakerOf({ evaluationPeriodMs: 1000, detector: { kind: 'threshold', query, operator: '>', value: 5 } });

function scheduled(breaker = secondly('errors'), evaluate: () => Promise<void> = async () => undefined) {
  const clock = createManualClock();
  const ticks: EpochMs[] = [];
  const cancel = everyPeriod(clock, breaker, (atMs) => {
    ticks.push(atMs);
    return evaluate();
  });
  return { clock, ticks, cancel };
}

describe('a breaker is evaluated', () => {
  it('once per period, for the moment at which it is', async () => {
    const { clock, ticks, cancel } = scheduled();
    await clock.advance(5000);
    expect(ticks).toHaveLength(5);
    expect(new Set(ticks.map((atMs) => atMs % 1000)).size).toBe(1);
    cancel();
    await clock.advance(5000);
    expect(ticks).toHaveLength(5);
  });

  it('at the same moment as others with the same question, and spread from those with another', async () => {
    const phases = await Promise.all(
      ['a', 'a', 'b', 'c', 'd'].map(async (query) => {
        const { clock, ticks } = scheduled(secondly(query));
        await clock.advance(1000);
        return (ticks[0] ?? 0) % 1000;
      }),
    );
    expect(phases[0]).toBe(phases[1]);
    expect(new Set(phases).size).toBe(4);
  });

  it('not while the evaluation before is under way, and not for what was missed', async () => {
    let finish: () => void = () => undefined;
    const { clock, ticks } = scheduled(undefined, () => new Promise((resolve) => (finish = resolve)));
    await clock.advance(5000);
    expect(ticks).toHaveLength(1);
    finish();
    await settle();
    await clock.advance(1000);
    expect(ticks).toHaveLength(2);
  });

  it('not for a moment that is a period ago: the process was stopped, and the past is no evidence of now', async () => {
    const { clock, ticks } = scheduled();
    await clock.advance(1000);
    clock.stall(600_000);
    await clock.advance(0);
    expect(ticks).toHaveLength(1);
    await clock.advance(1000);
    expect(clock.now() - (ticks.at(-1) ?? 0)).toBeLessThan(1000);
    expect(ticks).toHaveLength(2);
  });

  it('a little late for the moment it was meant for', async () => {
    const { clock, ticks } = scheduled();
    await clock.advance(1000);
    clock.stall(800);
    await clock.advance(0);
    expect(ticks).toHaveLength(2);
  });

  it.each([3_600_000, -3_600_000])('for the present after the clock was set by %d ms, at once', async (byMs) => {
    const { clock, ticks } = scheduled();
    await clock.advance(1000);
    clock.set(byMs);
    await clock.advance(3000);
    const distances = ticks.slice(1).map((atMs) => Math.abs(clock.now() - atMs));
    expect(Math.max(...distances)).toBeLessThan(3000);
    expect(ticks.length).toBeGreaterThanOrEqual(3);
  });
});
