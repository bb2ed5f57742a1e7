/**
 * Every default of a policy, in the form a person would write it. Normalisation applies them and the descriptions in
 * the schema quote them, so that `kubectl explain` cannot disagree with what happens.
 */
export const defaults = {
  /** Unless the serving config has another `defaultEnforcement`. */
  enforcement: 'Enforce',
  settle: 10,
  proximity: 'None',
  warmUp: '2m',
  combine: 'Any',
  allowStateful: false,
  eject: { how: 'Drain', thenAfterClose: 'Remove' },
  budget: {
    minAvailableCount: 1,
    minAvailableRatio: 50,
    maxEjectedPercent: 34,
    velocity: { count: 3, percent: 10 },
    holdAbovePercent: 50,
    onBreach: 'Readmit',
    onCohort: 'Report',
  },
  breaker: {
    evaluationPeriod: '5s',
    confirm: { of: 3, atLeast: 2 },
    onNoData: 'Hold',
    source: 'default',
    match: { label: 'pod', by: 'PodName', namespaceLabel: 'namespace' },
  },
  continuousValueDeviation: { maxDeviationPercent: 50, direction: 'Both', reference: 'Median' },
  discreteValueOutOfList: { minActivity: 2 },
  ratio: { minRequests: 30, minBad: 5, sensitivity: '0.005' },
  outlier: { direction: 'Above', minRatio: '1.2' },
  activator: {
    mode: 'periodic',
    period: '30s',
    maxRetryCount: 3,
    maxPauseCount: 1,
    resetAfter: '10m',
    maxEvictionsPerHour: 2,
    onStarved: 'Hold',
    ramp: { weights: [5, 25, 50, 100], stepPeriod: '10s' },
  },
} as const;
