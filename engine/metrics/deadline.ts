/** A deadline as an AbortSignal, on the injected clock. */
import type { Clock } from '../clock.ts';

export interface Deadline {
  /** Aborts at the deadline, or when the caller's own signal does. */
  readonly signal: AbortSignal;
  /** The time is up; false when it was the caller who aborted. */
  expired(): boolean;
  /** Milliseconds left, at least 0. */
  remainingMs(): number;
  /** Releases timer and listener; a caller's signal lives as long as the process and would collect them. */
  dispose(): void;
}

export function createDeadline(clock: Clock, timeoutMs: number, signal: AbortSignal): Deadline {
  const atMs = clock.now() + timeoutMs;
  const controller = new AbortController();
  let expired = false;
  const abort = (): void => controller.abort();
  const cancelTimer = clock.at(atMs, () => {
    expired = !signal.aborted;
    abort();
  });
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    expired: () => expired,
    remainingMs: () => Math.max(0, atMs - clock.now()),
    dispose() {
      cancelTimer();
      signal.removeEventListener('abort', abort);
    },
  };
}
