import { describe, expect, test } from 'vitest';
import { type NormaliseOptions, normalise } from './normalise.ts';
import type { Policy } from './policy.ts';
import { checkQuery } from './promql.ts';
import type { BreakerSpec, PolicySpec } from './schema.ts';

const options: NormaliseOptions = { defaultEnforcement: 'Enforce', defaultNamespace: 'default' };
const errors: BreakerSpec = { name: 'errors', threshold: { query: 'rate(errors[1m])', operator: '>', value: 5 } };

function policyOf(spec: Partial<PolicySpec>, overrides: Partial<NormaliseOptions> = {}): Policy {
  return normalise(
    {
      apiVersion: 'breaker.kubervisor.io/v1',
      kind: 'KubervisorService',
      metadata: { name: 'p', namespace: 'shop' },
      spec: { service: 'pricer', ...(spec.breaker === undefined ? { breakers: [errors] } : {}), ...spec },
    },
    { ...options, ...overrides },
    checkQuery,
  );
}

function breakerOf(breaker: Partial<BreakerSpec>, spec: Partial<PolicySpec> = {}) {
  const [first] = policyOf({ ...spec, breakers: [{ ...errors, ...breaker }] }).breakers;
  if (first === undefined) throw new Error('no breaker');
  return first;
}

test('a policy that says nothing has every default', () => {
  const { fingerprint, breakers, ...policy } = policyOf({});
  expect(policy).toEqual({
    namespace: 'shop',
    name: 'p',
    service: 'shop/pricer',
    enforcement: 'Enforce',
    settle: 10,
    eject: { how: 'Drain', then: 'None' },
    budget: {
      minAvailableCount: 1,
      minAvailableRatioPercent: 50,
      maxEjectedPercent: 34,
      velocity: { count: 3, percent: 10 },
      holdAbovePercent: 50,
      onBreach: 'Readmit',
      onCohort: 'Report',
    },
    proximity: 'None',
    warmUpMs: 120_000,
    combine: 'Any',
    activator: {
      mode: 'periodic',
      periodMs: 30_000,
      maxRetryCount: 3,
      maxPauseCount: 1,
      resetAfterMs: 600_000,
      maxEvictionsPerHour: 2,
      ramp: { weights: [5, 25, 50, 100], stepPeriodMs: 10_000 },
    },
  });
  expect(breakers).toMatchObject([
    {
      name: 'errors',
      enforcement: 'Enforce',
      evaluationPeriodMs: 5000,
      confirm: { of: 3, atLeast: 2 },
      onNoData: 'Hold',
      source: 'default',
      match: { label: 'pod', by: 'PodName', namespaceLabel: 'namespace' },
      lookbackMs: 60_000,
    },
  ]);
});

describe('the defaults of each detector', () => {
  const query = 'rate(a[1m])';
  test.each([
    [
      { continuousValueDeviation: { query } },
      { kind: 'continuousValueDeviation', query, maxDeviationPercent: 50, direction: 'Both' },
    ],
    [
      { discreteValueOutOfList: { query, key: 'code', goodValues: ['200'] } },
      {
        kind: 'discreteValueOutOfList',
        query,
        key: 'code',
        list: { kind: 'good', values: ['200'] },
        minActivity: 2,
      },
    ],
    [
      { discreteValueOutOfList: { query, key: 'code', badValues: ['500'], tolerancePercent: '2.5' } },
      { list: { kind: 'bad', values: ['500'] }, tolerancePercent: 2.5 },
    ],
    [
      { threshold: { query, operator: '<=' as const, value: '-0.5' } },
      { kind: 'threshold', operator: '<=', value: -0.5 },
    ],
    [
      { ratio: { bad: query, total: query } },
      { kind: 'ratio', bad: query, total: query, minRequests: 30, minBad: 5, sensitivity: 0.005 },
    ],
    [{ customService: 'judge:8080' }, { kind: 'customService', service: 'judge', port: 8080 }],
  ])('%j', (detector, normalised) => {
    expect(policyOf({ breakers: [{ name: 'x', ...detector }] }).breakers[0]?.detector).toMatchObject(normalised);
  });
});

describe('enforcement is inherited', () => {
  test('by the policy from the serving config', () => {
    expect(policyOf({}, { defaultEnforcement: 'Observe' })).toMatchObject({
      enforcement: 'Observe',
      breakers: [{ enforcement: 'Observe' }],
    });
  });

  test('not where the policy has its own', () => {
    expect(policyOf({ enforcement: 'Enforce' }, { defaultEnforcement: 'Observe' }).enforcement).toBe('Enforce');
  });

  test('by a breaker from the policy, unless it has its own', () => {
    expect(breakerOf({}, { enforcement: 'Observe' }).enforcement).toBe('Observe');
    expect(breakerOf({ enforcement: 'Observe' }, { enforcement: 'Enforce' }).enforcement).toBe('Observe');
  });

  test('a suspended policy keeps what its breakers return to', () => {
    expect(breakerOf({}, { enforcement: 'Suspended' }).enforcement).toBe('Enforce');
  });
});

describe('the floor may be written', () => {
  const floor = { minAvailableCount: 4, minAvailableRatioPercent: 60 };
  test.each<[string, Partial<PolicySpec>]>([
    ['in the budget', { budget: { minAvailableCount: 4, minAvailableRatio: 60 } }],
    ["in the budget, under the talk's names", { budget: { minPodsAvailableCount: 4, minPodsAvailableRatio: '60%' } }],
    ['in the shorthand', { breaker: { minPodsAvailableCount: 4, minPodsAvailableRatio: 60, customService: 's:1' } }],
    [
      'here and there',
      { budget: { minAvailableCount: 4 }, breaker: { minPodsAvailableRatio: '60', customService: 's:1' } },
    ],
  ])('%s', (_, spec) => {
    expect(policyOf(spec).budget).toMatchObject(floor);
  });
});

describe('what happens after closeAfter', () => {
  test.each<[NonNullable<PolicySpec['eject']>, Policy['eject']]>([
    [{ closeAfter: '2m' }, { how: 'Drain', closeAfterMs: 120_000, then: 'Remove' }],
    [
      { closeAfter: 60, then: 'Evict' },
      { how: 'Drain', closeAfterMs: 60_000, then: 'Evict' },
    ],
    [
      { closeAfter: 60, then: 'None' },
      { how: 'Drain', closeAfterMs: 60_000, then: 'None' },
    ],
    [{ how: 'MarkUnhealthy' }, { how: 'MarkUnhealthy', then: 'None' }],
  ])('%j', (eject, normalised) => {
    expect(policyOf({ eject }).eject).toEqual(normalised);
  });
});

test('data may be lost for as long as it says, or for ever', () => {
  expect(policyOf({ activator: { maxStale: '15m' } }).activator.maxStaleMs).toBe(900_000);
  expect(policyOf({ activator: {} }).activator).not.toHaveProperty('maxStaleMs');
});

test('a single evaluation needs a single confirmation', () => {
  expect(breakerOf({ confirm: { of: 1 } }).confirm).toEqual({ of: 1, atLeast: 1 });
});

describe('how far a breaker looks back', () => {
  const gauge = { threshold: { query: 'queue_depth', operator: '>' as const, value: 5 } };
  test.each<[string, Partial<BreakerSpec>, number]>([
    ['a bare metric: five minutes', gauge, 300_000],
    ['a bare metric that activity vouches for', { ...gauge, activity: { query: 'increase(n[20s])', min: 1 } }, 20_000],
    ['activity that itself is a bare metric', { ...gauge, activity: { query: 'n', min: 1 } }, 300_000],
    ['the range of the query', {}, 60_000],
    ['the longer range of the activity', { activity: { query: 'increase(n[2m])', min: 1 } }, 120_000],
  ])('%s', (_, breaker, lookbackMs) => {
    expect(breakerOf(breaker).lookbackMs).toBe(lookbackMs);
  });

  test('two windows: the longer one, but the short one for who is on its way back', () => {
    const threshold = { query: 'rate(n[1m])', longQuery: 'rate(n[10m])', operator: '>' as const, value: 5 };
    const { lookbackMs, suspectLookbackMs } = breakerOf({ threshold, activity: { query: 'n', min: 1 } });
    expect([lookbackMs, suspectLookbackMs]).toEqual([600_000, 300_000]);
    expect(breakerOf({ threshold }).suspectLookbackMs).toBe(60_000);
  });

  test('a custom service: its evaluation period', () => {
    expect(policyOf({ breaker: { customService: 's:1', evaluationPeriod: '20s' } }).breakers[0]?.lookbackMs).toBe(
      20_000,
    );
  });
});

describe('the fingerprint of a policy', () => {
  test('is the same for the same meaning, however it is written', () => {
    expect(policyOf({ warmUp: 120, settle: 10 }).fingerprint).toBe(policyOf({ warmUp: '2m' }).fingerprint);
  });

  test('does not depend on the name of the policy', () => {
    const { fingerprint } = normalise(
      {
        apiVersion: 'breaker.kubervisor.io/v1',
        kind: 'KubervisorService',
        metadata: { name: 'other', namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' },
        spec: { service: 'pricer', breakers: [errors] },
      },
      options,
      checkQuery,
    );
    expect(fingerprint).toBe(policyOf({}).fingerprint);
  });

  test.each<[string, Partial<PolicySpec>]>([
    ['the budget', { budget: { maxEjectedPercent: 20 } }],
    ['the activator', { activator: { period: 31 } }],
    ['a breaker', { breakers: [{ ...errors, confirm: { of: 4 } }] }],
    ['enforcement', { enforcement: 'Observe' }],
  ])('changes with %s', (_, spec) => {
    expect(policyOf(spec).fingerprint).not.toBe(policyOf({}).fingerprint);
  });
});

describe('the fingerprint of a breaker: its baseline survives edits that leave alone what is measured', () => {
  const same = breakerOf({}).fingerprint;

  test.each<[string, Partial<BreakerSpec>]>([
    ['its name', { name: 'other' }],
    ['how often', { evaluationPeriod: '1m' }],
    ['how surely', { confirm: { of: 5, atLeast: 5 } }],
    ['whether it acts', { enforcement: 'Observe' }],
  ])('the same after an edit of %s', (_, breaker) => {
    expect(breakerOf(breaker).fingerprint).toBe(same);
  });

  test.each<[string, Partial<BreakerSpec>]>([
    ['the query', { threshold: { query: 'rate(errors[2m])', operator: '>', value: 5 } }],
    ['the bound', { threshold: { query: 'rate(errors[1m])', operator: '>', value: 6 } }],
    ['the source', { source: 'other' }],
    ['how samples are matched', { match: { label: 'instance' } }],
    ['the activity', { activity: { query: 'n', min: 1 } }],
  ])('another after an edit of %s', (_, breaker) => {
    expect(breakerOf(breaker).fingerprint).not.toBe(same);
  });

  test('another when its peers are others, or compared with otherwise', () => {
    const price = (spec: Partial<BreakerSpec>, reference?: 'Median' | 'Mean') =>
      breakerOf({ threshold: undefined, continuousValueDeviation: { query: 'price', reference }, ...spec } as never);
    const plain = price({});
    expect(price({ groupBy: ['version'] }).fingerprint).not.toBe(plain.fingerprint);
    expect(price({}, 'Mean').fingerprint).not.toBe(plain.fingerprint);
    // What was stored before there was a choice stays what it was.
    expect(price({}, 'Median')).toEqual(plain);
    expect(plain.detector).not.toHaveProperty('reference');
  });

  test('the same with groups for a detector that compares nobody', () => {
    expect(breakerOf({ groupBy: ['version'] })).toEqual(breakerOf({}));
  });
});
