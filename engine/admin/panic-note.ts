/**
 * Where ejected endpoints are UNHEALTHY, they count for Envoy's panic threshold: with the default of 50 %, two of three
 * ejected and it sends to all three. Whether a cluster has the threshold at 0 cannot be seen from here, unless it came
 * from here.
 */
import { guidanceOf, servedProximity } from '../rotation/unguided.ts';
import type { ServiceState } from '../rotation/state.ts';
import { type ConnectedProxy, isOfType } from './proxies.ts';

/** One for each Service of `states` to which it applies. */
export function panicNotes(states: readonly ServiceState[], proxies: readonly ConnectedProxy[]): readonly string[] {
  return states.flatMap((state) => {
    const cause = unhealthyBy(state);
    const count = cause === undefined ? 0 : proxies.filter((proxy) => hasClusterOfItsOwn(proxy, state)).length;
    if (cause === undefined || count === 0) return [];
    const whose = count === 1 ? '1 of these proxies has a cluster' : `${count} of these proxies have clusters`;
    return [
      `${state.service}: with ${cause} ejected endpoints are UNHEALTHY, and ${whose} that did not come from here; it ` +
        'needs common_lb_config.healthy_panic_threshold 0, or Envoy sends to everybody once half are out',
    ];
  });
}

function unhealthyBy(state: ServiceState): string | undefined {
  const { eject } = guidanceOf(state);
  const proximity = servedProximity(state);
  if (proximity !== 'None') return `proximity ${proximity}`;
  return eject.how === 'MarkUnhealthy' ? 'eject.how MarkUnhealthy' : undefined;
}

/** gRPC clients have no panic threshold. */
function hasClusterOfItsOwn({ dialect, subscriptions }: ConnectedProxy, { service }: ServiceState): boolean {
  const asksFor = (type: string): boolean =>
    subscriptions.some(
      (subscription) =>
        isOfType(subscription, type) && subscription.holdings?.some((holding) => holding.service === service) === true,
    );
  return dialect === 'envoy' && asksFor('ClusterLoadAssignment') && !asksFor('Cluster');
}
