/** How often we write to the API server: at once where it has been quiet, and never more than it bears. */
import type { Clock } from '../../clock.ts';
import type { EpochMs } from '../../model.ts';
import { sleep } from '../../kubernetes/sleep.ts';
import { rememberInUse } from '../../metrics/in-use.ts';
import { createTurnQueue } from './turn-queue.ts';

export interface PaceSettings {
  /** From one write of an object to the next. */
  readonly perObjectMs: number;
  /** All objects together, in the long run. */
  readonly perSecond: number;
  /** As many may go at once, after a while without any. */
  readonly burst: number;
}

export interface Pace {
  /**
   * Resolves when the object may be written, or when the signal aborts. Namespaces take turns; within one it is the order
   * of asking. @param key `namespace/name`
   */
  turn(key: string, signal: AbortSignal): Promise<void>;
  /** The server asks to be left alone. */
  holdOff(forMs: number): void;
  /** What can wait may go now: the half of a burst is left for what cannot. */
  hasSpare(): boolean;
}

/** A wrong header must not keep decisions from being written for a day. */
const longestHoldOffMs = 60_000;

export function createPace({ perObjectMs, perSecond, burst }: PaceSettings, clock: Clock): Pace {
  const writesOf = rememberInUse(clock, perObjectMs, (): { lastMs: EpochMs } => ({ lastMs: Number.NEGATIVE_INFINITY }));
  const intervalMs = 1000 / perSecond;
  /** When all that was let through would have been, one after the other; a burst may be as far ahead of it. */
  let chargedUntilMs = 0;
  let heldUntilMs = 0;
  let seenMs = clock.now();
  const waiting = createTurnQueue<() => void>();
  let cancelNext: () => void = () => undefined;

  function now(): EpochMs {
    const nowMs = clock.now();
    // A clock that was set back must not stretch a wait of a second to one of an hour.
    if (nowMs < seenMs) {
      chargedUntilMs = nowMs;
      heldUntilMs = nowMs;
    }
    seenMs = nowMs;
    return nowMs;
  }

  function waitMs(key: string): number {
    const nowMs = now();
    const sinceMs = nowMs - writesOf(key).lastMs;
    return Math.max(heldUntilMs - nowMs, sinceMs < 0 ? 0 : perObjectMs - sinceMs);
  }

  function aheadMs(): number {
    return Math.max(0, chargedUntilMs - now());
  }

  /** All whose turn has come; then again when the next one has. */
  function letGo(): void {
    cancelNext();
    while (!waiting.isEmpty()) {
      const ms = Math.max(heldUntilMs - now(), aheadMs() - (burst - 1) * intervalMs);
      if (ms > 0) {
        cancelNext = clock.at(now() + Math.ceil(ms), letGo);
        return;
      }
      chargedUntilMs = Math.max(chargedUntilMs, now()) + intervalMs;
      waiting.take()?.();
    }
  }

  function turnOf(namespace: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const go = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        waiting.remove(namespace, go);
        if (waiting.isEmpty()) cancelNext();
        resolve();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.add(namespace, go);
      letGo();
    });
  }

  return {
    async turn(key, signal) {
      for (let ms = waitMs(key); ms > 0 && !signal.aborted; ms = waitMs(key)) await sleep(clock, ms, signal);
      // Before it has gone: a second write of the object must not slip in while this one waits for the others.
      writesOf(key).lastMs = now();
      await turnOf(key.slice(0, key.indexOf('/')), signal);
      writesOf(key).lastMs = now();
    },
    holdOff(forMs) {
      heldUntilMs = Math.max(heldUntilMs, now() + Math.min(forMs, longestHoldOffMs));
    },
    hasSpare: () => heldUntilMs <= now() && waiting.isEmpty() && aheadMs() < (burst / 2) * intervalMs,
  };
}
