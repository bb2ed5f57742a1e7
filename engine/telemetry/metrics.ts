/**
 * Our own metrics. Callers see functions, never metric objects, so that names and labels are decided here and in
 * docs/metrics.md only. What describes the present is read from the state when somebody scrapes: such series cannot go
 * stale and vanish with their Service.
 */
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Judgement } from '../breakers/verdict.ts';
import type { ReflectorHealth } from '../kubernetes/reflector.ts';
import type { MetricSourceHealth } from '../metrics/source.ts';
import type { ServiceKey } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import type { Problem } from '../problem.ts';
import type { Effect } from '../rotation/event.ts';
import type { ServiceState } from '../rotation/state.ts';
import type { Role } from '../store/store.ts';
import { type AccessMetrics, createAccessMetrics } from './access-metrics.ts';
import { type ClusterMetrics, createClusterMetrics } from './cluster-metrics.ts';
import { createDecisionCounters } from './decision-counters.ts';
import { createReflectorGauges } from './reflector-gauges.ts';
import { createServiceGauges } from './service-gauges.ts';
import { createSourceGauges } from './source-gauges.ts';
import { createTally } from './tally.ts';
import { createXdsMetrics, type XdsMetrics, type XdsPresent } from './xds-metrics.ts';

export interface Metrics {
  readonly contentType: string;
  /** What `/metrics` answers. */
  render(): Promise<string>;
  /** Where the present is read from at each scrape. Until it is called, and for what it lacks, there are no series. */
  readFrom(inputs: Partial<MetricInputs>): void;
  /** Counts ejections, refusals, returns and manual acts. */
  effect(effect: Effect, state: ServiceState): void;
  /** One evaluation of a breaker, the query included. */
  evaluated(breaker: Breaker, judgement: Judgement, durationMs: number, state: ServiceState): void;
  readonly store: StoreMetrics;
  readonly xds: XdsMetrics;
  readonly access: AccessMetrics;
  readonly cluster: ClusterMetrics;
}

export interface MetricInputs {
  states(): readonly ServiceState[];
  /** What is wrong with the input, as the source says. */
  sourceProblems(): readonly Problem[];
  metricSources(): readonly MetricSourceHealth[];
  /** How the API server is followed, where there is one. */
  reflectors(): readonly ReflectorHealth[];
  /** Services of which nothing new can be persisted, and so nobody new ejected. */
  frozen(): number;
  role(): Role;
  xds(): XdsPresent;
}

export interface StoreMetrics {
  saved(durationMs: number): void;
  failed(kind: 'full' | 'failed' | 'conflict'): void;
}

export interface MetricsOptions {
  /** Of Kubervisor. */
  readonly version: string;
  /** Series per backend in all, beyond which only conspicuous backends are shown. Default 10,000. */
  readonly maxBackendSeries?: number;
}

export function createMetrics({ version, maxBackendSeries = 10_000 }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'kubervisor_build_info',
    help: 'Always 1; the version of Kubervisor is a label',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
  const services = createServiceGauges(registry, maxBackendSeries);
  const sources = createSourceGauges(registry);
  const reflectors = createReflectorGauges(registry);
  const decisions = createDecisionCounters(registry);
  const frozen = new Gauge({
    name: 'kubervisor_decisions_frozen',
    help: 'Services of which nothing can be stored right now, or whose record cannot be read, so that nobody new is ejected',
    registers: [registry],
  });
  const leader = new Gauge({
    name: 'kubervisor_leader',
    help: '1 on the replica that decides, 0 on those that follow; 1 where nobody shares the store',
    registers: [registry],
  });
  const xds = createXdsMetrics(registry);
  const cluster = createClusterMetrics(registry);
  let inputs: Partial<MetricInputs> = {};

  return {
    contentType: registry.contentType,
    async render() {
      const states = inputs.states?.() ?? [];
      services.show(states);
      const byService = new Map<ServiceKey, ServiceState>(states.map((state) => [state.service, state]));
      decisions.retain(byService);
      cluster.retain((service) => byService.has(service));
      sources.show(inputs.sourceProblems?.() ?? [], inputs.metricSources?.() ?? []);
      reflectors.show(inputs.reflectors?.() ?? []);
      frozen.set(inputs.frozen?.() ?? 0);
      leader.set(inputs.role?.().kind === 'leading' ? 1 : 0);
      xds.show(inputs.xds?.());
      return registry.metrics();
    },
    readFrom(given) {
      inputs = { ...inputs, ...given };
    },
    effect: decisions.effect,
    evaluated: decisions.evaluated,
    store: createStoreMetrics(registry),
    xds,
    access: createAccessMetrics(registry),
    cluster,
  };
}

function createStoreMetrics(registry: Registry): StoreMetrics {
  const durations = new Histogram({
    name: 'kubervisor_store_save_duration_seconds',
    help: 'Time until a decision is durable',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  const failures = createTally({
    registry,
    name: 'kubervisor_store_failures_total',
    help: 'Decisions that could not be stored, by kind: full, failed, conflict',
    labels: ['kind'],
  });
  return {
    saved: (durationMs) => durations.observe(durationMs / 1000),
    failed: (kind) => failures.add({ kind }),
  };
}
