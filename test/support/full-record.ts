/** A record with everything that one may have, as it is after a way through JSON. */
import { backendId } from '../../engine/model.ts';
import type { Detector } from '../../engine/policy/policy.ts';
import type { Decision } from '../../engine/rotation/decision.ts';
import type { ServiceRecord } from '../../engine/rotation/record.ts';
import { breakerOf, decisionOf, deviationOf, policyOf } from './fixtures.ts';

const detectors: readonly Detector[] = [
  deviationOf({ reference: 'Mean' }),
  {
    kind: 'discreteValueOutOfList',
    query: 'codes',
    key: 'code',
    list: { kind: 'good', values: ['200'] },
    tolerancePercent: 5,
    minActivity: 2,
  },
  { kind: 'threshold', query: 'errors', longQuery: 'errors', operator: '>', value: 5 },
  { kind: 'ratio', bad: 'bad', total: 'total', minRequests: 30, minBad: 5, sensitivity: 0.005 },
  { kind: 'outlier', query: 'price', direction: 'Above', minRatio: 1.2 },
  { kind: 'customService', service: 'judge', port: 8080 },
];

const accused: Decision['cause'] = {
  kind: 'breaker',
  breaker: 'threshold',
  severity: 2,
  value: 9,
  bound: 5,
  reason: 'value 9 > 5',
  query: 'errors',
  lookbackMs: 5000,
  streak: { anomalous: 2, of: 3 },
  budget: '1 of 2',
  agreed: [{ breaker: 'ratio', severity: 1, value: 1, bound: 1, reason: 'too' }],
  cohort: 'version v2',
};

export const fullRecord: ServiceRecord = {
  formatVersion: 1,
  epoch: 1,
  seq: 7,
  policy: policyOf({
    createdAtMs: 0,
    combine: 'All',
    allowStateful: true,
    eject: { how: 'Drain', closeAfterMs: 60_000, then: 'Evict' },
    budget: { onCohort: 'EjectWithinBudget' },
    activator: { mode: 'retryAndKill', maxStaleMs: 600_000, onStarved: 'Restore' },
    breakers: detectors.map((detector) =>
      breakerOf({
        name: detector.kind,
        detector,
        groupBy: ['version'],
        activity: { query: 'activity', min: 1 },
        suspectLookbackMs: 5000,
        fingerprint: detector.kind,
      }),
    ),
  }),
  suspension: { actor: 'ana', reason: 'incident', sinceMs: 1 },
  freeze: { actor: 'ana', reason: 'incident', sinceMs: 1, durationMs: 60_000 },
  clamp: { base: 6, floor: 3 },
  peaks: [{ atMs: 1, ready: 6 }],
  base: 6,
  breakers: Object.fromEntries(
    detectors.map(({ kind }) => [
      kind,
      { fingerprint: kind, evaluations: 1, silentSinceMs: 1, level: 0.5, levels: { 'version=v1': 0.5 } },
    ]),
  ),
  enforced: {
    decisions: [
      decisionOf('p1', 'ejected', { cause: accused, durationMs: 60_000, incarnation: '1' }),
      decisionOf('p2', 'ramping', { returning: { kind: 'time', note: 'stale' }, step: 1 }),
      decisionOf('p3', 'evicted', { cause: accused, evictionHeld: { cause: 'kill-loop', detail: 'two' } }),
    ],
    ejections: [{ atMs: 1, backend: backendId('p1'), kind: 'new' }],
    evictions: [{ atMs: 1, backend: backendId('p3'), template: 'v1', replacement: backendId('p4'), wasInVain: true }],
  },
  shadow: { decisions: [decisionOf('p5', 'paused')], ejections: [] },
};
