/** A store that is measured: how long it takes, how it fails, and of how many Services nothing can be stored. */
import type { Clock } from '../clock.ts';
import type { EpochMs, ServiceKey } from '../model.ts';
import type { Store } from '../store/store.ts';
import type { StoreMetrics } from './metrics.ts';

export interface MeasuredStore extends Store {
  /** Services whose last save failed, or has not ended for longer than any healthy store takes. */
  frozen(): number;
}

const slowAfterMs = 5_000;

export function measureStore(store: Store, metrics: StoreMetrics, clock: Clock): MeasuredStore {
  const failing = new Set<ServiceKey>();
  /** Begin of the oldest save of each Service that has not ended. */
  const pending = new Map<ServiceKey, EpochMs>();

  return {
    ...(store.patienceMs === undefined ? {} : { patienceMs: store.patienceMs }),
    ...(store.watch === undefined ? {} : { watch: (watcher) => store.watch?.(watcher) }),
    ...(store.retellGlobal === undefined ? {} : { retellGlobal: () => store.retellGlobal?.() }),
    ...(store.leads === undefined ? {} : { leads: () => store.leads?.() === true }),
    ...(store.resign === undefined ? {} : { resign: () => store.resign?.() ?? Promise.resolve() }),
    load: (signal) => store.load(signal),
    async save(service, body, revision) {
      const begunMs = clock.now();
      if (!pending.has(service)) pending.set(service, begunMs);
      const result = await store.save(service, body, revision);
      pending.delete(service);
      if (result.kind === 'saved') {
        metrics.saved(clock.now() - begunMs);
        failing.delete(service);
      } else {
        metrics.failed(result.kind);
        failing.add(service);
      }
      return result;
    },
    async remove(service, revision) {
      const result = await store.remove(service, revision);
      if (result.kind !== 'removed') metrics.failed(result.kind);
      // Nobody waits for the decisions of a Service that is gone.
      failing.delete(service);
      return result;
    },
    async saveGlobal(body, givesWayTo) {
      const result = await store.saveGlobal(body, givesWayTo);
      if (result.kind !== 'saved' && result.kind !== 'overtaken') metrics.failed(result.kind);
      return result;
    },
    close: () => store.close(),
    frozen() {
      const nowMs = clock.now();
      const stuck = [...pending].filter(([, begunMs]) => nowMs - begunMs > slowAfterMs).map(([service]) => service);
      return new Set([...failing, ...stuck]).size;
    },
  };
}
