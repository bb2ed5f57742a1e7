/** When a source that fails is asked again: exponential, with equal jitter, so that replicas do not come back as one. */
import type { EpochMs } from '../model.ts';

export interface BackoffSettings {
  /** Longest wait after the first failure; doubles with each further one. */
  readonly baseMs: number;
  readonly maxMs: number;
  /** Bound of what a peer may ask for by Retry-After: a wrong header must not silence a source for a day. */
  readonly maxRetryAfterMs: number;
}

export interface Backoff {
  /** Milliseconds to wait from now; 0 when asking is allowed. */
  waitMs(nowMs: EpochMs): number;
  /** The round a request belongs to; hand it to {@link failed}. */
  round(): number;
  /**
   * Several requests are under way when a source breaks, and all of them fail. They are one failure, not several: only
   * the first of a round doubles the wait.
   */
  failed(round: number, nowMs: EpochMs, retryAfterMs?: number): void;
  succeeded(): void;
}

export function createBackoff(settings: BackoffSettings, random: () => number): Backoff {
  let failures = 0;
  let current = 0;
  let sinceMs = 0;
  let untilMs = 0;
  return {
    // A wall clock that was set back must not stretch the wait, so a failure "in the future" ends it.
    waitMs: (nowMs) => (nowMs < sinceMs ? 0 : Math.max(0, untilMs - nowMs)),
    round: () => current,
    failed(round, nowMs, retryAfterMs = 0) {
      if (round !== current) return;
      current += 1;
      const longestMs = Math.min(settings.maxMs, settings.baseMs * 2 ** failures);
      failures += 1;
      const jitteredMs = longestMs / 2 + random() * (longestMs / 2);
      sinceMs = nowMs;
      untilMs = nowMs + Math.max(jitteredMs, Math.min(retryAfterMs, settings.maxRetryAfterMs));
    },
    succeeded() {
      failures = 0;
      untilMs = 0;
    },
  };
}

/** Retry-After is seconds or a date; anything else is no wish. */
export function retryAfterMs(header: string | undefined, nowMs: EpochMs): number | undefined {
  if (header === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(header)) return Number(header) * 1000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
