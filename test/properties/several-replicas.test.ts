/** Leaders that come and go around one store, and each check with a mistake that it catches. */
import { expect, it } from 'vitest';
import type { JsonValue, Store, StoredRecord } from '../../engine/store/store.ts';
import { decisionOf } from '../support/fixtures.ts';
import { explore } from './explore.ts';
import { histories } from './history.ts';
import { isOf } from './invariants/must.ts';
import { type Break, liveTogether, weights } from './several-replicas.ts';
import { createTally } from './tally.ts';

it('whoever leads, and whoever believes it, every replica keeps the floor and serves what is on record', {
  timeout: 600_000,
}, async () => {
  const tally = createTally();
  await explore(histories(weights, 60), 150, (history) => liveTogether(history, tally));
  console.log(tally.line('simulation of several replicas'));
  if (process.env['KUBERVISOR_PATH'] === undefined) expect(tally.kinds().length).toBeGreaterThan(5);
});

it.each<readonly [mistake: string, caughtBy: string, mistake: Break]>([
  ['takes everybody for out', 'I1 floor at each replica', hearing((record) => withOut(record, 5, 1))],
  ['adds one to who is out', 'I1 budget of several leaders', hearing((record) => withOut(record, 3, 3))],
  [
    'says it has written what it has not',
    'I4 written before it is served',
    () => ({ save: async (_service, _body, revision) => ({ kind: 'saved', revision: revision + 1 }) }),
  ],
  ['takes what is old for new', 'I5 order at each replica', takesOldForNew],
  ['hears of nobody else', 'I8 replicas agree', hearing(() => undefined)],
  ['keeps to what was said to it', 'I8 one suspension', () => ({ retellGlobal: () => undefined })],
  ['forgets what is on record when it comes to lead', 'I8 failover', forgetsWhenItLeads],
])('one that %s is caught by %s', { timeout: 120_000 }, async (_, caughtBy, mistake) => {
  const live = (): Promise<void> =>
    explore(histories(weights, 60), 500, async (history) => {
      try {
        await liveTogether(history, createTally(), mistake);
      } catch (error) {
        if (isOf(caughtBy, error)) throw error;
      }
    });
  await expect(live()).rejects.toThrow(caughtBy);
});

/** What others write is heard otherwise, or not at all. */
function hearing(change: (record: StoredRecord) => StoredRecord | undefined): Break {
  return (store) => ({
    watch: (watcher) =>
      store.watch?.({
        ...watcher,
        record(service, record) {
          const heard = record === undefined ? undefined : change(record);
          if (heard !== undefined) watcher.record(service, heard);
        },
      }),
  });
}

/** With as many out as that, on a record that says that so few must stay. */
function withOut(record: StoredRecord, count: number, floor: number): StoredRecord {
  const decisions = Array.from({ length: count }, (_, index) => decisionOf(`p${index + 1}`, 'ejected'));
  return edited(record, { clamp: { base: 6, floor }, enforced: { decisions, ejections: [] } });
}

function takesOldForNew(store: Store): Partial<Store> {
  const known: StoredRecord[] = [];
  return hearing((record) => {
    known.push(record);
    const older = known.length % 3 === 0 ? known.at(-3) : undefined;
    return older === undefined ? record : edited({ ...older, revision: record.revision }, { epoch: 1_000_000 });
  })(store);
}

function forgetsWhenItLeads(store: Store): Partial<Store> {
  let last: StoredRecord | undefined;
  return {
    watch: (watcher) =>
      store.watch?.({
        ...watcher,
        record(service, record) {
          last = record;
          watcher.record(service, record);
        },
        role(role) {
          const none = { epoch: 1_000_000, enforced: { decisions: [], ejections: [] } };
          if (role.kind === 'leading' && last !== undefined) watcher.record(last.service, edited(last, none));
          watcher.role(role);
        },
      }),
  };
}

function edited(record: StoredRecord, change: object): StoredRecord {
  return { ...record, body: { ...(record.body as object), ...change } as JsonValue };
}
