/** Tells whoever watches that something of a Service changed. */
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
