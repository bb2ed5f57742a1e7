/** How well we follow the API server, by kind of object; for each namespace where they are followed one by one. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ReflectorHealth } from '../kubernetes/reflector.ts';

export interface ReflectorGauges {
  show(reflectors: readonly ReflectorHealth[]): void;
}

const labelNames = ['resource', 'namespace'] as const;

export function createReflectorGauges(registry: Registry): ReflectorGauges {
  const counted = (name: string, help: string) =>
    new Counter({ name: `kubervisor_kubernetes_${name}_total`, help, labelNames, registers: [registry] });
  const counters = {
    lists: counted('lists', 'Lists asked of the API server'),
    watches: counted('watches', 'Watches asked of the API server; each ends within a minute'),
    failures: counted('failures', 'Lists and watches that failed'),
    misses: counted('missed_objects', 'Objects of which a check found that a change had not been told'),
    stale: counted('stale', 'Lists and objects that were older than what was known, and not believed'),
  };
  const heard = new Gauge({
    name: 'kubervisor_kubernetes_last_heard_timestamp_seconds',
    help: 'When the API server last said anything of these objects, bookmarks included; absent before the first list',
    labelNames,
    registers: [registry],
  });
  return {
    show(reflectors) {
      for (const metric of [...Object.values(counters), heard]) metric.reset();
      for (const health of reflectors) {
        const labels = labelsOf(health.path);
        // The reflector counts; here its counts are only shown.
        for (const [name, counter] of Object.entries(counters))
          counter.inc(labels, health[name as keyof typeof counters]);
        if (health.heardAtMs !== undefined) heard.set(labels, health.heardAtMs / 1000);
      }
    },
  };
}

/** `/api/v1/namespaces/shop/pods`, or `/apis/apps/v1/deployments` for all namespaces. */
function labelsOf(path: string): Record<(typeof labelNames)[number], string> {
  const namespace = /\/namespaces\/([^/]+)\//.exec(path)?.[1] ?? '';
  return { resource: path.slice(path.lastIndexOf('/') + 1), namespace };
}
