/** The health of what we read: the fleets and policies, and the metrics. */
import { Gauge, type Registry } from 'prom-client';
import type { MetricSourceHealth } from '../metrics/source.ts';
import type { Problem } from '../problem.ts';

export interface SourceGauges {
  show(problems: readonly Problem[], sources: readonly MetricSourceHealth[]): void;
}

export function createSourceGauges(registry: Registry): SourceGauges {
  const problemCount = new Gauge({
    name: 'kubervisor_source_problems',
    help: 'Problems in the input (Services, endpoints, policies) right now',
    labelNames: ['severity'],
    registers: [registry],
  });
  const lastSuccess = new Gauge({
    name: 'kubervisor_metric_source_last_success_timestamp_seconds',
    help: 'When the metric source gave its last usable answer; absent before the first',
    labelNames: ['source'],
    registers: [registry],
  });
  const skew = new Gauge({
    name: 'kubervisor_metric_source_clock_skew_seconds',
    help: 'Clock of the metric source minus ours',
    labelNames: ['source'],
    registers: [registry],
  });
  return {
    show(problems, sources) {
      for (const severity of ['error', 'warning'] as const) {
        problemCount.set({ severity }, problems.filter((problem) => problem.severity === severity).length);
      }
      lastSuccess.reset();
      skew.reset();
      for (const { name: source, lastSuccessMs, skewMs } of sources) {
        if (lastSuccessMs !== undefined) lastSuccess.set({ source }, lastSuccessMs / 1000);
        skew.set({ source }, skewMs / 1000);
      }
    },
  };
}
