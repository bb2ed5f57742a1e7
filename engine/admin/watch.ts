/**
 * A watch: the present views, then each change. It is pulled by whoever writes to the client, and a view is made at the
 * moment it is pulled. So a client that reads slowly skips states instead of making us remember them.
 */
import type { Clock } from '../clock.ts';
import { type ServiceKey, splitServiceKey } from '../model.ts';
import type { ServiceState } from '../rotation/state.ts';
import { checkFilter, matches } from './find.ts';
import type { ServiceView, WatchRequest, WatchResponse } from './messages.ts';

export interface WatchOptions {
  readonly clock: Clock;
  states(): readonly ServiceState[];
  view(state: ServiceState, withBackends: boolean): ServiceView;
  replica(): Pick<WatchResponse, 'replica'>;
  /** Calls back when a Service changed or is gone; the returned function ends that. */
  subscribe(listener: (service: ServiceKey) => void): () => void;
}

/** Changes of one moment, such as one tick of eight breakers, are gathered this long and sent as one. */
const gatherMs = 100;

export async function* watchServices(
  options: WatchOptions,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchResponse, void, void> {
  checkFilter(request);
  const changes = collectChanges(options, request, signal);
  try {
    for (const state of sorted(options.states())) {
      if (matches(state.service, request)) yield changed(state.service, options.view(state, request.backends));
    }
    yield { key: '', gone: false, current: true, ...options.replica() };
    while (!signal.aborted) {
      const keys = await changes.next();
      const states = new Map(options.states().map((state) => [state.service, state]));
      for (const key of keys) {
        const state = states.get(key);
        yield state === undefined
          ? { key, gone: true, current: false }
          : changed(key, options.view(state, request.backends));
      }
    }
  } finally {
    changes.close();
  }
}

function changed(key: ServiceKey, service: ServiceView): WatchResponse {
  return { key, service, gone: false, current: false };
}

export function sorted(states: readonly ServiceState[]): readonly ServiceState[] {
  return states.toSorted((a, b) => {
    const [one, other] = [splitServiceKey(a.service), splitServiceKey(b.service)];
    return one.namespace === other.namespace ? compare(one.name, other.name) : compare(one.namespace, other.namespace);
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}

interface Changes {
  /** Resolves with what changed since the last call, empty when the watch ends. */
  next(): Promise<readonly ServiceKey[]>;
  close(): void;
}

function collectChanges({ clock, subscribe }: WatchOptions, request: WatchRequest, signal: AbortSignal): Changes {
  const changed = new Set<ServiceKey>();
  let wake: () => void = () => undefined;
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  const unsubscribe = subscribe((service) => {
    if (!matches(service, request)) return;
    changed.add(service);
    wake();
  });

  return {
    async next() {
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (changed.size > 0 || signal.aborted) resolve();
      });
      await pause(clock, gatherMs, signal);
      const keys = signal.aborted ? [] : [...changed];
      changed.clear();
      return keys;
    },
    close() {
      unsubscribe();
      signal.removeEventListener('abort', onAbort);
    },
  };
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.at(clock.now() + ms, done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
