/**
 * The policies of the cluster, listed and watched once for all who need them: the source reads their specs, the store
 * keeps decisions in their status. Two watches of one object would tell of it in two orders.
 */
import type { Clock } from '../../clock.ts';
import { isForbidden, type KubeClient } from '../../kubernetes/kube-client.ts';
import { policiesPath, scopesOf } from '../../kubernetes/paths.ts';
import { type Change, createReflector, type ReflectorHealth, type WatchTiming } from '../../kubernetes/reflector.ts';
import type { Problem } from '../../problem.ts';
import { keepPolicy, type PolicyObject } from './policy-book.ts';

export interface PolicyFeedOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  /** Namespaces to look into; empty: all of them. */
  readonly namespaces: readonly string[];
  readonly onProblem: (problem: Problem) => void;
  /** Default: see the reflector. */
  readonly watching?: WatchTiming;
}

export interface PolicyFeed {
  /** Follows until the signal aborts. The first call begins; later ones change nothing. */
  start(signal: AbortSignal): void;
  /** Resolves when all of them were listed. */
  readonly synced: Promise<void>;
  /** Told of each change, in order, after those who subscribed before. To be called before `start`. */
  subscribe(listener: (change: Change<PolicyObject>) => void): void;
  /** Told when the API server fails, or is well again. */
  onHealth(listener: () => void): void;
  /**
   * Asks for the newest state there is, and resolves when it was told: nothing older than this call. Of several namespaces
   * those that we may not list, by then, hold up no other one: somebody there may have taken that right from us, or the
   * whole namespace is gone. @returns these
   */
  refresh(): Promise<ReadonlySet<string>>;
  health(): readonly ReflectorHealth[];
}

export function createPolicyFeed(options: PolicyFeedOptions): PolicyFeed {
  const { client, clock, random, namespaces, onProblem, watching } = options;
  const listeners: ((change: Change<PolicyObject>) => void)[] = [];
  const healthListeners = new Set<() => void>();
  const parts = scopesOf(namespaces).map((namespace) => ({
    namespace,
    reflector: createReflector({
      path: policiesPath(namespace),
      client,
      clock,
      random,
      keep: keepPolicy,
      onProblem,
      ...(watching === undefined ? {} : { watching }),
      onHealth: () => {
        for (const tell of healthListeners) tell();
      },
      onChange(change) {
        for (const tell of listeners) tell(change);
      },
    }),
  }));
  const reflectors = parts.map(({ reflector }) => reflector);
  let isStarted = false;

  return {
    start(signal) {
      if (isStarted) return;
      isStarted = true;
      for (const reflector of reflectors) void reflector.run(signal);
    },
    synced: Promise.all(reflectors.map(({ synced }) => synced)).then(() => undefined),
    subscribe: (listener) => void listeners.push(listener),
    onHealth: (listener) => void healthListeners.add(listener),
    async refresh() {
      const { promise, resolve } = Promise.withResolvers<ReadonlySet<string>>();
      const unread = new Set(parts);
      function look(): void {
        const isOver = [...unread].every(({ reflector }) => isForbidden(reflector.health().error ?? {}));
        if (unread.size === parts.length || !isOver) return;
        resolve(new Set([...unread].flatMap(({ namespace }) => namespace ?? [])));
      }
      healthListeners.add(look);
      for (const part of parts) {
        void part.reflector.relist().then(() => {
          unread.delete(part);
          look();
        });
      }
      return promise.finally(() => healthListeners.delete(look));
    },
    health: () => reflectors.map((reflector) => reflector.health()),
  };
}
