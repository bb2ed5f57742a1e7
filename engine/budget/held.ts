/** Why an anomalous backend was left in. Every refusal is visible: in the API, the metrics and the audit log. */

export type HeldCause =
  /** A person has frozen the Service. */
  | 'frozen'
  /** The policy is new or edited and still observes. */
  | 'settling'
  /** The breaker has data of too little of the fleet. */
  | 'coverage'
  /** One more out would break the floor or maxEjectedPercent. */
  | 'budget'
  /** Too many new ejections of this Service in the velocity window. */
  | 'velocity'
  /** Too many new ejections over all Services in this minute. */
  | 'global-velocity'
  /** More than holdAbovePercent of the fleet is bad: a dependency or the metric is broken, not an endpoint. */
  | 'hold-above'
  /** The breaker sees the whole fleet moved, or the group that it judges the backend in. */
  | 'fleet-wide'
  /** More than 30 % of the fleet is in warm-up: there is no reference to trust. */
  | 'young-fleet'
  /** A new version is taking the place of another: what stands out is the change. */
  | 'rollout'
  /** Many backends have just joined or left. */
  | 'scale-event'
  /** Kubernetes is taking pods of it away: who is left has their load. */
  | 'node-drain'
  /** A pod of a StatefulSet, and the policy does not say that these may go. */
  | 'stateful'
  /** Those that are bad have their version, zone or node in common: it is that which is broken, not one backend. */
  | 'cohort'
  /** Of its pod template as many were evicted in the last hour as may be: it stays out, unevicted. */
  | 'eviction-limit'
  /** What took the place of evicted pods was bad too: it stays out, unevicted, until a person has looked. */
  | 'kill-loop'
  /** A PodDisruptionBudget does not let it be evicted now: it stays out, and is asked for again. */
  | 'disruption-budget'
  /** Nothing would make another in its place: it stays out, unevicted. */
  | 'no-controller'
  /** The cluster does not let us evict it, or could not: it stays out, and is asked for again. */
  | 'eviction-refused'
  /** The decision could not be written down; reductions are persisted before they are served. */
  | 'store-down'
  /** The record of this Service is full. */
  | 'store-full';

/** @param detail What is special about this one. */
export function describeHeld(cause: HeldCause, detail?: string): string {
  return detail === undefined ? descriptions[cause] : `${descriptions[cause]}: ${detail}`;
}

const descriptions: Readonly<Record<HeldCause, string>> = {
  frozen: 'the Service is frozen by a person',
  settling: 'the policy is new or edited and still observes',
  coverage: 'too much of the fleet has no data',
  budget: 'the budget is used up',
  velocity: 'too many new ejections of this Service in a short time',
  'global-velocity': 'too many new ejections over all Services in this minute',
  'hold-above': 'too much of the fleet is bad at once: correlated, not an outlier',
  'fleet-wide': 'the fleet as a whole moved, or the group it is judged in',
  'young-fleet': 'too much of the fleet is warming up',
  rollout: 'a rollout is in progress',
  'scale-event': 'the fleet is becoming larger or smaller',
  'node-drain': 'pods are being taken away, as when a node is drained',
  stateful: 'it is a pod of a StatefulSet, and the policy has no allowStateful',
  cohort: 'a whole version, zone or node is bad, not one backend',
  'eviction-limit': 'enough pods were evicted in the last hour',
  'kill-loop': 'evicting does not help',
  'disruption-budget': 'a PodDisruptionBudget does not let it be evicted now',
  'no-controller': 'no controller would replace the pod',
  'eviction-refused': 'the cluster has not let us evict it',
  'store-down': 'the decision could not be persisted',
  'store-full': 'the record of decisions is full',
};
