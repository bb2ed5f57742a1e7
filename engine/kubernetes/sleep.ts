import type { Clock } from '../clock.ts';

/** Resolves when the time is over or the signal aborts, whichever is first. */
export function sleep(clock: Clock, forMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.at(clock.now() + forMs, done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
