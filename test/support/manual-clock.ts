/** A clock that moves only when told to. */
import type { Clock } from '../../engine/clock.ts';
import type { EpochMs } from '../../engine/model.ts';

export interface ManualClock extends Clock {
  /** Moves on by `ms`, running what falls due on the way, in order, and letting promises settle in between. */
  advance(ms: number): Promise<void>;
  /** Time passes and nothing runs, as when the process is stopped: what fell due meanwhile runs with the next advance. */
  stall(ms: number): void;
  /** Calls that are still to come. */
  readonly pending: number;
  /** The clock is set, forward or back. Timers go by a clock of their own, so they fire as late as they would have. */
  set(byMs: number): void;
}

export function createManualClock(startMs: EpochMs = Date.UTC(2026, 0, 1)): ManualClock {
  let now = startMs;
  let timers: readonly { dueMs: EpochMs; readonly run: () => void }[] = [];

  return {
    now: () => now,
    get pending() {
      return timers.length;
    },
    at(atMs, run) {
      const timer = { dueMs: atMs, run };
      timers = [...timers, timer];
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    async advance(ms) {
      const untilMs = now + ms;
      await settle();
      for (;;) {
        const due = timers.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
        if (due === undefined) break;
        timers = timers.filter((timer) => timer !== due);
        now = Math.max(now, due.dueMs);
        due.run();
        await settle();
      }
      now = Math.max(now, untilMs);
    },
    stall(ms) {
      now += ms;
    },
    set(byMs) {
      now += byMs;
      for (const timer of timers) timer.dueMs += byMs;
    },
  };
}

/** Lets everything that waits for no timer and no I/O run to its end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
