/**
 * The engine itself, on a clock of the past: its schedule, its breakers, its budget, its state machine. Only what lies
 * outside it is replaced: the metrics are recordings, the fleet is what they or the files say, the store forgets, and
 * nobody is served.
 */
import { setImmediate } from 'node:timers/promises';
import { createEngine } from '../engine.ts';
import { createGather } from '../evidence.ts';
import type { Gather, Gathered } from '../loop.ts';
import type { CustomServices } from '../metrics/custom-service.ts';
import type { MetricSource } from '../metrics/source.ts';
import { createWarmingSource, prometheusWitness } from '../metrics/warming.ts';
import type { EpochMs, Fleet } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import type { Timing } from '../rotation/context.ts';
import type { Source, SourceChange } from '../sources/source.ts';
import { createReplayClock, type ReplayClock } from './clock.ts';
import { createDiary, type Diary } from './diary.ts';
import type { FleetHistory } from './fleet.ts';
import type { Period } from './questions.ts';
import type { RecordedSource } from './recorded-source.ts';
import { createForgetfulStore } from './store.ts';

export interface ReplayOptions {
  readonly period: Period;
  /** One for each Service. */
  readonly policies: readonly ReplayedPolicy[];
  /** By the name that breakers have for them. */
  readonly sources: ReadonlyMap<string, RecordedSource>;
  readonly timing: Timing;
  readonly maxEjectionsPerMinute: number;
  readonly signal: AbortSignal;
  /** From 0 to 1. */
  readonly onProgress: (share: number) => void;
  readonly watch?: Watch;
}

/** Is told of each evaluation what it found, before it is judged. */
export type Watch = (breaker: Breaker, fleet: Fleet, gathered: Gathered, atMs: EpochMs) => void;

export interface ReplayedPolicy {
  readonly policy: Policy;
  readonly fleet: FleetHistory;
}

/** Between two tellings of progress. */
const stride = 200;

export async function replay(options: ReplayOptions): Promise<Diary> {
  const { period, policies, sources, signal, onProgress } = options;
  const clock = createReplayClock(period.fromMs);
  const diary = createDiary(clock);
  const engine = createEngine({
    clock,
    source: replayedSource(clock, policies),
    store: createForgetfulStore(),
    gather: recorded(diary, sources, clock, options.watch),
    publisher: { publish: () => undefined, remove: () => undefined },
    observer: diary,
    timing: options.timing,
    maxEjectionsPerMinute: options.maxEjectionsPerMinute,
  });
  /** Whatever follows from what has just happened has happened too, but for what waits for a later time. */
  const settled = async (): Promise<void> => {
    for (;;) {
      await setImmediate();
      const asking = [...sources.values()].filter((source) => source.isAsking());
      if (asking.length === 0) return;
      await Promise.all(asking.map((source) => source.answered()));
    }
  };

  await engine.start(signal);
  await settled();
  const lengthMs = Math.max(1, period.untilMs - period.fromMs);
  for (let count = 0; ; count++) {
    const nextMs = clock.nextMs();
    if (nextMs === undefined || nextMs > period.untilMs) break;
    signal.throwIfAborted();
    if (count % stride === 0) onProgress((nextMs - period.fromMs) / lengthMs);
    clock.runNext();
    await settled();
  }
  onProgress(1);
  await engine.stop();
  return diary;
}

/** Policies and first fleets at the start, every other fleet when its time comes. */
function replayedSource(clock: ReplayClock, policies: readonly ReplayedPolicy[]): Source {
  return {
    async start(onChanges) {
      const first: SourceChange[] = [];
      for (const { policy, fleet } of policies) {
        for (const { atMs, fleet: changed } of fleet.changes) {
          const change: SourceChange = { kind: 'fleet', fleet: changed };
          if (atMs <= clock.now()) first.push(change);
          else clock.at(atMs, () => onChanges([change]));
        }
        first.push({ kind: 'policy', policy });
      }
      onChanges(first);
    },
    problems: () => [],
  };
}

function recorded(
  diary: Diary,
  sources: ReadonlyMap<string, RecordedSource>,
  clock: ReplayClock,
  watch: Watch | undefined,
): Gather {
  // A source that had lost its history is as little believed now as it was then.
  const warming = new Map<string, MetricSource>(
    [...sources].map(([name, source]) => [name, createWarmingSource(source, { clock, witness: prometheusWitness })]),
  );
  const gather = createGather({
    metrics: { get: (name) => warming.get(name) ?? noSource(name), health: () => [], close: () => undefined },
    customServices,
    clock,
    matched: (breaker, fleet, { unmatchedCount }) => diary.unmatched(breaker, fleet, unmatchedCount),
  });
  return async (breaker, fleet, atMs, signal) => {
    const gathered = await gather(breaker, fleet, atMs, signal);
    diary.gathered(breaker, fleet, gathered.evidence);
    watch?.(breaker, fleet, gathered, clock.now());
    return gathered;
  };
}

const customServices: CustomServices = {
  ask: async () => ({ kind: 'error', cause: 'refused', message: 'a custom service keeps no history' }),
};

function noSource(name: string): MetricSource {
  return {
    query: async () => ({ kind: 'error', cause: 'unknown-source', message: `no metric source ${name}` }),
    health: () => ({ name, skewMs: 0 }),
  };
}
