/**
 * Lets new streams in at a bounded rate; the rest waits in order. After a restart all proxies come at once, and serving
 * them all in one go would keep everybody, health checks included, waiting for the last.
 */
import type { Clock } from '../engine/clock.ts';

export interface Admission {
  /** Calls `onAdmitted` now or later; the returned function gives up the place in the queue. */
  enter(onAdmitted: () => void): () => void;
  /** How many wait. */
  waiting(): number;
  stop(): void;
}

/** The rate holds over this long: what is let in at once, and how often the queue moves on. */
const sliceMs = 20;

export function createAdmission(clock: Clock, perSecond: number): Admission {
  const perSlice = Math.max(1, Math.floor((perSecond * sliceMs) / 1000));
  const nextSliceMs = (perSlice * 1000) / perSecond;
  const queue = new Set<() => void>();
  let places = perSlice;
  let cancelTimer: (() => void) | undefined;

  function admit(): void {
    for (const onAdmitted of queue) {
      if (places === 0) break;
      places -= 1;
      queue.delete(onAdmitted);
      onAdmitted();
    }
    // The slice begins with the first who enters, and goes on as long as anybody waits.
    if (places < perSlice) cancelTimer ??= clock.at(clock.now() + nextSliceMs, nextSlice);
  }

  function nextSlice(): void {
    cancelTimer = undefined;
    places = perSlice;
    admit();
  }

  return {
    enter(onAdmitted) {
      queue.add(onAdmitted);
      admit();
      return () => void queue.delete(onAdmitted);
    },
    waiting: () => queue.size,
    stop() {
      cancelTimer?.();
      queue.clear();
    },
  };
}
