import type { Clock } from '../clock.ts';
import type { EpochMs } from '../model.ts';

/** One wake-up call; setting it again replaces it. */
export interface Alarm {
  set(atMs: EpochMs): void;
  cancel(): void;
}

export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let cancel = (): void => {};
  return {
    set(atMs) {
      cancel();
      cancel = clock.at(atMs, ring);
    },
    cancel: () => cancel(),
  };
}
