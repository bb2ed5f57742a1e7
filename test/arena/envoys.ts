/**
 * The Envoys of the contenders. All have the listener, route, retries and cluster that `kubervisor render envoy` prints;
 * they differ in where the endpoints come from and in who judges them.
 */
import { type BootstrapFacts, envoyBootstrap } from '../../cli/render/envoy.ts';
import { jsonForm, recommendedCluster } from '../../xds/cluster.ts';
import { endpointsName } from './fleet.ts';

/** Envoy's outlier detection as it is without a word of configuration; with none at all there is no detection. */
export const defaultDetection = {};

/**
 * As good as we could make it with what it has, for these services of 6 to 10 pods with some 10 requests/s each:
 * - half of the fleet may go (default: a tenth), and comes back after 10 s, times its ejections, about as with Kubervisor;
 * - three answers of a gateway in a row, or three failed connections, are enough (default: five, or none);
 * - a share of 15 % errors is found, in intervals of 5 s, which have some 50 requests of each pod (default: 85 % of at least
 *   50 in 10 s, not enforced).
 * `success_rate` is left at 100 requests an interval, which these pods do not have then, because no factor makes it safe
 * here: where nine pods have no error and the tenth has a single one, that is three standard deviations away, as it would be
 * with a hundred. `envoy-defaults`, whose interval of 10 s just has 100 requests, shows what comes of it.
 */
export const tunedDetection = {
  interval: '5s',
  base_ejection_time: '10s',
  max_ejection_time: '300s',
  max_ejection_percent: 50,
  consecutive_5xx: 5,
  consecutive_gateway_failure: 3,
  enforcing_consecutive_gateway_failure: 100,
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: 3,
  failure_percentage_threshold: 15,
  failure_percentage_minimum_hosts: 3,
  failure_percentage_request_volume: 20,
  enforcing_failure_percentage: 100,
};

/** @param detection undefined: none */
export function fileEnvoy(endpointsFile: string, detection: object | undefined): object {
  const { outlier_detection: _, ...cluster } = recommendedCluster(
    {
      name: endpointsName,
      serviceName: endpointsName,
      edsConfig: { resource_api_version: 'V3', path_config_source: { path: endpointsFile } },
      ejectedAs: 'DRAINING',
    },
    jsonForm,
  ) as Record<string, unknown>;
  const own = {
    ...cluster,
    // The panic threshold is that of Envoy: ours is low because the floor of the budget stands for it.
    common_lb_config: { update_merge_window: '0s' },
    ...(detection === undefined ? {} : { outlier_detection: detection }),
  };
  const { static_resources, ...rest } = envoyBootstrap(facts(0)) as { readonly static_resources: object };
  return { ...rest, static_resources: { ...static_resources, clusters: [own] } };
}

/** Exactly as rendered. */
export function obeyingEnvoy(xdsPort: number): object {
  return envoyBootstrap(facts(xdsPort));
}

/** Of the listener of both. */
export const listenerName = 'ingress';

function facts(xdsPort: number): BootstrapFacts {
  return {
    name: endpointsName,
    transport: 'sotw',
    xds: { host: '127.0.0.1', port: xdsPort },
    listen: { host: '127.0.0.1', port: 0 },
    ejectedAs: 'DRAINING',
    initialFetchTimeoutMs: 15_000,
  };
}
