/** Work that is looked for again and again: soon after somebody said that there may be some, and else after a while. */
import type { Clock } from './clock.ts';
import { defect } from './defect.ts';
import { sleep } from './kubernetes/sleep.ts';
import type { EpochMs } from './model.ts';
import type { Problem } from './problem.ts';

export interface Rounds {
  /** There may be something to do. Never waits, and costs nothing when it is said often. */
  wake(): void;
  /** Resolves when the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export interface RoundsOptions {
  readonly clock: Clock;
  /** Between the end of one round and the next at least, in milliseconds: what comes together is done together. */
  readonly pauseMs: number;
  /** Without being woken, in milliseconds: what nobody told of is found in time. */
  readonly longestMs: number;
  /** @returns when to come again, if that is sooner. */
  readonly round: (signal: AbortSignal) => Promise<EpochMs | undefined>;
  /** What a round is, for people: as in `acting on pods failed`. */
  readonly doing: string;
  readonly onProblem: (problem: Problem) => void;
}

export function createRounds({ clock, pauseMs, longestMs, round, doing, onProblem }: RoundsOptions): Rounds {
  let isWoken = false;
  let endWait = (): void => undefined;

  async function wait(untilMs: EpochMs, signal: AbortSignal): Promise<void> {
    if (isWoken) return;
    const woken = new AbortController();
    endWait = () => woken.abort();
    await sleep(clock, untilMs - clock.now(), AbortSignal.any([signal, woken.signal]));
  }

  return {
    wake() {
      isWoken = true;
      endWait();
    },
    async run(signal) {
      while (!signal.aborted) {
        isWoken = false;
        let againMs: EpochMs | undefined;
        try {
          againMs = await round(signal);
        } catch (error) {
          // One that fails must not be the last: nobody would notice.
          if (!signal.aborted) onProblem(defect(doing, error));
        }
        await sleep(clock, pauseMs, signal);
        await wait(Math.min(againMs ?? Number.POSITIVE_INFINITY, clock.now() + longestMs), signal);
      }
    },
  };
}
