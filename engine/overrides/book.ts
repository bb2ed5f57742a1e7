/** Overrides as the API server has them, of each namespace, and whether they were read since an epoch began. */
import type { Clock } from '../clock.ts';
import type { KubeClient } from '../kubernetes/kube-client.ts';
import { overridesPath, scopesOf } from '../kubernetes/paths.ts';
import { createReflector, type ReflectorHealth } from '../kubernetes/reflector.ts';
import type { ShapeCheck } from '../policy/shape.ts';
import type { Problem } from '../problem.ts';
import { type Override, readOverride } from './override.ts';

export interface OverrideBookOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  /** Namespaces to look into; empty: all of them. */
  readonly namespaces: readonly string[];
  readonly shape: ShapeCheck;
  readonly onChange: () => void;
  readonly onHealth: () => void;
  readonly onProblem: (problem: Problem) => void;
}

export interface OverrideBook {
  /** Follows until the signal aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** All that are known, in no order. */
  all(): readonly Override[];
  /**
   * Of which namespaces all were listed since the epoch began, by now; of the others a list is asked for. The decisions on
   * record were read afresh, and one that was made a moment ago for an override that a slow watch has not brought yet would
   * look like one whose override is gone. A namespace that cannot be listed holds up no other one.
   */
  readSince(epoch: number): (namespace: string) => boolean;
  /** One for each namespace. */
  health(): readonly ReflectorHealth[];
}

export function createOverrideBook(options: OverrideBookOptions): OverrideBook {
  const { shape, onChange, namespaces } = options;
  const parts = scopesOf(namespaces).map((scope) => {
    let askedIn: number | undefined;
    let listedIn: number | undefined;
    const reflector = createReflector<Override>({
      ...options,
      path: overridesPath(scope),
      keep: (raw) => readOverride(raw, shape),
      onChange,
    });

    async function ask(epoch: number): Promise<void> {
      askedIn = epoch;
      await reflector.relist();
      if (askedIn !== epoch) return;
      listedIn = epoch;
      onChange();
    }

    return {
      scope,
      reflector,
      isReadSince(epoch: number) {
        if (askedIn !== epoch) void ask(epoch);
        return listedIn === epoch;
      },
    };
  });

  return {
    async run(signal) {
      await Promise.all(parts.map(({ reflector }) => reflector.run(signal)));
    },
    all: () => parts.flatMap(({ reflector }) => [...reflector.items().values()]),
    readSince(epoch) {
      const scopes = new Set(parts.filter((part) => part.isReadSince(epoch)).map(({ scope }) => scope));
      return (namespace) => scopes.has(undefined) || scopes.has(namespace);
    },
    health: () => parts.map(({ reflector }) => reflector.health()),
  };
}
