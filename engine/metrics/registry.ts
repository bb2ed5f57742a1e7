/** The metric sources by name. */
import type { Clock } from '../clock.ts';
import type { PrometheusSettings } from './config.ts';
import { enforceLabel } from '../policy/promql/enforce.ts';
import { createPrometheusSource } from './prometheus.ts';
import { createSharedSource } from './shared.ts';
import type { MetricSource, MetricSourceHealth } from './source.ts';
import { keepMs, rememberInUse } from './in-use.ts';
import { boundTo, type Enforce } from './tenancy.ts';
import { whyUnknown } from './unknown-source.ts';
import { createWarmingSource, prometheusWitness } from './warming.ts';

export interface MetricSources {
  /**
   * A source as policies of a namespace may use it; undefined: as whoever runs us may. A name that the serving config
   * lacks gives a source whose every answer is the error `unknown-source`.
   */
  get(name: string, namespace: string | undefined): MetricSource;
  /** In the order of the config. */
  health(): readonly MetricSourceHealth[];
  close(): void;
}

export interface MetricSourcesOptions {
  readonly sources: ReadonlyMap<string, PrometheusSettings>;
  readonly clock: Clock;
  readonly random: () => number;
}

export function createMetricSources({ sources, clock, random }: MetricSourcesOptions): MetricSources {
  const byName = new Map<string, MetricSource>();
  const closers: (() => void)[] = [];
  const enforce = rememberingEnforce(clock);
  for (const [name, settings] of sources) {
    const prometheus = createPrometheusSource({ name, settings, clock, random });
    const warming = createWarmingSource(prometheus, { clock, witness: prometheusWitness });
    // Sharing is outside of it, so that the history of a query that many breakers use is looked up once as well.
    byName.set(name, createSharedSource(warming, clock));
    closers.push(() => prometheus.close());
  }
  return {
    get(name, namespace) {
      const source = byName.get(name);
      const settings = sources.get(name);
      if (source === undefined || settings === undefined) return unknownSource(name, sources);
      // Outermost, so that what is shared, and whose past is looked at, is what the tenant asks.
      return boundTo(namespace, settings, name, source, enforce);
    },
    health: () => [...byName.values()].map((source) => source.health()),
    close: () => {
      for (const close of closers) close();
    },
  };
}

/** The same queries are evaluated each period: each is read once. */
function rememberingEnforce(clock: Clock): Enforce {
  const enforced = rememberInUse(clock, keepMs, (key) => enforceLabel(...(JSON.parse(key) as Parameters<Enforce>)));
  return (query, label, value) => enforced(JSON.stringify([query, label, value]));
}

function unknownSource(name: string, sources: MetricSourcesOptions['sources']): MetricSource {
  const message = whyUnknown(name, undefined, sources) ?? '';
  return {
    query: async () => ({ kind: 'error', cause: 'unknown-source', message }),
    health: () => ({ name, skewMs: 0 }),
  };
}
