/**
 * One state directory and the processes that come to it, one after the other or, where one was taken for dead and is
 * not, side by side. Writes fail, hang, are kept without an answer, or collide with those of somebody else.
 */
import type { ServiceKey } from '../../engine/model.ts';
import type { ServiceRecord } from '../../engine/rotation/record.ts';
import type { Problem } from '../../engine/problem.ts';
import type { JsonValue, Store, StoredRecord } from '../../engine/store/store.ts';
import { createMemoryStore } from '../support/memory-store.ts';

/** `unanswered`: it is kept, and nobody is told so. */
export type Weather = 'save' | 'fail' | 'full' | 'hang' | 'unanswered';

export interface SharedStore {
  weather: Weather;
  records(): ReadonlyMap<string, StoredRecord>;
  /** The store as one process sees it, until it is killed. */
  open(): ProcessStore;
  /** Somebody writes the record down once more, as it is. */
  touch(service: ServiceKey): Promise<void>;
  /** The next process finds the version before, as when the last one was damaged. */
  rollBack(service: ServiceKey): void;
}

export interface ProcessStore extends Store {
  release(): void;
  /** What hangs is kept or lost; nothing is ever answered again. */
  kill(isKept: boolean): void;
}

const problem: Problem = { code: 'KV0499', severity: 'error', message: 'by chance' };

export function createSharedStore(onSave: (service: ServiceKey, record: ServiceRecord) => void): SharedStore {
  const disk = createMemoryStore();
  const older = new Map<ServiceKey, StoredRecord>();
  const records = disk.records as Map<ServiceKey, StoredRecord>;

  async function save(service: ServiceKey, body: JsonValue, expected: number): ReturnType<Store['save']> {
    const before = records.get(service);
    const result = await disk.store.save(service, body, expected);
    if (result.kind !== 'saved') return result;
    if (before !== undefined) older.set(service, before);
    onSave(service, body as unknown as ServiceRecord);
    return result;
  }

  function open(): ProcessStore {
    let isDead = false;
    let hanging: readonly (() => void)[] = [];

    function attempt<Result>(
      run: () => Promise<Result>,
    ): Promise<Result | { kind: 'failed' | 'full'; problem: Problem }> {
      if (isDead) return new Promise(() => undefined);
      switch (shared.weather) {
        case 'save':
          return run();
        case 'unanswered':
          return run().then(() => ({ kind: 'failed', problem }));
        case 'fail':
          return Promise.resolve({ kind: 'failed', problem });
        case 'full':
          return Promise.resolve({ kind: 'full', problem });
        case 'hang':
          return new Promise((resolve) => {
            hanging = [...hanging, () => void run().then((result) => (isDead ? undefined : resolve(result)))];
          });
      }
    }

    function release(): void {
      const released = hanging;
      hanging = [];
      for (const run of released) run();
    }

    return {
      load: disk.store.load,
      save: (service, body, expected) => attempt(() => save(service, body, expected)),
      remove: (service, expected) => attempt(() => disk.store.remove(service, expected)),
      saveGlobal: (body) => attempt(() => disk.store.saveGlobal(body)),
      close: () => Promise.resolve(),
      release,
      kill(isKept) {
        isDead = true;
        if (isKept) release();
        hanging = [];
      },
    };
  }

  const shared: SharedStore = {
    weather: 'save',
    records: () => records,
    open,
    async touch(service) {
      const record = records.get(service);
      if (record !== undefined) await disk.store.save(service, record.body, record.revision);
    },
    rollBack(service) {
      const record = older.get(service);
      if (record !== undefined) records.set(service, record);
    },
  };
  return shared;
}
