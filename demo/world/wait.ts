/** Waiting for a condition, never for a time. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** How long to go on trying, in milliseconds. */
  readonly timeoutMs: number;
  /** Pause between two tries, in milliseconds; default 20. */
  readonly everyMs?: number;
  /** What is waited for, for the message. */
  readonly what?: string;
  readonly signal?: AbortSignal;
}

/**
 * Calls `probe` until it returns something other than false or undefined, and returns that. A probe that throws has not
 * succeeded yet, so it may be an assertion.
 * @throws after `timeoutMs`, with the last thing the probe threw as the cause.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, false | undefined>> {
  const startedMs = performance.now();
  for (;;) {
    options.signal?.throwIfAborted();
    let last: unknown;
    try {
      const result = await probe();
      if (isResult(result)) {
        return result;
      }
    } catch (error) {
      last = error;
    }
    if (performance.now() - startedMs >= options.timeoutMs) {
      const detail = last instanceof Error ? `: ${last.message}` : '';
      throw new Error(`not within ${options.timeoutMs} ms: ${options.what ?? 'the condition'}${detail}`, {
        cause: last,
      });
    }
    // Rejects only when aborted; the caller wants its own reason back.
    await sleep(options.everyMs ?? 20, undefined, options).catch(() => options.signal?.throwIfAborted());
  }
}

function isResult<T>(value: T): value is Exclude<T, false | undefined> {
  return value !== false && value !== undefined;
}
