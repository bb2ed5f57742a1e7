/**
 * The policies of the cluster, listed and watched once for all who need them: the source reads their specs, the store
 * keeps decisions in their status. Two watches of one object would tell of it in two orders.
 */
import type { Clock } from '../../clock.ts';
import type { KubeClient } from '../../kubernetes/kube-client.ts';
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
  /** Asks for the newest state there is, and resolves when it was told: nothing older than this call. */
  refresh(): Promise<void>;
  health(): readonly ReflectorHealth[];
}

export function createPolicyFeed(options: PolicyFeedOptions): PolicyFeed {
  const { client, clock, random, namespaces, onProblem, watching } = options;
  const listeners: ((change: Change<PolicyObject>) => void)[] = [];
  const healthListeners: (() => void)[] = [];
  const reflectors = scopesOf(namespaces).map((namespace) =>
    createReflector({
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
  );
  let isStarted = false;

  return {
    start(signal) {
      if (isStarted) return;
      isStarted = true;
      for (const reflector of reflectors) void reflector.run(signal);
    },
    synced: Promise.all(reflectors.map(({ synced }) => synced)).then(() => undefined),
    subscribe: (listener) => void listeners.push(listener),
    onHealth: (listener) => void healthListeners.push(listener),
    async refresh() {
      await Promise.all(reflectors.map((reflector) => reflector.relist()));
    },
    health: () => reflectors.map((reflector) => reflector.health()),
  };
}
