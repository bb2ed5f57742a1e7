/** A clock that moves only when told to. */
import type { Clock } from '../../engine/clock.ts';
import type { EpochMs } from '../../engine/model.ts';

export interface ManualClock extends Clock {
  /** Moves on by `ms`, running what falls due on the way, in order, and letting promises settle in between. */
  advance(ms: number): Promise<void>;
}

export function createManualClock(startMs: EpochMs = Date.UTC(2026, 0, 1)): ManualClock {
  let now = startMs;
  let timers: readonly { readonly atMs: EpochMs; readonly run: () => void }[] = [];

  return {
    now: () => now,
    at(atMs, run) {
      const timer = { atMs, run };
      timers = [...timers, timer];
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    async advance(ms) {
      const untilMs = now + ms;
      await settle();
      for (;;) {
        const due = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        timers = timers.filter((timer) => timer !== due);
        now = Math.max(now, due.atMs);
        due.run();
        await settle();
      }
      now = untilMs;
    },
  };
}

/** Lets everything that waits for no timer and no I/O run to its end. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
