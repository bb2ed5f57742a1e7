/** One process of ours: the engine with its store, and the xDS server's cache with what it serves. */
import type { Assignment } from '../../engine/assignment/assignment.ts';
import { createEngine, type Engine } from '../../engine/engine.ts';
import type { EngineObserver, Gather } from '../../engine/loop.ts';
import type { Fleet, ServiceKey } from '../../engine/model.ts';
import type { Timing } from '../../engine/rotation/context.ts';
import type { Effect } from '../../engine/rotation/event.ts';
import type { SourceChange } from '../../engine/sources/source.ts';
import type { Store } from '../../engine/store/store.ts';
import { createXdsCache, type XdsCache } from '../../xds/cache.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import type { ProcessStore } from './shared-store.ts';

export interface Replica {
  readonly engine: Engine;
  readonly cache: XdsCache;
  readonly epoch: number;
  /** By Service, what it serves. */
  readonly served: ReadonlyMap<ServiceKey, Assignment>;
  /** By Service, the fleet it was told of last. */
  readonly fleets: ReadonlyMap<ServiceKey, Fleet>;
  readonly store: ProcessStore;
  tell(changes: readonly SourceChange[]): void;
  /** From one instant to the next, whatever it was doing. */
  kill(isKept: boolean): void;
}

export interface ReplicaOptions {
  readonly clock: ManualClock;
  readonly store: ProcessStore;
  readonly gather: Gather;
  readonly timing: Timing;
  readonly maxEjectionsPerMinute: number;
  /** All there is, when it starts. */
  readonly input: readonly SourceChange[];
  /** What becomes of an assignment before it is served; default: nothing. */
  readonly serve?: (assignment: Assignment) => Assignment;
  readonly onPublish: (replica: Replica, service: ServiceKey) => void;
  readonly onEffect: (replica: Replica, effect: Effect) => void;
  readonly onDefect: (message: string) => void;
}

export async function startReplica(options: ReplicaOptions): Promise<Replica> {
  const { clock, input, serve = (assignment) => assignment, onPublish, onEffect, onDefect } = options;
  const cache = createXdsCache({ clock });
  const served = new Map<ServiceKey, Assignment>();
  const fleets = new Map<ServiceKey, Fleet>();
  const dying = new AbortController();
  let epoch = 0;
  let isDead = false;
  let onChanges: (changes: readonly SourceChange[]) => void = () => undefined;
  /** Whatever a killed process would still do when its time comes, it does not. */
  const whileAlive = (run: () => void) => () => (isDead ? undefined : run());
  const store: Store = {
    ...options.store,
    async load(signal) {
      const state = await options.store.load(signal);
      epoch = state.epoch;
      return state;
    },
  };
  const observer: EngineObserver = {
    effect: (effect) => onEffect(replica, effect),
    evaluated: () => undefined,
    changed: () => undefined,
    gone: () => undefined,
    problem: ({ code, message }) => (code === 'KV0001' ? onDefect(message) : undefined),
  };
  const engine = createEngine({
    ...options,
    store,
    clock: { now: clock.now, at: (atMs, run) => clock.at(atMs, whileAlive(run)) },
    gather: (...given) => (isDead ? new Promise(() => undefined) : options.gather(...given)),
    observer,
    source: {
      async start(listener) {
        onChanges = listener;
        replica.tell(input);
      },
      problems: () => [],
    },
    publisher: {
      publish(given) {
        const assignments = given.map(serve);
        for (const assignment of assignments) served.set(assignment.service, assignment);
        cache.publish(assignments);
        for (const { service } of assignments) onPublish(replica, service);
      },
      remove(service) {
        served.delete(service);
        cache.remove(service);
      },
    },
  });

  const replica: Replica = {
    engine,
    cache,
    get epoch() {
      return epoch;
    },
    served,
    fleets,
    store: options.store,
    tell(changes) {
      for (const change of changes) {
        if (change.kind === 'fleet') fleets.set(change.fleet.service, change.fleet);
        if (change.kind === 'fleet-gone') fleets.delete(change.service);
      }
      onChanges(changes);
    },
    kill(isKept) {
      isDead = true;
      options.store.kill(isKept);
      dying.abort();
    },
  };
  await engine.start(dying.signal);
  cache.open();
  return replica;
}
