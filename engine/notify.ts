/** Tells whoever watches that something of a Service changed. */
import type { EngineObserver } from './loop.ts';
import type { ServiceKey } from './model.ts';

export interface Notifier {
  notify(service: ServiceKey): void;
  /** The returned function ends the subscription. */
  subscribe(listener: (service: ServiceKey) => void): () => void;
}

export function createNotifier(): Notifier {
  const listeners = new Set<(service: ServiceKey) => void>();
  return {
    notify(service) {
      for (const listener of listeners) listener(service);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Whoever watches a Service is told after log and metrics were. */
export function announcing(observer: EngineObserver, { notify }: Notifier): EngineObserver {
  return {
    ...observer,
    changed(state) {
      observer.changed(state);
      notify(state.service);
    },
    gone(service) {
      observer.gone(service);
      notify(service);
    },
  };
}
