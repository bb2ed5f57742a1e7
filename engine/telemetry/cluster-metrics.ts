/** What we do in the cluster besides serving: evictions, marks on pods, Events. */
import type { Registry } from 'prom-client';
import { type ServiceKey, serviceKey, splitServiceKey } from '../model.ts';
import { createTally } from './tally.ts';

export interface ClusterMetrics {
  /** @param result see docs/metrics.md */
  eviction(service: ServiceKey, result: string): void;
  mark(result: string): void;
  event(result: string): void;
  /** Forgets the series of Services that are gone. */
  retain(isKnown: (service: ServiceKey) => boolean): void;
}

export function createClusterMetrics(registry: Registry): ClusterMetrics {
  const evictions = createTally({
    registry,
    name: 'kubervisor_evictions_total',
    help: 'Evictions of pods that were tried, by what the cluster said',
    labels: ['namespace', 'service', 'result'],
  });
  const marks = createTally({
    registry,
    name: 'kubervisor_pod_marks_total',
    help: 'Changes of the rotation label and the deletion cost of pods, by result',
    labels: ['result'],
  });
  const events = createTally({
    registry,
    name: 'kubervisor_kubernetes_events_total',
    help: 'Events for the cluster, by what became of them',
    labels: ['result'],
  });
  return {
    eviction(key, result) {
      const { namespace, name: service } = splitServiceKey(key);
      evictions.add({ namespace, service, result });
    },
    mark: (result) => marks.add({ result }),
    event: (result) => events.add({ result }),
    retain: (isKnown) => evictions.retain(({ namespace, service }) => isKnown(serviceKey(namespace, service))),
  };
}
