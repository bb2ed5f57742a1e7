/** Time enters through here, so that tests and the simulation can own it. */
import type { EpochMs } from './model.ts';

export interface Clock {
  now(): EpochMs;
  /** Calls `run` once, not before `atMs`; the returned function cancels it. */
  at(atMs: EpochMs, run: () => void): () => void;
}

/** setTimeout holds at most 2^31-1 ms; longer waits are split so that they do not fire at once. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  at(atMs, run) {
    let timer: NodeJS.Timeout;
    const arm = (): void => {
      // One more, because timers are rounded: one that fires before its time finds nothing to do, or does it twice.
      const waitMs = Math.max(0, atMs - Date.now()) + 1;
      timer = setTimeout(() => (waitMs > longestTimerMs ? arm() : run()), Math.min(waitMs, longestTimerMs));
    };
    arm();
    return () => clearTimeout(timer);
  },
};
