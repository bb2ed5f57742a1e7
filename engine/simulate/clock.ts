/** A clock of the past: time passes as fast as what happens in it is worked off. */
import type { Clock } from '../clock.ts';
import type { EpochMs } from '../model.ts';

export interface ReplayClock extends Clock {
  /** When the next call is due; undefined: none is. */
  nextMs(): EpochMs | undefined;
  /** Goes to the next call and makes it. */
  runNext(): void;
}

interface Timer {
  readonly atMs: EpochMs;
  readonly run: () => void;
}

export function createReplayClock(startMs: EpochMs): ReplayClock {
  let now = startMs;
  /** Due last first; of those due together, the one that was set first is at the end and runs first. */
  const timers: Timer[] = [];

  return {
    now: () => now,
    at(atMs, run) {
      const timer = { atMs, run };
      const after = timers.findLastIndex((other) => other.atMs > atMs);
      timers.splice(after + 1, 0, timer);
      return () => {
        const place = timers.indexOf(timer);
        if (place >= 0) timers.splice(place, 1);
      };
    },
    nextMs: () => timers.at(-1)?.atMs,
    runNext() {
      const timer = timers.pop();
      if (timer === undefined) return;
      now = Math.max(now, timer.atMs);
      timer.run();
    },
  };
}
