/** An engine with three pricers that obeys overrides while it is told that it leads. On one store one takes over from another. */
import { createActs, type ManualAct } from '../../engine/admin/acts.ts';
import { systemClock } from '../../engine/clock.ts';
import { createEngine } from '../../engine/engine.ts';
import type { KubeClient } from '../../engine/kubernetes/kube-client.ts';
import { createOverrides, type Overrides, type OverridesTiming } from '../../engine/overrides/obey.ts';
import { defaultTiming } from '../../engine/rotation/context.ts';
import type { Effect } from '../../engine/rotation/event.ts';
import { fleetOf, policyOf } from '../support/fixtures.ts';
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts';

export interface OverridingReplica {
  readonly overrides: Overrides;
  readonly effects: readonly Effect[];
  readonly acts: readonly ManualAct[];
  isLeading: boolean;
  /** As `p1 ejected`. */
  out(): readonly string[];
  stop(): Promise<void>;
}

export interface OverridingOptions {
  readonly client: KubeClient;
  readonly store?: MemoryStore;
  readonly timing?: Partial<OverridesTiming>;
  /** Default true. */
  readonly isLeading?: boolean;
}

const quick: Partial<OverridesTiming> = { lookEveryMs: 50, unknownMs: 200, retryMs: 50 };

export async function startOverriding(options: OverridingOptions): Promise<OverridingReplica> {
  const { client, store = createMemoryStore(), timing = {}, isLeading = true } = options;
  const stopping = new AbortController();
  const effects: Effect[] = [];
  const acts: ManualAct[] = [];
  const engine = createEngine({
    clock: systemClock,
    source: {
      start: async (onChanges) =>
        onChanges([
          { kind: 'fleet', fleet: fleetOf(3) },
          { kind: 'policy', policy: policyOf({ breakers: [] }) },
        ]),
      problems: () => [],
    },
    store: store.store,
    gather: () => Promise.reject(new Error('nobody asks')),
    publisher: { publish: () => undefined, remove: () => undefined },
    observer: {
      effect: (effect) => effects.push(effect),
      evaluated: () => undefined,
      changed: () => undefined,
      gone: () => undefined,
      problem: () => undefined,
    },
    timing: defaultTiming,
    maxEjectionsPerMinute: 10,
  });
  await engine.start(stopping.signal);
  const overrides = createOverrides({
    client,
    clock: systemClock,
    random: Math.random,
    namespaces: ['shop'],
    engine: { states: () => engine.states(), epoch: () => (replica.isLeading ? 1 : undefined) },
    acts: createActs({ engine, clock: systemClock, onAct: (act) => acts.push(act) }),
    onProblem: (problem) => {
      throw new Error(problem.message);
    },
    timing: { ...quick, ...timing },
  });
  const replica: OverridingReplica = {
    overrides,
    effects,
    acts,
    isLeading,
    out: () =>
      [...(engine.states()[0]?.enforced.decisions.values() ?? [])].flatMap(({ name, state }) =>
        state === 'serving' ? [] : [`${name} ${state}`],
      ),
    async stop() {
      stopping.abort();
      await Promise.all([running, engine.stop()]);
    },
  };
  const running = overrides.run(stopping.signal);
  return replica;
}
