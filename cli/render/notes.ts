/** Why the configuration is as it is: for whoever reads it in a year. */
import { adsResources, type BootstrapFacts, retryPolicy, routedCluster } from './envoy.ts';

/** By the name of a field, or by `name: value`. */
export type Notes = Readonly<Record<string, string>>;

export function notesOf({ ejectedAs, fallback, tls }: BootstrapFacts): Notes {
  const hasFallback = fallback !== undefined;
  const isUnhealthy = ejectedAs === 'UNHEALTHY';
  return {
    connect_timeout: 'A pod that is gone may not answer at all, and a retry on another should not wait for it.',
    initial_fetch_timeout:
      'A fresh Envoy while Kubervisor is away has no endpoints; after this it opens its listeners all the same.',
    update_merge_window: 'Acts on each change at once. Envoy would collect them for a second.',
    'lb_policy: ROUND_ROBIN':
      'Weights are exact with round robin: a backend that comes back gets what it should, no more.',
    ignore_health_on_host_removal:
      'For the day health checks are added: Envoy would keep endpoints that were removed as long as they succeed.',
    healthy_panic_threshold: isUnhealthy
      ? 'Never: endpoints that are out count as unhealthy under this policy, and in panic Envoy would send to them.'
      : 'When nobody is left. In panic Envoy sends to all, those that are out included; by default it does so below 50 %.',
    'base_interval: 0.5s': 'Back soon when Kubervisor is; by default an Envoy may wait for half a minute.',
    outlier_detection:
      'Only what this Envoy sees alone: whom it cannot reach. What backends answer is judged by Kubervisor, for all.',
    max_ejection_percent:
      isUnhealthy && !hasFallback
        ? 'With the 34 % that a budget takes out by default, somebody is always left to try.'
        : 'Whoever is left is found at once, while pods are replaced and Kubervisor is away.',
    circuit_breakers: 'Envoy allows three retries at a time, but all that waited for a pod that is gone fail at once.',
    tcp_keepalive: 'Finds peers that vanished without a word.',
    max_connection_duration:
      'HTTP connections end at this age, once nothing is under way on them. No request, stream or WebSocket is cut.',
    retry_on: 'Only what no backend has begun to work on is tried again: safe for every method.',
    retry_host_predicate: 'On another backend each time, and so without much of a pause.',
    ...(hasFallback
      ? { cluster_type: 'The endpoints of Kubervisor; DNS to the extent that they cannot be reached.' }
      : {}),
    ...(tls?.own === undefined
      ? {}
      : { tls_certificates: 'Read once. Where they are rotated, use SDS instead, of the agent of SPIRE for example.' }),
    ...(tls === undefined
      ? {}
      : { match_typed_subject_alt_names: 'Or everybody with a certificate of this authority could be our server.' }),
  };
}

export interface HeadOptions {
  /** A bootstrap, not clusters alone. */
  readonly isWhole: boolean;
  /** No file said what the policy is. */
  readonly isAssumed: boolean;
}

/** What to do with it, at its top. */
export function headOf(facts: BootstrapFacts, { isWhole, isAssumed }: HeadOptions): readonly string[] {
  const names = facts.nodeId === undefined ? ' --service-node NAME --service-cluster NAME' : '';
  return [
    `Endpoints of ${facts.name} from Kubervisor, by ${facts.transport}; made by kubervisor render envoy.`,
    ...(isAssumed ? ['For a policy that ejects by Drain and has no proximity; for another, render with -f.'] : []),
    ...(facts.fallback !== undefined && facts.ejectedAs === 'UNHEALTHY' ? [spillNote] : []),
    ...(isWhole ? [`Start it with: envoy -c FILE${names}`] : placesOf(facts)),
  ];
}

const spillNote =
  'Under this policy endpoints that are out count as unhealthy: the fallback gets some traffic even while others serve.';

/** What clusters alone do not have, and where it goes. */
function placesOf(facts: BootstrapFacts): readonly string[] {
  const { dynamic_resources: ads } = adsResources(facts);
  return [
    ...(ads === undefined ? [] : ['The bootstrap needs:', `dynamic_resources: ${JSON.stringify(ads)}`]),
    `Route to ${routedCluster(facts)}. The route should have:`,
    `retry_policy: ${JSON.stringify(retryPolicy)}`,
  ];
}
