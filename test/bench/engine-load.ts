/**
 * The engine under load, in a process of its own: 1,000 policies over 100 endpoints each, judged every 5 s by their
 * deviation from their peers. Metrics come from a fake in the process; files, state machine, store, assignments and
 * telemetry are the real ones. Prints what it cost, as JSON.
 */
import { join } from 'node:path';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { systemClock } from '../../engine/clock.ts';
import { createEngine } from '../../engine/engine.ts';
import { createGather } from '../../engine/evidence.ts';
import { growHeapSlowly } from '../../engine/heap.ts';
import { createCustomServices } from '../../engine/metrics/custom-service.ts';
import type { MetricSource, Sample } from '../../engine/metrics/source.ts';
import { type Fleet, type ServiceKey, serviceKey } from '../../engine/model.ts';
import { createNotifier, announcing } from '../../engine/notify.ts';
import type { Policy } from '../../engine/policy/policy.ts';
import { defaultTiming } from '../../engine/rotation/context.ts';
import type { SourceChange } from '../../engine/sources/source.ts';
import { createFileStore } from '../../engine/store/file.ts';
import { createLog } from '../../engine/telemetry/log.ts';
import { createMetrics } from '../../engine/telemetry/metrics.ts';
import { createObserver } from '../../engine/telemetry/observer.ts';
import { createXdsCache } from '../../xds/cache.ts';
import { backendOf, breakerOf, deviationOf, policyOf } from '../support/fixtures.ts';

const services = 1000;
const endpoints = 100;
const periodMs = 5000;
const warmUpPeriods = 3;
const measuredPeriods = 4;

export interface EngineLoad {
  /** Of one core. */
  readonly cpuPercent: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly evaluations: number;
  readonly ejected: number;
}

function fleet(key: ServiceKey, index: number): Fleet {
  const backends = Array.from({ length: endpoints }, (_, n) => {
    const address = `10.${index >> 8}.${index & 255}.${n + 1}`;
    return { ...backendOf(`p${n}`), endpoints: [{ portName: 'http', address, port: 8080 }] };
  });
  return { service: key, ports: [{ name: 'http', number: 80 }], backends };
}

function policy(key: ServiceKey, index: number): Policy {
  const query = `rate(price_sum{service="${index}"}[30s]) / rate(price_count{service="${index}"}[30s])`;
  const breaker = breakerOf({ evaluationPeriodMs: periodMs, lookbackMs: 30_000, detector: deviationOf({ query }) });
  return policyOf({ service: key, name: `pricer-${index}`, settle: 1, breakers: [breaker] });
}

/** Around 100, each a little different at each moment; in one Service of a hundred the first backend is far off. */
function answer(query: string, atMs: number): readonly Sample[] {
  const index = Number(/service="(\d+)"/.exec(query)?.[1]);
  return Array.from({ length: endpoints }, (_, n) => {
    const value = index % 100 === 7 && n === 0 ? 500 : 100 + ((n * 7 + index + atMs / 1000) % 10);
    return { labels: { pod: `p${n}` }, value: { kind: 'number', value } };
  });
}

const fake: MetricSource = {
  query: async ({ query, atMs }) => ({
    kind: 'samples',
    samples: answer(query, atMs),
    evaluatedAtMs: atMs,
    evaluatedAtLocalMs: atMs,
    notes: [],
  }),
  health: () => ({ name: 'default', skewMs: 0 }),
};

// As `serve` does.
growHeapSlowly();
await inTemporaryFolder('bench', async (folder) => {
  const clock = systemClock;
  const telemetry = createMetrics({ version: 'bench' });
  const { log } = createLog({ level: 'error', sink: { write: () => undefined } });
  const observer = createObserver({ log, audit: { write: () => undefined }, metrics: telemetry, clock });
  const keys = Array.from({ length: services }, (_, index) => serviceKey('shop', `pricer-${index}`));
  const changes = keys.flatMap((key, index): readonly SourceChange[] => [
    { kind: 'fleet', fleet: fleet(key, index) },
    { kind: 'policy', policy: policy(key, index) },
  ]);
  let evaluations = 0;
  const gather = createGather({
    metrics: { get: () => fake, health: () => [], close: () => undefined },
    customServices: createCustomServices({ clock, resolve: () => ({ kind: 'refused', reason: '' }) }),
    clock,
  });
  const engine = createEngine({
    clock,
    source: { start: async (onChanges) => onChanges(changes), problems: () => [] },
    store: createFileStore({ directory: join(folder, 'state') }),
    gather(...asked) {
      evaluations += 1;
      return gather(...asked);
    },
    publisher: createXdsCache(),
    observer: announcing(observer, createNotifier()),
    timing: defaultTiming,
    maxEjectionsPerMinute: 10,
  });
  await engine.start(new AbortController().signal);
  await passed(warmUpPeriods * periodMs);

  evaluations = 0;
  const [cpu, startedMs] = [process.cpuUsage(), performance.now()];
  await passed(measuredPeriods * periodMs);
  const { user, system } = process.cpuUsage(cpu);
  const elapsedMs = performance.now() - startedMs;
  const { rss, heapUsed } = process.memoryUsage();
  const load: EngineLoad = {
    cpuPercent: (user + system) / 10 / elapsedMs,
    rssMiB: rss / 2 ** 20,
    heapMiB: heapUsed / 2 ** 20,
    evaluations,
    ejected: engine.states().filter(({ enforced }) => enforced.decisions.size > 0).length,
  };
  process.stdout.write(`${JSON.stringify(load)}\n`);
  await engine.stop();
  await removeFolder(folder);
});

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.at(systemClock.now() + ms, resolve));
}
