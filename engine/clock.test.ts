import { describe, expect, it } from 'vitest';
import { systemClock } from './clock.ts';

describe('the clock of the system', () => {
  it('calls back never before the time, though timers are rounded', async () => {
    const early: number[] = [];
    const chains = Array.from({ length: 10 }, async () => {
      for (let round = 0; round < 100; round++) {
        const atMs = systemClock.now() + 1 + (round % 3);
        await new Promise<void>((resolve) => {
          systemClock.at(atMs, () => {
            if (systemClock.now() < atMs) early.push(round);
            resolve();
          });
        });
      }
    });
    await Promise.all(chains);
    expect(early).toEqual([]);
  });

  it('calls back at once for a time that has passed, and not at all when cancelled', async () => {
    const called: string[] = [];
    const cancel = systemClock.at(systemClock.now(), () => called.push('cancelled'));
    cancel();
    await new Promise<void>((resolve) => void systemClock.at(systemClock.now() - 1000, resolve));
    await new Promise<void>((resolve) => void systemClock.at(systemClock.now() + 5, resolve));
    expect(called).toEqual([]);
  });

  it('waits for longer than a timer holds', async () => {
    const called: string[] = [];
    const cancel = systemClock.at(systemClock.now() + 2 ** 32, () => called.push('too early'));
    await new Promise<void>((resolve) => void systemClock.at(systemClock.now() + 5, resolve));
    cancel();
    expect(called).toEqual([]);
  });
});
