/** An engine with three pricers that obeys overrides while it is told that it leads. On one store one takes over from another. */
import { createActs, type ManualAct } from '../../engine/admin/acts.ts';
import { systemClock } from '../../engine/clock.ts';
import { createEngine } from '../../engine/engine.ts';
import type { KubeClient } from '../../engine/kubernetes/kube-client.ts';
import { fieldsOf } from '../../engine/is-record.ts';
import type { EpochMs } from '../../engine/model.ts';
import { createOverrides, type OverridesTiming } from '../../engine/overrides/obey.ts';
import type { Problem } from '../../engine/problem.ts';
import { defaultTiming } from '../../engine/rotation/context.ts';
import type { Effect } from '../../engine/rotation/event.ts';
import type { SourceChange } from '../../engine/sources/source.ts';
import type { JsonValue, Store, StoredRecord, StoreWatcher } from '../../engine/store/store.ts';
import { fleetOf, policyOf } from '../support/fixtures.ts';
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts';

export interface OverridingReplica {
  readonly effects: readonly Effect[];
  readonly acts: readonly ManualAct[];
  /** Under a new epoch each time. */
  isLeading: boolean;
  /** It has not heard yet that somebody else leads: it was stopped meanwhile. */
  isOutOfTerm: boolean;
  /** How often it asked whether it leads. */
  readonly looks: number;
  /** What its log says, as `error ...` or `info no longer: ...`. */
  readonly logged: readonly string[];
  /** Its source shows something else. */
  change(...changes: readonly SourceChange[]): void;
  /** Another replica wrote the record: as it is, but of a later epoch. */
  fence(): void;
  /** Somebody wrote something into the record. */
  write(body: JsonValue): void;
  /** As `p1 ejected`. */
  out(): readonly string[];
  problems(): readonly Problem[];
  /** When its watch last heard of anything. */
  heardAtMs(): EpochMs;
  stop(): Promise<void>;
}

export interface OverridingOptions {
  readonly client: KubeClient;
  readonly store?: MemoryStore;
  readonly timing?: Partial<OverridesTiming>;
  /** Default true. */
  readonly isLeading?: boolean;
  /** Default: that of the Service, without breakers. */
  readonly policies?: readonly SourceChange[];
  /** Default: shop. */
  readonly namespaces?: readonly string[];
}

export const pricerPolicy: SourceChange = { kind: 'policy', policy: policyOf({ breakers: [] }) };

const quick: Partial<OverridesTiming> = { lookEveryMs: 50, pauseMs: 5, unknownMs: 200, retryMs: 50 };

export async function startOverriding(options: OverridingOptions): Promise<OverridingReplica> {
  const { client, store: memory = createMemoryStore(), timing = {}, policies = [pricerPolicy] } = options;
  const stopping = new AbortController();
  const effects: Effect[] = [];
  const acts: ManualAct[] = [];
  const logged: string[] = [];
  const log = (level: string) => (_: object, message: string) => void logged.push(`${level} ${message}`);
  let isLeading = false;
  let epoch = 0;
  let looks = 0;
  let watcher: StoreWatcher | undefined;
  let change: (changes: readonly SourceChange[]) => void = () => undefined;
  const store: Store = {
    ...memory.store,
    watch(given) {
      watcher = given;
    },
    leads: () => isLeading && !replica.isOutOfTerm,
  };
  const engine = createEngine({
    clock: systemClock,
    source: {
      async start(onChanges) {
        change = onChanges;
        change([{ kind: 'fleet', fleet: fleetOf(3) }, ...policies]);
      },
      problems: () => [],
    },
    store,
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
  const replica: OverridingReplica = {
    effects,
    acts,
    logged,
    isOutOfTerm: false,
    get looks() {
      return looks;
    },
    get isLeading() {
      return isLeading;
    },
    set isLeading(leads) {
      isLeading = leads;
      if (leads) epoch = 1 + Math.max(epoch, ...[...memory.records.values()].map(({ body }) => epochIn(body)));
      watcher?.role(leads ? { kind: 'leading', epoch } : { kind: 'following' });
    },
    change: (...changes) => change(changes),
    fence() {
      for (const record of memory.records.values()) {
        const body = { ...(record.body as object), epoch: epochIn(record.body) + 1 };
        watcher?.record(record.service, { ...record, body });
      }
    },
    write(body) {
      for (const known of memory.records.values()) {
        const record = { ...known, revision: known.revision + 1, body };
        (memory.records as Map<string, StoredRecord>).set(record.service, record);
        watcher?.record(record.service, record);
      }
    },
    out: () =>
      [...(engine.states()[0]?.enforced.decisions.values() ?? [])].flatMap(({ name, state }) =>
        state === 'serving' ? [] : [`${name} ${state}`],
      ),
    problems: () => overrides.problems(),
    heardAtMs: () => overrides.health()[0]?.heardAtMs ?? 0,
    async stop() {
      stopping.abort();
      await Promise.all([running, engine.stop()]);
    },
  };
  await engine.start(stopping.signal);
  replica.isLeading = options.isLeading ?? true;
  const overrides = createOverrides({
    client,
    clock: systemClock,
    random: Math.random,
    namespaces: options.namespaces ?? ['shop'],
    engine,
    leads() {
      looks += 1;
      return store.leads?.() === true;
    },
    acts: createActs({ engine, clock: systemClock, onAct: (act) => acts.push(act) }),
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    onProblem: (problem) => {
      throw new Error(problem.message);
    },
    timing: { ...quick, ...timing },
  });
  const running = overrides.run(stopping.signal);
  return replica;
}

function epochIn(body: unknown): number {
  return Number(fieldsOf(body)['epoch'] ?? 0);
}
