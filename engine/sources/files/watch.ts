/** Notices changes of a directory and waits until they have settled. */
import { type FSWatcher, watch } from 'node:fs';
import type { Clock } from '../../clock.ts';
import type { EpochMs } from '../../model.ts';
import { createAlarm } from '../alarm.ts';

export interface DirectoryWatch {
  /**
   * Watches what the path names now. Called before every reading, because the directory itself can have been replaced,
   * and a watch belongs to the directory it was made for. The new watch is there before the old one ends.
   * @returns whether it could be set up: the system's number of watches is limited, and some file systems have none.
   */
  arm(): boolean;
  close(): void;
}

/** A mounted ConfigMap changes by a rename of `..data`, an editor by a rename of its file: both are events here. */
export function createDirectoryWatch(directory: string, onEvent: () => void): DirectoryWatch {
  let watcher: FSWatcher | undefined;
  return {
    arm() {
      const former = watcher;
      watcher = undefined;
      try {
        watcher = watch(directory, onEvent).on('error', onEvent);
      } catch {
        // The caller goes on by reading at intervals.
      }
      former?.close();
      return watcher !== undefined;
    },
    close() {
      watcher?.close();
      watcher = undefined;
    },
  };
}

/** A burst of events becomes one call, when it has been quiet for `quietMs`, but no later than ten times that. */
export function createSettler(clock: Clock, quietMs: number, onSettled: () => void): { touch(): void; cancel(): void } {
  let latestMs: EpochMs | undefined;
  const alarm = createAlarm(clock, () => {
    latestMs = undefined;
    onSettled();
  });
  return {
    touch() {
      const now = clock.now();
      latestMs ??= now + 10 * quietMs;
      alarm.set(Math.min(now + quietMs, latestMs));
    },
    cancel: alarm.cancel,
  };
}

/** Runs one task at a time; however often it is asked for during a run, one more run follows. */
export function createSerial(task: () => Promise<void>): () => void {
  let isRunning = false;
  let isWanted = false;
  const run = async (): Promise<void> => {
    isRunning = true;
    while (isWanted) {
      isWanted = false;
      await task();
    }
    isRunning = false;
  };
  return () => {
    isWanted = true;
    if (!isRunning) void run();
  };
}
