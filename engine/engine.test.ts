import { describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock, settle } from '../test/support/manual-clock.ts';
import type { Assignment } from './assignment/assignment.ts';
import type { MatchedSamples } from './breakers/readings.ts';
import { createEngine, type Engine } from './engine.ts';
import type { Gathered } from './loop.ts';
import { type Backend, backendId, type Fleet, serviceKey } from './model.ts';
import type { Breaker, Policy } from './policy/policy.ts';
import type { Problem } from './problem.ts';
import { defaultTiming } from './rotation/context.ts';
import type { Effect } from './rotation/event.ts';
import type { Source, SourceChange } from './sources/source.ts';
import type { JsonValue, SaveResult, Store, StoredRecord } from './store/store.ts';

const service = serviceKey('shop', 'pricer');

function backend(index: number): Backend {
  const id = `uid-${index}`;
  return {
    id: backendId(id),
    name: `pricer-${index}`,
    podName: `pricer-${index}`,
    podUid: id,
    ready: true,
    serving: true,
    terminating: false,
    endpoints: [{ portName: 'http', address: `10.0.0.${index}`, port: 8080 }],
  };
}

function fleetOf(size: number): Fleet {
  return {
    service,
    ports: [{ name: 'http', number: 80 }],
    backends: Array.from({ length: size }, (_, index) => backend(index + 1)),
  };
}

const breaker: Breaker = {
  name: 'errors',
  enforcement: 'Enforce',
  evaluationPeriodMs: 1000,
  confirm: { of: 3, atLeast: 2 },
  onNoData: 'Hold',
  source: 'default',
  match: { label: 'pod', by: 'PodName', namespaceLabel: 'namespace' },
  detector: { kind: 'threshold', query: 'errors', operator: '>', value: 5 },
  lookbackMs: 1000,
  fingerprint: 'errors-1',
};

const policy: Policy = {
  namespace: 'shop',
  name: 'pricer',
  service,
  enforcement: 'Enforce',
  settle: 0,
  eject: { how: 'Drain', then: 'None' },
  budget: {
    minAvailableCount: 1,
    minAvailableRatioPercent: 50,
    maxEjectedPercent: 34,
    velocity: { count: 3, percent: 10 },
    holdAbovePercent: 50,
    onBreach: 'Readmit',
  },
  proximity: 'None',
  warmUpMs: 0,
  breakers: [breaker],
  activator: {
    mode: 'periodic',
    periodMs: 60_000,
    maxRetryCount: 3,
    maxPauseCount: 1,
    resetAfterMs: 600_000,
    maxEvictionsPerHour: 2,
    ramp: { weights: [5, 50, 100], stepPeriodMs: 2000 },
  },
  fingerprint: 'pricer-1',
};

/** A store in memory whose writes the test lets through, refuses or leaves hanging. */
function memoryStore() {
  const records = new Map<string, StoredRecord>();
  let answer: 'save' | 'fail' | 'hang' = 'save';
  let epoch = 0;
  const problem: Problem = { code: 'KV0499', severity: 'error', message: 'disk full' };
  const store: Store = {
    load: async () => {
      epoch += 1;
      return { records: new Map(records) as never, epoch, problems: [] };
    },
    async save(key, body: JsonValue, expectedRevision): Promise<SaveResult> {
      if (answer === 'hang') return new Promise(() => undefined);
      if (answer === 'fail') return { kind: 'failed', problem };
      const revision = expectedRevision + 1;
      records.set(key, { service: key, revision, body: JSON.parse(JSON.stringify(body)) as JsonValue });
      return { kind: 'saved', revision };
    },
    remove: async (key) => {
      records.delete(key);
      return { kind: 'removed' };
    },
    saveGlobal: async () => ({ kind: 'saved' }),
    close: async () => undefined,
  };
  return {
    store,
    records,
    set answer(next: typeof answer) {
      answer = next;
    },
  };
}

interface World {
  readonly engine: Engine;
  readonly clock: ManualClock;
  readonly store: ReturnType<typeof memoryStore>;
  readonly published: Assignment[];
  readonly effects: Effect[];
  readonly change: (...changes: SourceChange[]) => void;
  /** Errors each backend reports; absent: 0. */
  readonly errors: Map<string, number>;
  readonly statuses: () => Readonly<Record<string, string>>;
  readonly stop: () => Promise<void>;
}

async function world(
  changes: readonly SourceChange[],
  store = memoryStore(),
  clock = createManualClock(),
): Promise<World> {
  const published: Assignment[] = [];
  const effects: Effect[] = [];
  const errors = new Map<string, number>();
  let onChanges: (changes: readonly SourceChange[]) => void = () => undefined;
  const source: Source = {
    start: async (listener) => {
      onChanges = listener;
      listener(changes);
    },
    problems: () => [],
  };
  const engine = createEngine({
    clock,
    source,
    store: store.store,
    gather: async (_breaker, fleet, atMs): Promise<Gathered> => {
      const samples: MatchedSamples = {
        byBackend: new Map(
          fleet.backends.map(({ id, name }) => [
            id,
            [{ labels: {}, value: { kind: 'number', value: errors.get(name) ?? 0 } }],
          ]),
        ),
        ambiguous: new Map(),
      };
      return { evidence: { kind: 'samples', samples }, evaluatedAtMs: atMs, lookbackMs: 1000 };
    },
    publisher: { publish: (batch) => published.push(...batch), remove: () => undefined },
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
  await engine.start(new AbortController().signal);
  await settle();
  return {
    engine,
    clock,
    store,
    published,
    effects,
    errors,
    change: (...next) => onChanges(next),
    statuses: () =>
      Object.fromEntries(
        published
          .at(-1)
          ?.ports[0]?.localities.flatMap(({ endpoints }) =>
            endpoints.map(({ address, status }) => [address, status]),
          ) ?? [],
      ),
    async stop() {
      const stopping = engine.stop();
      // A store that hangs is given up at its deadline.
      await clock.advance(10_000);
      await stopping;
    },
  };
}

const pricers: readonly SourceChange[] = [
  { kind: 'fleet', fleet: fleetOf(6) },
  { kind: 'policy', policy },
];

describe('the loop', () => {
  it('takes a confirmed anomaly out of what is published, and writes it down first', async () => {
    const { errors, clock, statuses, store, stop } = await world(pricers);
    errors.set('pricer-3', 9);
    await clock.advance(4000);
    expect(statuses()['10.0.0.3']).toBe('DRAINING');
    expect(JSON.stringify(store.records.get(service)?.body)).toContain('"state":"ejected"');
    await stop();
  });

  it('serves no reduction that could not be written, and holds the anomaly as store-down', async () => {
    const { errors, clock, statuses, store, effects, engine, stop } = await world(pricers);
    store.answer = 'fail';
    errors.set('pricer-3', 9);
    await clock.advance(6000);
    expect(statuses()['10.0.0.3']).toBe('HEALTHY');
    expect(effects).toContainEqual(expect.objectContaining({ kind: 'held', cause: 'store-down', name: 'pricer-3' }));
    expect(engine.states()[0]?.enforced.decisions.size).toBe(0);
    expect(effects.filter(({ kind }) => kind === 'transition')).toEqual([]);

    store.answer = 'save';
    await clock.advance(4000);
    expect(statuses()['10.0.0.3']).toBe('DRAINING');
    expect(effects).toContainEqual(expect.objectContaining({ kind: 'transition', to: 'ejected', name: 'pricer-3' }));
    await stop();
  });

  it('brings back at once while the store hangs', async () => {
    const { errors, clock, statuses, store, engine, stop } = await world(pricers);
    errors.set('pricer-3', 9);
    await clock.advance(4000);
    store.answer = 'hang';
    const outcome = await engine.command(service, {
      verb: 'restore',
      backend: backendId('uid-3'),
      actor: 'test',
      reason: 'checked by hand',
      ramp: false,
    });
    expect(outcome.kind).toBe('done');
    expect(statuses()['10.0.0.3']).toBe('HEALTHY');
    await clock.advance(10_000);
    await stop();
  });

  it('answers a manual ejection only when it is on record, and refuses it when it cannot be', async () => {
    const { clock, statuses, store, engine, stop } = await world(pricers);
    const eject = {
      verb: 'eject',
      backend: backendId('uid-2'),
      forMs: 60_000,
      actor: 'test',
      reason: 'heap dump',
      force: false,
    } as const;
    store.answer = 'fail';
    expect(await engine.command(service, eject)).toMatchObject({ kind: 'refused', cause: 'store-down' });
    expect(statuses()['10.0.0.2']).toBe('HEALTHY');
    store.answer = 'save';
    await clock.advance(2000);
    expect(await engine.command(service, eject)).toMatchObject({ kind: 'done' });
    expect(statuses()['10.0.0.2']).toBe('DRAINING');
    await stop();
  });

  it('publishes after a restart exactly what it published before', async () => {
    const before = await world(pricers);
    before.errors.set('pricer-3', 9);
    await before.clock.advance(4000);
    await before.stop();
    const after = await world(pricers, before.store, before.clock);
    expect(after.published.at(-1)).toEqual(before.published.at(-1));
    expect(after.statuses()['10.0.0.3']).toBe('DRAINING');
    await after.stop();
  });

  it('publishes nothing while nothing changes', async () => {
    const { published, clock, stop } = await world(pricers);
    const count = published.length;
    await clock.advance(30_000);
    expect(published.length).toBe(count);
    await stop();
  });

  it('keeps the last accepted policy while the one on file is invalid, also over a restart', async () => {
    const before = await world(pricers);
    await before.clock.advance(2000);
    await before.stop();
    const invalid: readonly SourceChange[] = [
      { kind: 'fleet', fleet: fleetOf(6) },
      { kind: 'policy-invalid', service, problems: [] },
    ];
    const after = await world(invalid, before.store, before.clock);
    after.errors.set('pricer-3', 9);
    await after.clock.advance(4000);
    expect(after.statuses()['10.0.0.3']).toBe('DRAINING');
    await after.stop();
  });

  it('lets everybody back when the policy was deleted while we were away', async () => {
    const before = await world(pricers);
    before.errors.set('pricer-3', 9);
    await before.clock.advance(4000);
    await before.stop();
    const after = await world([{ kind: 'fleet', fleet: fleetOf(6) }], before.store, before.clock);
    await after.clock.advance(120_000);
    expect(after.statuses()['10.0.0.3']).toBe('HEALTHY');
    expect(after.engine.states()[0]?.enforced.decisions.size).toBe(0);
    await after.stop();
  });

  it('suspends everything at once, manual acts included, while the store hangs', async () => {
    const { errors, clock, statuses, store, engine, stop } = await world(pricers);
    errors.set('pricer-3', 9);
    await clock.advance(4000);
    store.answer = 'hang';
    engine.suspendAll({ actor: 'test', reason: 'incident', sinceMs: clock.now() });
    expect(Object.values(statuses())).toEqual(Array(6).fill('HEALTHY'));
    await clock.advance(20_000);
    expect(Object.values(statuses())).toEqual(Array(6).fill('HEALTHY'));
    await stop();
  });
});
