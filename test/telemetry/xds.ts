/** Every kind of xDS metric, told once. */
import type { XdsMetrics, XdsPresent } from '../../engine/telemetry/xds-metrics.ts';

export function everythingHappens(metrics: XdsMetrics): void {
  metrics.connectionRefused();
  metrics.received(300);
  metrics.admitted(20);
  metrics.pushed('eds', 3000);
  metrics.sent('eds', 1);
  metrics.acked('eds', 4);
  metrics.converged('eds', 30);
  metrics.nacked('cds');
  metrics.staleNonce('eds');
  metrics.stalled();
  metrics.unknownName();
  metrics.unknownType();
}

export const somebodyConnected: XdsPresent = {
  clients: new Map([['envoy', 2]]),
  streams: [{ type: 'ads', variant: 'sotw', dialect: 'envoy', count: 2 }],
  subscriptions: new Map([['eds', 5]]),
  unanswered: new Map([['eds', 1]]),
  waiting: 3,
  watchedNames: 4,
};
