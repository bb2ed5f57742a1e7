/**
 * Finds clients that take nothing. A message is let go by the client's flow control; one that is not within the time is
 * for a client that does not read, and each further change would wait for it for ever.
 *
 * All waits are equally long, so they end in the order they began, and one timer serves all of them.
 */
import type { Clock } from '../engine/clock.ts';
import type { EpochMs } from '../engine/model.ts';

export interface StallGuard {
  /** Calls `onStall` unless the returned function is called in time. */
  begin(onStall: () => void): () => void;
  stop(): void;
}

export function createStallGuard(clock: Clock, timeoutMs: number): StallGuard {
  const waits = new Set<{ readonly untilMs: EpochMs; readonly onStall: () => void }>();
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
    begin(onStall) {
      const wait = { untilMs: clock.now() + timeoutMs, onStall };
      waits.add(wait);
      if (cancelTimer === undefined) arm();
      return () => void waits.delete(wait);
    },
    stop() {
      cancelTimer?.();
      waits.clear();
    },
  };
}
