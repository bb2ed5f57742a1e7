/**
 * The cluster that we recommend for a Service port: what an Envoy needs so that our decisions act, and so that it gets
 * along when we are away. One builder for the cluster that is served by CDS and for the one that `render` prints, or
 * the two would drift apart.
 */

/** What differs from port to port, and from reader to reader. */
export interface ClusterFacts {
  readonly name: string;
  /** The name by which the cluster asks for its endpoints. */
  readonly serviceName: string;
  /** Where Envoy asks for them: a ConfigSource, in the same form as the cluster. */
  readonly edsConfig: object;
  /** What the backends speak; default `http1`. */
  readonly protocol?: 'http1' | 'http2';
  /** How the policy shows that an endpoint is out; `UNHEALTHY` with `proximity` or `eject.how: MarkUnhealthy`. */
  readonly ejectedAs: 'DRAINING' | 'UNHEALTHY';
  /** Something takes over when no endpoint can be reached; default false. */
  readonly hasFallback?: boolean;
}

/** What JSON and protobuf write differently. */
export interface ClusterForm {
  duration(ms: number): unknown;
  /** google.protobuf.UInt32Value and BoolValue. */
  optional(value: number | boolean): unknown;
}

export const jsonForm: ClusterForm = {
  duration: (ms) => `${ms / 1000}s`,
  optional: (value) => value,
};

/** As protobufjs takes it, `Any` by its `@type`. */
export const messageForm: ClusterForm = {
  duration: (ms) => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 }),
  optional: (value) => ({ value }),
};

/** envoy.config.cluster.v3.Cluster, with the field names of Envoy. */
export function recommendedCluster(facts: ClusterFacts, form: ClusterForm): object {
  const { duration, optional } = form;
  return {
    name: facts.name,
    type: 'EDS',
    // A pod that is gone may not answer at all, and a retry on another one should not wait for Envoy's 5 s. Half a second
    // is far above a round trip, and below the second after which TCP would try again: more would find nobody else.
    connect_timeout: duration(500),
    // With it weights are exact, and a ramp gives a backend what it says; least request would go by its own mind.
    lb_policy: 'ROUND_ROBIN',
    eds_cluster_config: { service_name: facts.serviceName, eds_config: facts.edsConfig },
    common_lb_config: {
      // Envoy would collect changes of status for a second before it acts.
      update_merge_window: duration(0),
      healthy_panic_threshold: { value: panicThreshold(facts) },
    },
    // Where somebody adds active health checks, Envoy would keep what we removed as long as they succeed, and they do: it
    // would get traffic as before, and `eject.how: Remove` would take nobody out.
    ignore_health_on_host_removal: true,
    outlier_detection: localOutlierDetection(facts, form),
    circuit_breakers: {
      thresholds: [
        {
          // By default no more than three requests may be retried at a time, but all that waited for a pod that is gone
          // fail at once. Bounded all the same: beyond a hundred, retries are never more than half of what is under way.
          retry_budget: { budget_percent: { value: 50 }, min_retry_concurrency: optional(100) },
        },
      ],
    },
    upstream_connection_options: {
      // Finds peers that vanished without a word, in 45 s instead of hours.
      tcp_keepalive: {
        keepalive_time: optional(30),
        keepalive_interval: optional(5),
        keepalive_probes: optional(3),
      },
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': httpProtocolOptions(facts, form),
    },
  };
}

/**
 * Below this share of healthy hosts, by default 50 %, Envoy panics and sends to all of them: to those it cannot reach, and
 * to those we took out. Draining hosts are not counted, so with them panic can stay as the last resort, for when nobody
 * else is left. Unhealthy ones are counted: with them it must never panic, and the floor of the budget is what protects
 * the Service.
 */
function panicThreshold({ ejectedAs }: ClusterFacts): number {
  return ejectedAs === 'UNHEALTHY' ? 0 : 1;
}

/**
 * Whom this Envoy cannot reach is its own to judge, and nobody is quicker: it sees a refused connection long before a
 * metric does, and while we are away nobody else tells it of a pod that is gone. What backends answer is ours to judge,
 * for all Envoys at once: status codes eject nobody here.
 */
function localOutlierDetection(facts: ClusterFacts, form: ClusterForm): object {
  const { duration, optional } = form;
  return {
    split_external_local_origin_errors: true,
    consecutive_local_origin_failure: optional(3),
    enforcing_consecutive_local_origin_failure: optional(100),
    enforcing_local_origin_success_rate: optional(0),
    enforcing_consecutive_5xx: optional(0),
    enforcing_consecutive_gateway_failure: optional(0),
    enforcing_success_rate: optional(0),
    // Short, then longer for those who fail again: what was a moment of the network is over soon.
    interval: duration(1000),
    base_ejection_time: duration(5000),
    max_ejection_time: duration(60_000),
    max_ejection_time_jitter: duration(1000),
    ...ejectionLimit(facts, form),
  };
}

/**
 * While pods are replaced and we are away, most of those that Envoy knows may be gone, and whoever is left should be found
 * at once, not by the fifth retry. If all are ejected for a moment of the network, Envoy panics and tries all of them, or
 * goes to the fallback. Where it can do neither, somebody must be left to try: 65 % and the 34 % that a budget takes out
 * at most, unless it says otherwise, are never all.
 */
function ejectionLimit({ ejectedAs, hasFallback = false }: ClusterFacts, { optional }: ClusterForm): object {
  const mayBeAll = ejectedAs === 'DRAINING' || hasFallback;
  return { max_ejection_percent: optional(mayBeAll ? 100 : 65) };
}

/**
 * Connections to an endpoint that was taken out live on, and carry what was begun: the bound makes them end within
 * minutes. Envoy then opens no more requests on such a connection, and closes it when the last one is done. So requests
 * under way are not cut, and neither are WebSockets, streams and TCP, which last as long as they last.
 */
function httpProtocolOptions({ protocol = 'http1' }: ClusterFacts, { duration }: ClusterForm): object {
  return {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    common_http_protocol_options: { max_connection_duration: duration(600_000) },
    explicit_http_config:
      protocol === 'http2'
        ? {
            http2_protocol_options: {
              // All requests to a host share one connection: a dead one would swallow them until TCP gives up.
              connection_keepalive: { interval: duration(30_000), timeout: duration(5000) },
            },
          }
        : { http_protocol_options: {} },
  };
}
