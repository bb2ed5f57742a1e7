/** Policies drawn at random, within the bounds that a policy may have. */
import type { Breaker, Policy } from '../../engine/policy/policy.ts';
import type { Random } from '../support/random.ts';
import { breakerOf, deviationOf, policyOf } from '../support/fixtures.ts';

export function drawPolicy(random: Random): Policy {
  return policyOf({
    enforcement: random.pick([...many('Enforce', 10), 'Observe', 'Suspended']),
    settle: random.pick([...many(0, 4), 1, 5]),
    eject: {
      how: random.pick(['Drain', 'MarkUnhealthy', 'Remove']),
      then: random.pick(['None', 'Remove', 'Evict']),
      ...(random.chance(0.5) ? { closeAfterMs: random.pick([1_000, 60_000, 600_000]) } : {}),
    },
    proximity: random.pick(['None', 'Zone', 'Node']),
    warmUpMs: random.pick([0, 120_000]),
    breakers: random.some(['errors', 'price', 'watch', 'share'], 0.7).map((name) => drawBreaker(random, name)),
    ...(random.chance(0.5) ? { allowStateful: true } : {}),
    combine: random.pick(['Any', 'Any', 'All']),
    budget: {
      minAvailableCount: random.int(0, 4),
      minAvailableRatioPercent: random.pick([0, 30, 50, 50, 90]),
      maxEjectedPercent: random.pick([0, 34, 50, 100, 100]),
      velocity: { count: random.int(0, 6), percent: random.pick([0, 10, 50, 100]) },
      holdAbovePercent: random.pick([0, 50, 80, 100, 100]),
      onBreach: random.pick(['Readmit', 'Readmit', 'Hold']),
      onCohort: random.pick(['Report', 'EjectWithinBudget', 'EjectWithinBudget']),
    },
    activator: {
      mode: random.pick(['periodic', 'retryAndPause', 'retryAndKill']),
      periodMs: random.pick([5_000, 30_000, 300_000]),
      maxRetryCount: random.int(0, 3),
      maxPauseCount: random.int(0, 2),
      maxEvictionsPerHour: random.pick([0, 1, 2, 5, 5]),
      resetAfterMs: random.pick([0, 60_000, 600_000]),
      ...random.pick([{}, {}, { maxStaleMs: 60_000 }, { maxStaleMs: 600_000 }]),
      ...random.pick([{}, { onStarved: 'Restore' }, { onStarved: 'Pause' }] as const),
      ramp: {
        weights: random.pick([[100], [5, 100], [5, 25, 50, 100], [1, 2, 50, 50, 100], [40, 100]]),
        stepPeriodMs: random.pick([1_000, 10_000]),
      },
    },
  });
}

export function many<const T>(item: T, times: number): readonly T[] {
  return Array.from({ length: times }, () => item);
}

const zone = 'topology.kubernetes.io/zone';
const template = 'pod-template-hash';

function drawBreaker(random: Random, name: string): Breaker {
  const of = random.int(1, 4);
  const edition = random.int(1, 3);
  const isLong = name === 'errors' && random.chance(0.3);
  const groupBy = random.pick([[zone], [template], [zone, template]]);
  const isGrouped = name === 'price' && random.chance(0.5);
  return breakerOf({
    name,
    enforcement: name === 'watch' ? 'Observe' : random.pick(['Enforce', 'Enforce', 'Enforce', 'Observe']),
    evaluationPeriodMs: random.pick([1_000, 5_000, 60_000]),
    confirm: { of, atLeast: random.int(1, of) },
    onNoData: random.pick(['Hold', 'Healthy']),
    detector:
      name === 'share'
        ? { kind: 'ratio', bad: name, total: 'all', minRequests: 30, minBad: 5, sensitivity: 0.005 }
        : name === 'price'
          ? deviationOf({ maxDeviationPercent: random.pick([10, 50, 150]) })
          : { kind: 'threshold', query: name, operator: '>', value: 150, ...(isLong ? { longQuery: name } : {}) },
    lookbackMs: random.pick(isLong ? [4_000, 30_000, 600_000] : [0, 4_000, 30_000]),
    ...(isLong ? { suspectLookbackMs: random.pick([0, 4_000]) } : {}),
    ...(isGrouped ? { groupBy } : {}),
    fingerprint: `${name}-${edition}${isLong ? '-long' : ''}${isGrouped ? groupBy.join() : ''}`,
  });
}
