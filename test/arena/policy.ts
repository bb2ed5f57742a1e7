/** What Kubervisor is told. One policy for all scenarios, and where a scenario differs, it says why. */
import { namespace, service } from './fleet.ts';
import type { Scenario } from './scenario.ts';

const of = 'sum by (namespace, pod)';

/** Errors among all answers in a window, against the other pods; `more` sets what is the default otherwise. */
export function errorsBreaker(window: string, more: object = {}): object {
  return {
    name: 'errors',
    evaluationPeriod: '1s',
    ratio: {
      bad: `${of} (increase(responses_total{code=~"5.."}[${window}]))`,
      total: `${of} (increase(responses_total[${window}]))`,
      minRequests: 10,
      ...more,
    },
  };
}

/** Prices are alike on all pods: 30 % off is not chance. */
const priceBreaker = {
  name: 'price',
  evaluationPeriod: '1s',
  continuousValueDeviation: { query: 'rate(price_sum[4s]) / rate(price_count[4s])', maxDeviationPercent: 30 },
};

const latencyBreaker = {
  name: 'latency',
  evaluationPeriod: '1s',
  outlier: { query: 'rate(duration_seconds_sum[5s]) / rate(duration_seconds_count[5s])' },
};

/** Whatever is not said is the default: floor 50 %, at most 34 % out, 2 of 3 evaluations to confirm. */
export const standardSpec = {
  service,
  // Minutes would be nearer to life, and would make an arena of hours: windows, times out and steps are short here.
  settle: 3,
  warmUp: '15s',
  budget: { onCohort: 'EjectWithinBudget' },
  breakers: [errorsBreaker('5s'), priceBreaker, latencyBreaker],
  // Out for 10 to 20 s, then as much, then for 20 to 40 s: on average as long as Envoy's 10, 20 and 30 s.
  activator: { period: '20s', ramp: { weights: [25, 100], stepPeriod: '3s' } },
};

export function policyOf({ policy }: Pick<Scenario, 'policy'>): object {
  return {
    apiVersion: 'breaker.kubervisor.io/v1',
    kind: 'KubervisorService',
    metadata: { name: service, namespace },
    spec: { ...standardSpec, ...policy },
  };
}
