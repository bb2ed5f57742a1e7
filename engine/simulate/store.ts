/** Decisions of a simulation survive nothing. */
import type { JsonValue, Store } from '../store/store.ts';

export function createForgetfulStore(): Store {
  let revision = 0;
  const save = async (_service: unknown, _body: JsonValue) => ({ kind: 'saved', revision: ++revision }) as const;
  return {
    load: async () => ({ records: new Map(), epoch: 1, problems: [] }),
    save,
    remove: async () => ({ kind: 'removed' }),
    saveGlobal: async () => ({ kind: 'saved' }),
    close: async () => undefined,
  };
}
