import { expect, test } from 'vitest';
import { createManualClock, settle } from '../../test/support/manual-clock.ts';
import { serviceKey } from '../model.ts';
import type { SaveResult, Store } from '../store/store.ts';
import { measureStore } from './measured-store.ts';
import { createMetrics } from './metrics.ts';

const pricer = serviceKey('shop', 'pricer');
const search = serviceKey('shop', 'search');

function measured() {
  const answers: ((result: SaveResult) => void)[] = [];
  const store: Store = {
    load: async () => ({ records: new Map(), epoch: 1, problems: [] }),
    save: () => new Promise((resolve) => void answers.push(resolve)),
    remove: async () => ({ kind: 'removed' }),
    saveGlobal: async () => ({ kind: 'failed', problem: { code: 'KV0406', severity: 'error', message: 'no' } }),
    close: async () => undefined,
  };
  const clock = createManualClock();
  const metrics = createMetrics({ version: '0' });
  const measuredStore = measureStore(store, metrics.store, clock);
  metrics.readFrom({ frozen: () => measuredStore.frozen() });
  const answer = async (result: SaveResult): Promise<void> => {
    answers.shift()?.(result);
    await settle();
  };
  return { store: measuredStore, clock, metrics, answer };
}

const full: SaveResult = { kind: 'full', problem: { code: 'KV0407', severity: 'error', message: 'no room' } };

test('a Service is frozen from a failed save to the next good one', async () => {
  const { store, answer, metrics } = measured();
  void store.save(pricer, 1, 0);
  void store.save(search, 1, 0);
  await answer(full);
  await answer({ kind: 'conflict' });
  expect(store.frozen()).toBe(2);
  expect(await metrics.render()).toMatch(/^kubervisor_decisions_frozen 2$/m);
  void store.save(pricer, 1, 0);
  await answer({ kind: 'saved', revision: 1 });
  expect(store.frozen()).toBe(1);
  await store.remove(search, 1);
  expect(store.frozen()).toBe(0);
});

test('a save that hangs freezes its Service too', async () => {
  const { store, clock, answer } = measured();
  void store.save(pricer, 1, 0);
  await clock.advance(5000);
  expect(store.frozen()).toBe(0);
  await clock.advance(1);
  expect(store.frozen()).toBe(1);
  await answer({ kind: 'saved', revision: 1 });
  expect(store.frozen()).toBe(0);
});

test('failures are counted by kind, and the time of what succeeds is measured', async () => {
  const { store, clock, answer, metrics } = measured();
  void store.save(pricer, 1, 0);
  await answer(full);
  await store.saveGlobal(1);
  void store.save(pricer, 1, 0);
  await clock.advance(20);
  await answer({ kind: 'saved', revision: 1 });
  const text = await metrics.render();
  expect(text).toContain('kubervisor_store_failures_total{kind="full"} 1');
  expect(text).toContain('kubervisor_store_failures_total{kind="failed"} 1');
  expect(text).toContain('kubervisor_store_save_duration_seconds_sum 0.02');
});

test('what only a shared store can do it can do when measured, and another one cannot', () => {
  const told: unknown[] = [];
  const shared: Partial<Store> = {
    watch: (watcher) => told.push(watcher),
    retellGlobal: () => told.push('global'),
    leads: () => true,
    resign: async () => void told.push('resigned'),
  };
  const { store, clock, metrics } = measured();
  const names = Object.keys(shared) as (keyof Store)[];
  const having = (measuredStore: Store) => names.filter((name) => measuredStore[name] !== undefined);
  expect(having(store)).toEqual([]);
  const both = measureStore({ ...store, ...shared }, metrics.store, clock);
  expect(having(both)).toEqual(names);
  both.retellGlobal?.();
  void both.resign?.();
  expect([both.leads?.(), told]).toEqual([true, ['global', 'resigned']]);
});
