/**
 * Wakes whom a change concerns, a slice a turn of the event loop. Ten thousand streams take a quarter of a second to
 * serve; in one go, nobody's acknowledgement, health check or first request would be heard for as long, and what was
 * written for all of them would be in memory at once.
 *
 * Who waits for its turn and is concerned by another change keeps its place, and then gets the newest version.
 */
import type { Watcher } from './types.ts';

export interface FanOut {
  /** The first slice is served before it returns. */
  wake(watchers: Iterable<Watcher>): void;
}

/** @param perTurn how many a slice has */
export function createFanOut(perTurn: number): FanOut {
  const waiting = new Set<Watcher>();
  let isScheduled = false;

  function serve(): void {
    let left = perTurn;
    try {
      for (const watcher of waiting) {
        if (left === 0) break;
        left -= 1;
        waiting.delete(watcher);
        watcher.flush();
      }
    } finally {
      // Should one of them throw after all, the others are not to wait for ever.
      isScheduled = waiting.size > 0;
      if (isScheduled) setImmediate(serve);
    }
  }

  return {
    wake(watchers) {
      for (const watcher of watchers) waiting.add(watcher);
      if (!isScheduled) serve();
    },
  };
}
