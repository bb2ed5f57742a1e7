/** A store in memory whose writes the test lets through, refuses, or leaves hanging. */
import type { ServiceKey } from '../../engine/model.ts';
import type { Problem } from '../../engine/problem.ts';
import type { JsonValue, SaveResult, Store, StoredRecord } from '../../engine/store/store.ts';

export interface MemoryStore {
  readonly store: Store;
  readonly records: ReadonlyMap<string, StoredRecord>;
  readonly global: JsonValue | undefined;
  /** Writes that were asked for, removals and those of the global value included. */
  readonly asked: number;
  /** What happens to writes from now on; while one hangs, those that come wait behind it. */
  answer: 'save' | 'fail' | 'full' | 'hang';
  /** Lets every write that hangs reach the disk, in order. */
  release(): void;
}

const problem: Problem = { code: 'KV0499', severity: 'error', message: 'disk full' };

export function createMemoryStore(): MemoryStore {
  const records = new Map<ServiceKey, StoredRecord>();
  let hanging: (() => void)[] = [];
  let epoch = 0;
  let global: JsonValue | undefined;
  let asked = 0;

  function write<Result>(done: () => Result): Promise<Result | Exclude<SaveResult, { kind: 'saved' | 'conflict' }>> {
    asked += 1;
    // One write at a time: behind one that hangs, all wait.
    switch (hanging.length > 0 ? 'hang' : memory.answer) {
      case 'save':
        return Promise.resolve(done());
      case 'fail':
        return Promise.resolve({ kind: 'failed', problem });
      case 'full':
        return Promise.resolve({ kind: 'full', problem });
      case 'hang':
        return new Promise((resolve) => hanging.push(() => resolve(done())));
    }
  }

  /** What is kept has been through JSON, as on a disk. */
  const copyOf = (body: JsonValue): JsonValue => JSON.parse(JSON.stringify(body)) as JsonValue;

  const store: Store = {
    load: async () => {
      epoch += 1;
      return { records: new Map(records), epoch, problems: [], ...(global === undefined ? {} : { global }) };
    },
    save: (service, body, expected) =>
      write((): SaveResult => {
        const current = records.get(service);
        if (expected !== (current?.revision ?? 0)) {
          return { kind: 'conflict', ...(current === undefined ? {} : { current }) };
        }
        records.set(service, { service, revision: expected + 1, body: copyOf(body) });
        return { kind: 'saved', revision: expected + 1 };
      }),
    remove: (service) =>
      write(() => {
        records.delete(service);
        return { kind: 'removed' };
      }),
    saveGlobal: (body) =>
      write(() => {
        global = copyOf(body);
        return { kind: 'saved' };
      }),
    close: () => new Promise((resolve) => (hanging.length === 0 ? resolve() : hanging.push(resolve))),
  };

  const memory: MemoryStore = {
    store,
    records,
    answer: 'save',
    get global() {
      return global;
    },
    get asked() {
      return asked;
    },
    release() {
      const released = hanging;
      hanging = [];
      for (const run of released) run();
    },
  };
  return memory;
}
