import { describe, expect, test } from 'vitest';
import { backendOf, fleetOf } from '../../test/support/fixtures.ts';
import type { Backend } from '../model.ts';
import { formatProblem } from '../problem.ts';
import { createPolicyParser } from './parse.ts';

const errors = `  breakers:
  - name: errors
    evaluationPeriod: 1m
    threshold: {query: 'rate(errors[1m])', operator: '>', value: 5}
`;

/** The fields of the spec begin at line 6, after the service; without `members` nothing is known of the fleet. */
function warningsOf(spec: string, members?: number | readonly Backend[]): readonly string[] {
  const text = `apiVersion: breaker.kubervisor.io/v1\nkind: KubervisorService\nmetadata: {name: p}\nspec:\n  service: a\n${spec}`;
  const parser = createPolicyParser(members === undefined ? {} : { membersOf: () => fleetOf(members).backends });
  const [outcome] = parser.parseText(text);
  if (outcome?.kind !== 'accepted') throw new Error(outcome?.problems.map(formatProblem).join('\n'));
  return outcome.warnings.map(formatProblem);
}

function breaker(fields: string): string {
  return `  breakers:\n  - name: x\n    evaluationPeriod: 10m\n${fields}`;
}

test('an ordinary policy has nothing to be said about', () => {
  expect(warningsOf(errors, 6)).toEqual([]);
});

describe('a cohort that is to be ejected as a whole', () => {
  const whole = (budget: string) => `${errors}  budget: {onCohort: EjectWithinBudget${budget}}\n`;
  const zones = (count: number) => Array.from({ length: count }, (_, index) => backendOf(`p${index}`, { zone: 'a' }));
  const never = (limit: string, remedy: string): readonly string[] => [
    `10:12: warning KV0168 spec.budget.onCohort: a cohort is 3 backends or more, and ${limit}: it never goes (${remedy})`,
  ];

  test.each([
    ['fits', '', zones(10), []],
    ['may fit a fleet that is not known', ', velocity: {count: 1}', undefined, []],
    [
      'is too many for the velocity, whatever the fleet',
      ', velocity: {count: 2, percent: 0}',
      undefined,
      never('velocity lets 2 go in 10 minutes', 'raise velocity.count'),
    ],
    [
      'is too many for the velocity of this fleet',
      ', velocity: {count: 2, percent: 10}',
      zones(10),
      never('velocity lets 2 of 10 go in 10 minutes', 'raise velocity.count'),
    ],
    [
      'is too many for a small fleet',
      '',
      zones(8),
      never('of 8 at most 2 may be out', 'raise maxEjectedPercent, lower the floor, or add backends'),
    ],
    [
      'is held as correlated first',
      ', holdAbovePercent: 20',
      zones(10),
      never('with more than 2 of 10 bad everybody is held', 'raise holdAbovePercent'),
    ],
    [
      'has no name',
      '',
      10,
      [
        '10:12: warning KV0169 spec.budget.onCohort: no version, zone or node of any backend is known: there are no cohorts (list the Pods beside the EndpointSlices, or write zone and nodeName beside the addresses)',
      ],
    ],
  ] as const)('%s', (_, budget, members, expected) => {
    expect(warningsOf(whole(budget), members)).toEqual(expected);
  });
});

describe('a warning, with its place and remedy', () => {
  test.each([
    [
      'retries without effect',
      `${errors}  activator: {mode: periodic, maxRetryCount: 2}\n`,
      '10:31: warning KV0151 spec.activator.maxRetryCount: has no effect with mode periodic (it needs mode retryAndPause or retryAndKill)',
    ],
    [
      'pauses without effect',
      `${errors}  activator: {mode: retryAndKill, maxPauseCount: 2}\n`,
      '10:35: warning KV0151 spec.activator.maxPauseCount: has no effect with mode retryAndKill (it needs mode retryAndPause)',
    ],
    [
      'an eviction limit where nothing evicts',
      `${errors}  activator: {maxEvictionsPerHour: 2}\n`,
      '10:15: warning KV0151 spec.activator.maxEvictionsPerHour: has no effect with mode periodic (it needs mode retryAndPause or retryAndKill)',
    ],
    [
      'a breaker that would enforce in a policy that does not',
      `  enforcement: Observe\n${errors}    enforcement: Enforce\n`,
      "11:5: warning KV0151 spec.breakers[0].enforcement: has no effect while the policy is Observe (set the policy's enforcement to Enforce)",
    ],
    [
      'a metric source for a custom service',
      '  breaker: {customService: "s:1", source: other}\n',
      '6:35: warning KV0151 spec.breaker.source: has no effect with customService (it is for detectors with a query)',
    ],
    [
      'groups where nobody is compared',
      breaker(`    groupBy: [version]\n    threshold: {query: 'rate(errors[1m])', operator: '>', value: 5}\n`),
      '9:5: warning KV0151 spec.breakers[0].groupBy: has no effect with threshold, which compares a backend with no other (remove it)',
    ],
    [
      'groups for a custom service',
      '  breaker: {customService: "s:1", groupBy: [version]}\n',
      '6:35: warning KV0151 spec.breaker.groupBy: has no effect with customService, which compares a backend with no other (remove it)',
    ],
    [
      'groups for a fixed share',
      breaker(
        `    groupBy: [version]\n    discreteValueOutOfList: {query: 'increase(a[1m])', key: code, goodValues: ["200"], tolerancePercent: 5}\n`,
      ),
      '9:5: warning KV0151 spec.breakers[0].groupBy: has no effect with discreteValueOutOfList and a tolerancePercent, which compares a backend with no other (remove it)',
    ],
    [
      'windows that overlap',
      breaker(`    threshold: {query: 'rate(errors[20m])', operator: '>', value: 5}\n`),
      '8:5: warning KV0152 spec.breakers[0].evaluationPeriod: evaluations every 10m share most of a window of 20m: one bad moment may confirm itself (lengthen evaluationPeriod, shorten the window, or accept it for speed)',
    ],
    [
      'all must stay available',
      `${errors}  budget: {minAvailableRatio: 100}\n`,
      '10:12: warning KV0150 spec.budget.minAvailableRatio: all backends must stay: nobody can ever be ejected (to watch without acting, write enforcement: Observe)',
    ],
    [
      'no share may be out',
      `${errors}  budget: {maxEjectedPercent: 0}\n`,
      '10:12: warning KV0150 spec.budget.maxEjectedPercent: no share of the fleet may be out: nobody can ever be ejected (to watch without acting, write enforcement: Observe)',
    ],
    [
      'every anomaly holds',
      `${errors}  budget: {holdAbovePercent: 0}\n`,
      '10:12: warning KV0150 spec.budget.holdAbovePercent: a single anomaly already holds all: nobody can ever be ejected (to watch without acting, write enforcement: Observe)',
    ],
    [
      'no velocity',
      `${errors}  budget: {velocity: {count: 0, percent: 0}}\n`,
      '10:12: warning KV0150 spec.budget.velocity: no ejection is allowed in any 10 minutes: nobody can ever be ejected (to watch without acting, write enforcement: Observe)',
    ],
    [
      'a return without a probe',
      `${errors}  activator: {ramp: {weights: [100]}}\n`,
      '10:22: warning KV0156 spec.activator.ramp.weights: a backend comes back with all its traffic at once, before anything has proven it healthy (start with a small weight, such as 5)',
    ],
    [
      'data given up before three answers could fail',
      `${errors}  activator: {maxStale: 150}\n`,
      '10:15: warning KV0170 spec.activator.maxStale: 2m30s is less than 3 evaluations of breaker errors take, one each 1m: a few answers that fail bring back whom it took out (give it minutes)',
    ],
    [
      'a then that never comes',
      `${errors}  eject: {then: Evict}\n`,
      '10:11: warning KV0157 spec.eject.then: then: Evict never happens without closeAfter (set closeAfter)',
    ],
    [
      'a closeAfter after which nothing happens',
      `${errors}  eject: {closeAfter: 2m, then: None}\n`,
      '10:27: warning KV0157 spec.eject.then: nothing happens 2m after the ejection: then is None (remove closeAfter, or set then)',
    ],
    [
      'a closeAfter after Remove',
      `${errors}  eject: {how: Remove, closeAfter: 2m}\n`,
      '10:24: warning KV0157 spec.eject.closeAfter: nothing is left to remove 2m after the ejection: how is Remove already (set how: Drain, or then: Evict)',
    ],
    [
      'a tolerance of everything',
      breaker(`    discreteValueOutOfList: {query: 'rate(a[1m])', key: c, goodValues: [x], tolerancePercent: 100}\n`),
      '9:77: warning KV0155 spec.breakers[0].discreteValueOutOfList.tolerancePercent: no share of bad values is above 100 %: no backend is ever anomalous (lower it)',
    ],
    [
      'a deviation that zero does not reach',
      breaker(`    continuousValueDeviation: {query: 'rate(a[1m])', maxDeviationPercent: 100}\n`),
      '9:54: warning KV0155 spec.breakers[0].continuousValueDeviation.maxDeviationPercent: even a value of 0 deviates by 100 % only, so 100 % never finds a value too low (go below 100, or set direction: Above)',
    ],
    [
      'agreement among one',
      `${errors}  - name: slow\n    enforcement: Observe\n    evaluationPeriod: 1m\n    threshold: {query: 'rate(s[1m])', operator: '>', value: 5}\n  combine: All\n`,
      '14:3: warning KV0151 spec.combine: has no effect with one breaker: those that only observe are not asked to agree with those that enforce (leave it out, or add a breaker)',
    ],
    [
      'a long window that is not longer',
      breaker(`    threshold: {query: 'rate(a[5m])', longQuery: 'rate(a[300s])', operator: '>', value: 1}\n`),
      '9:39: warning KV0165 spec.breakers[0].threshold.longQuery: looks back 5m, query 5m: it is not the longer window (lengthen its range, or leave longQuery out)',
    ],
    [
      'a query that loses the backend',
      breaker(`    threshold: {query: 'sum by (code) (rate(a[1m]))', operator: '>', value: 1}\n`),
      '9:17: warning KV0158 spec.breakers[0].threshold.query: the result has no label "pod": no sample can be assigned to a backend (keep it: by (pod))',
    ],
    [
      'an activity that loses the backend',
      breaker(
        `    activity: {query: 'sum(rate(a[1m]))', min: 1}\n    threshold: {query: 'rate(a[1m])', operator: '>', value: 1}\n`,
      ),
      '9:16: warning KV0158 spec.breakers[0].activity.query: the result has no label "pod": no sample can be assigned to a backend (keep it: by (pod))',
    ],
    [
      'a query that loses the key',
      breaker(`    discreteValueOutOfList: {query: 'sum by (pod) (increase(a[1m]))', key: code, goodValues: [x]}\n`),
      '9:30: warning KV0158 spec.breakers[0].discreteValueOutOfList.query: the result has no label "code": no sample can be judged (keep it: by (pod, code))',
    ],
    [
      'a rate where counts are needed',
      breaker(`    ratio: {bad: 'increase(a[1m])', total: 'rate(b[1m])'}\n`),
      '9:37: warning KV0161 spec.breakers[0].ratio.total: a rate does not say how many there were: few requests a second look like too few to judge (use increase())',
    ],
    [
      'a bare metric',
      breaker(`    threshold: {query: queue_depth, operator: '>', value: 1}\n`),
      '9:17: warning KV0159 spec.breakers[0].threshold.query: a bare metric may be up to 5 minutes old, so each step back into rotation waits 5m (use a range such as [30s], or set activity)',
    ],
    [
      'a look into the future',
      breaker(`    threshold: {query: 'rate(a[1m] offset -5m)', operator: '>', value: 1}\n`),
      '9:17: warning KV0160 spec.breakers[0].threshold.query: a negative offset looks into the future, where a live query finds nothing (remove the offset)',
    ],
  ])('%s', (_, spec, warning) => {
    expect(warningsOf(spec)).toEqual([warning]);
  });
});

describe('no warning', () => {
  test.each([
    [
      'for retries that have an effect',
      `${errors}  activator: {mode: retryAndPause, maxRetryCount: 2, maxPauseCount: 1}\n`,
    ],
    [
      'for an eviction limit where eject evicts',
      `${errors}  eject: {closeAfter: 1m, then: Evict}\n  activator: {maxEvictionsPerHour: 1}\n`,
    ],
    [
      'for overlapping windows of a single look',
      breaker(`    confirm: {of: 1}\n    threshold: {query: 'rate(a[20m])', operator: '>', value: 1}\n`),
    ],
    [
      'for a bare metric with activity',
      breaker(`    activity: {query: 'rate(n[1m])', min: 1}\n    threshold: {query: depth, operator: '>', value: 1}\n`),
    ],
    ['for a velocity of percent alone', `${errors}  budget: {velocity: {count: 0}}\n`],
    [
      'for a large deviation above',
      breaker(`    continuousValueDeviation: {query: 'rate(a[1m])', maxDeviationPercent: 300, direction: Above}\n`),
    ],
    [
      'for another label that is kept',
      breaker(
        `    match: {label: instance, by: Address}\n    threshold: {query: 'sum by (instance) (rate(a[1m]))', operator: '>', value: 1}\n`,
      ),
    ],
  ])('%s', (_, spec) => {
    expect(warningsOf(spec)).toEqual([]);
  });
});

describe('with the size of the fleet', () => {
  test.each([
    [
      1,
      '',
      '4:1: warning KV0154 spec.budget.minAvailableCount: the floor of 1 leaves nothing of 1 backend: nobody can ever be ejected (lower the floor or add backends)',
    ],
    [
      2,
      '',
      '4:1: warning KV0153 spec.budget.maxEjectedPercent: 34 % of 2 backends is less than one: nobody can ever be ejected (with 2 backends it takes 50 or more)',
    ],
    [
      6,
      '  budget: {minAvailableCount: 6}\n',
      '10:12: warning KV0154 spec.budget.minAvailableCount: the floor of 6 leaves nothing of 6 backends: nobody can ever be ejected (lower the floor or add backends)',
    ],
    [
      3,
      '  budget: {minAvailableRatio: 70}\n',
      '10:12: warning KV0154 spec.budget.minAvailableRatio: the floor of 3 leaves nothing of 3 backends: nobody can ever be ejected (lower the floor or add backends)',
    ],
    [
      9,
      '  budget: {maxEjectedPercent: 10}\n',
      '10:12: warning KV0153 spec.budget.maxEjectedPercent: 10 % of 9 backends is less than one: nobody can ever be ejected (with 9 backends it takes 12 or more)',
    ],
  ])('%i backends and "%s"', (fleetSize, budget, warning) => {
    expect(warningsOf(errors + budget, fleetSize)).toEqual([warning]);
  });

  test.each([
    [3, ''],
    [2, '  budget: {maxEjectedPercent: 50}\n'],
    [10, '  budget: {maxEjectedPercent: 10}\n'],
    [0, ''],
  ])('%i backends and "%s" are fine', (fleetSize, budget) => {
    expect(warningsOf(errors + budget, fleetSize)).toEqual([]);
  });

  test.each([
    [
      'Zone',
      [{}, {}],
      'the EndpointSlices give no zone (write zone beside the addresses of each endpoint, or leave proximity out)',
    ],
    [
      'Node',
      [
        { node: 'n', zone: 'a' },
        { node: 'n', zone: 'b' },
      ],
      'all backends are on the same node (write nodeName beside the addresses of each endpoint, or leave proximity out)',
    ],
    ['Zone', [{ zone: 'a' }, {}], undefined],
    ['Node', [{ node: 'n' }, { node: 'o' }], undefined],
    ['None', [{}, {}], undefined],
  ])('proximity: %s with backends in %j', (proximity, places, why) => {
    const members = places.map((place, index) => backendOf(`p${index + 1}`, place));
    expect(warningsOf(`${errors}  proximity: ${proximity}\n  budget: {maxEjectedPercent: 50}\n`, members)).toEqual(
      why === undefined ? [] : [`10:3: warning KV0151 spec.proximity: has no effect: ${why}`],
    );
  });

  test('a budget that is impossible anyway is told once', () => {
    expect(warningsOf(`${errors}  budget: {maxEjectedPercent: 0}\n`, 6)).toHaveLength(1);
  });
});

describe('groups, where the fleet is known', () => {
  const grouped = breaker(`    groupBy: [version]\n    outlier: {query: 'rate(seconds[1m])'}\n`);
  const podsOf = (...versions: readonly (string | undefined)[]) =>
    versions.map((version, index) => backendOf(`p${index}`, version === undefined ? {} : { labels: { version } }));

  test.each([
    ['enough in one of them', podsOf('a', 'a', 'a', 'b'), []],
    ['nothing is known', undefined, []],
    ['nobody is there', [], []],
    [
      'all too small',
      podsOf('a', 'a', 'b', 'c'),
      [
        '9:5: warning KV0162 spec.breakers[0].groupBy: nobody is judged: none of the 3 groups has the 3 backends it needs, the largest has 2 (group by a label that more backends share)',
      ],
    ],
    [
      'one without the label',
      [...podsOf('a', 'a', 'a'), backendOf('p4', { labels: {} })],
      [
        '9:5: warning KV0163 spec.breakers[0].groupBy: 1 of 4 backends have no group and are not judged (p4: its pod has no label version) (group by a label that all have; labels come from Pods, in files mode from those in the directory)',
      ],
    ],
    [
      'no Pods',
      podsOf(undefined, undefined, undefined),
      [
        '9:5: warning KV0163 spec.breakers[0].groupBy: 3 of 3 backends have no group and are not judged (p0: the labels of its pod are not known) (group by a label that all have; labels come from Pods, in files mode from those in the directory)',
      ],
    ],
  ] as const)('%s', (_, members, expected) => {
    expect(warningsOf(grouped, members)).toEqual(expected);
  });
});
