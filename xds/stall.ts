/**
 * Finds clients that take nothing. A message is let go by the client's flow control; one that is not within the time is
 * for a client that does not read, and each further change would wait for it for ever.
 *
 * All waits are equally long, so they end in the order they began, and one timer serves all of them.
 */
import type { Clock } from '../engine/clock.ts';
import type { EpochMs } from '../engine/model.ts';

export interface StallGuard {
  /** Calls `onStall` of the wait, once, unless it is ended in time. One that was begun must be ended before it begins again. */
  begin(wait: Wait): void;
  end(wait: Wait): void;
  stop(): void;
}

/** Of one client, begun again for each message: ten thousand of them begin with each change. */
export interface Wait {
  /** The guard's own. */
  untilMs: EpochMs;
  onStall(): void;
}

export function createStallGuard(clock: Clock, timeoutMs: number): StallGuard {
  const waits = new Set<Wait>();
  let cancelTimer: (() => void) | undefined;

  function arm(): void {
    const [oldest] = waits;
    cancelTimer = oldest && clock.at(oldest.untilMs, expire);
  }

  function expire(): void {
    const now = clock.now();
    for (const wait of waits) {
      if (wait.untilMs > now) break;
      waits.delete(wait);
      wait.onStall();
    }
    arm();
  }

  return {
    begin(wait) {
      wait.untilMs = clock.now() + timeoutMs;
      waits.add(wait);
      if (cancelTimer === undefined) arm();
    },
    end: (wait) => void waits.delete(wait),
    stop() {
      cancelTimer?.();
      waits.clear();
    },
  };
}
