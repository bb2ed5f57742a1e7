/**
 * The engine on a manual clock, with everything around it in a test's hands: the input, the store, what the metrics
 * say. A test then reads like the failure it is about: the store hangs, a breaker speaks, the process is killed.
 */
import type { Assignment } from '../../engine/assignment/assignment.ts';
import { createEngine, type Engine } from '../../engine/engine.ts';
import type { Gather } from '../../engine/loop.ts';
import { backendId, type ServiceKey } from '../../engine/model.ts';
import type { Policy } from '../../engine/policy/policy.ts';
import type { Problem } from '../../engine/problem.ts';
import { defaultTiming } from '../../engine/rotation/context.ts';
import type { Command, Effect } from '../../engine/rotation/event.ts';
import type { ServiceState } from '../../engine/rotation/state.ts';
import type { Source, SourceChange } from '../../engine/sources/source.ts';
import type { Role, Store } from '../../engine/store/store.ts';
import { breakerOf, evidenceOf, fleetOf, type PolicyChange, policyOf } from './fixtures.ts';
import { createManualClock, type ManualClock, settle } from './manual-clock.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';

export { breakerOf, fleetOf, service } from './fixtures.ts';
export { createManualClock, settle } from './manual-clock.ts';
export { createMemoryStore } from './memory-store.ts';

export interface EngineWorld {
  readonly engine: Engine;
  readonly clock: ManualClock;
  readonly store: MemoryStore;
  readonly published: readonly Assignment[];
  readonly removed: readonly ServiceKey[];
  readonly effects: readonly Effect[];
  readonly problems: readonly Problem[];
  /** Evaluations that were begun. */
  readonly asked: number;
  /** `errors` of each backend; absent: 0. */
  readonly errors: Map<string, number>;
  /** What the input does next. */
  change(...changes: readonly SourceChange[]): void;
  /** Status by backend of the assignment that was published last, or last of that Service. */
  statuses(of?: ServiceKey): Readonly<Record<string, string>>;
  state(): ServiceState | undefined;
  readonly roles: readonly Role[];
  eject(name: string, change?: Partial<Extract<Command, { verb: 'eject' | 'pause' }>>): ReturnType<Engine['command']>;
  restore(name: string): ReturnType<Engine['command']>;
  stop(): Promise<void>;
}

export interface EngineWorldOptions {
  /** One that others use too, instead of `store`. */
  readonly shared?: Store;
  readonly store?: MemoryStore;
  readonly clock?: ManualClock;
  /** Instead of {@link EngineWorld.errors}. */
  readonly gather?: Gather;
  /** Instead of what {@link EngineWorld.change} is given. */
  readonly source?: Source;
  /** As a source says it. */
  readonly isComplete?: () => boolean;
  readonly onPublish?: (assignments: readonly Assignment[]) => void;
  readonly beforeStart?: (engine: Engine) => void;
}

/** Evaluated every second over the last one; six backends of which two may be out. */
export function quickPolicy(change: PolicyChange = {}): Policy {
  return policyOf({
    breakers: [breakerOf({ evaluationPeriodMs: 1000, lookbackMs: 1000 })],
    ...change,
    activator: { periodMs: 60_000, ramp: { weights: [5, 50, 100], stepPeriodMs: 2000 }, ...change.activator },
  });
}

export function pricers(change: PolicyChange = {}): readonly SourceChange[] {
  return [
    { kind: 'fleet', fleet: fleetOf(6) },
    { kind: 'policy', policy: quickPolicy(change) },
  ];
}

export async function engineWorld(
  changes: readonly SourceChange[] = pricers(),
  options: EngineWorldOptions = {},
): Promise<EngineWorld> {
  const { store = createMemoryStore(), clock = createManualClock(), isComplete, onPublish } = options;
  const published: Assignment[] = [];
  const removed: ServiceKey[] = [];
  const effects: Effect[] = [];
  const problems: Problem[] = [];
  const roles: Role[] = [];
  const errors = new Map<string, number>();
  let asked = 0;
  let onChanges: (changes: readonly SourceChange[]) => void = () => undefined;
  const fromErrors: Gather = async (_, fleet, atMs) => ({
    evidence: evidenceOf(Object.fromEntries(fleet.backends.map(({ name }) => [name, errors.get(name) ?? 0]))),
    evaluatedAtMs: atMs,
    lookbackMs: 1000,
  });
  const gather = options.gather ?? fromErrors;

  const engine = createEngine({
    clock,
    source: options.source ?? {
      start: async (listener) => {
        onChanges = listener;
        listener(changes);
      },
      problems: () => [],
      ...(isComplete === undefined ? {} : { isComplete }),
    },
    store: options.shared ?? store.store,
    gather(...given) {
      asked += 1;
      return gather(...given);
    },
    publisher: {
      publish(batch) {
        onPublish?.(batch);
        published.push(...batch);
      },
      remove: (service) => removed.push(service),
    },
    observer: {
      effect: (effect) => effects.push(effect),
      evaluated: () => undefined,
      changed: () => undefined,
      gone: () => undefined,
      problem: (problem) => problems.push(problem),
      role: (role) => roles.push(role),
    },
    timing: defaultTiming,
    maxEjectionsPerMinute: 10,
  });
  options.beforeStart?.(engine);
  await engine.start(new AbortController().signal);
  await settle();

  const world: EngineWorld = {
    engine,
    clock,
    store,
    published,
    removed,
    effects,
    problems,
    roles,
    errors,
    get asked() {
      return asked;
    },
    change: (...next) => onChanges(next),
    statuses(of) {
      const last = published.findLast((each) => of === undefined || each.service === of);
      const localities = last?.ports[0]?.localities ?? [];
      return Object.fromEntries(
        localities.flatMap(({ endpoints }) => endpoints.map(({ backend, status }) => [backend, status])),
      );
    },
    state: () => engine.states()[0],
    eject: (name, change = {}) =>
      engine.command(world.state()?.service ?? ('' as ServiceKey), {
        verb: 'eject',
        backend: backendId(name),
        forMs: 60_000,
        actor: 'test',
        reason: 'heap dump',
        force: false,
        ...change,
      }),
    restore: (name) =>
      engine.command(world.state()?.service ?? ('' as ServiceKey), {
        verb: 'restore',
        backend: backendId(name),
        actor: 'test',
        reason: 'checked by hand',
        ramp: false,
      }),
    async stop() {
      const stopping = engine.stop();
      // A store that hangs is given up at its deadline.
      await clock.advance(20_000);
      await stopping;
    },
  };
  return world;
}
