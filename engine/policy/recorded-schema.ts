/**
 * The form of a policy as records have it: {@link Policy} for a machine that reads what somebody else may have written. Only
 * what would do harm is bounded; every other rule was checked when the policy was accepted.
 */
import { Type } from '../json-schema.ts';
import type { ServiceKey } from '../model.ts';
import { durationMs, measured, moment } from './recorded-values.ts';

const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const percent = Type.Number({ minimum: 0 });

const detectorSchema = Type.Union([
  Type.Object({
    kind: Type.Literal('continuousValueDeviation'),
    query: text,
    maxDeviationPercent: percent,
    direction: Type.Enum(['Both', 'Above', 'Below']),
    reference: Type.Optional(Type.Literal('Mean')),
  }),
  Type.Object({
    kind: Type.Literal('discreteValueOutOfList'),
    query: text,
    key: text,
    list: Type.Object({ kind: Type.Enum(['good', 'bad']), values: Type.Array(text) }),
    tolerancePercent: Type.Optional(percent),
    minActivity: measured,
  }),
  Type.Object({
    kind: Type.Literal('threshold'),
    query: text,
    longQuery: Type.Optional(text),
    operator: Type.Enum(['>', '>=', '<', '<=', '==', '!=']),
    value: measured,
  }),
  Type.Object({
    kind: Type.Literal('ratio'),
    bad: text,
    total: text,
    minRequests: count,
    minBad: count,
    sensitivity: Type.Number({ minimum: 0, maximum: 1 }),
  }),
  Type.Object({
    kind: Type.Literal('outlier'),
    query: text,
    direction: Type.Enum(['Both', 'Above', 'Below']),
    minRatio: Type.Number({ minimum: 1 }),
  }),
  Type.Object({ kind: Type.Literal('customService'), service: text, port: Type.Integer() }),
]);

const breakerSchema = Type.Object({
  name: text,
  enforcement: Type.Enum(['Enforce', 'Observe']),
  // Nobody is asked without a pause.
  evaluationPeriodMs: Type.Number({ minimum: 100, maximum: 86_400_000 }),
  confirm: Type.Object({ of: Type.Integer({ minimum: 1 }), atLeast: Type.Integer({ minimum: 1 }) }),
  onNoData: Type.Enum(['Hold', 'Healthy']),
  groupBy: Type.Optional(Type.Array(text)),
  activity: Type.Optional(Type.Object({ query: text, min: measured })),
  source: text,
  match: Type.Object({
    label: text,
    by: Type.Enum(['PodName', 'PodIP', 'Address', 'PodUID']),
    namespaceLabel: text,
  }),
  detector: detectorSchema,
  lookbackMs: durationMs,
  suspectLookbackMs: Type.Optional(durationMs),
  fingerprint: text,
});

export const recordedPolicySchema = Type.Object({
  namespace: text,
  name: text,
  service: Type.Unsafe<ServiceKey>(text),
  createdAtMs: Type.Optional(moment),
  enforcement: Type.Enum(['Enforce', 'Observe', 'Suspended']),
  settle: count,
  eject: Type.Object({
    how: Type.Enum(['Drain', 'MarkUnhealthy', 'Remove']),
    closeAfterMs: Type.Optional(durationMs),
    then: Type.Enum(['None', 'Remove', 'Evict']),
  }),
  budget: Type.Object({
    minAvailableCount: count,
    minAvailableRatioPercent: percent,
    maxEjectedPercent: percent,
    velocity: Type.Object({ count, percent }),
    holdAbovePercent: percent,
    onBreach: Type.Enum(['Readmit', 'Hold']),
    onCohort: Type.Optional(Type.Enum(['Report', 'EjectWithinBudget'])),
  }),
  proximity: Type.Enum(['None', 'Zone', 'Node']),
  warmUpMs: durationMs,
  breakers: Type.Array(breakerSchema),
  combine: Type.Optional(Type.Enum(['Any', 'All'])),
  activator: Type.Object({
    mode: Type.Enum(['periodic', 'retryAndPause', 'retryAndKill']),
    periodMs: durationMs,
    maxRetryCount: count,
    maxPauseCount: count,
    resetAfterMs: durationMs,
    maxEvictionsPerHour: count,
    maxStaleMs: Type.Optional(durationMs),
    onStarved: Type.Optional(Type.Enum(['Restore', 'Pause'])),
    ramp: Type.Object({
      weights: Type.Array(Type.Integer({ minimum: 1, maximum: 100 }), { minItems: 1 }),
      stepPeriodMs: durationMs,
    }),
  }),
  allowStateful: Type.Optional(Type.Literal(true)),
  fingerprint: text,
});
