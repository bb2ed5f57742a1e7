/**
 * Bad input of breakers, a row each: what comes in, what a person is told, and that nobody goes out for it. From the
 * answer of a server through source, match, detector and rotation to the words of the API. What a real Prometheus
 * answers to such queries is in test/prometheus/source.test.ts, what `lint --online` says of them in cli/lint.test.ts; bad
 * files, ports and clients are in test/e2e/bad-input.test.ts, groups of canaries alone in engine/breakers/groups.test.ts.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serviceView } from '../../engine/admin/view.ts';
import { systemClock } from '../../engine/clock.ts';
import { createGather } from '../../engine/evidence.ts';
import { createMetricSources, type MetricSources } from '../../engine/metrics/registry.ts';
import { prometheusSettings } from '../../engine/metrics/settings.ts';
import { createPolicyParser } from '../../engine/policy/parse.ts';
import type { Policy } from '../../engine/policy/policy.ts';
import { formatProblem } from '../../engine/problem.ts';
import { fleetOf, judgementOf, type World, world } from '../support/world.ts';
import { json, type LoopbackServer, startServer } from './loopback-server.ts';

const hour = 3_600_000;
const fleet = fleetOf(6);
const names = fleet.backends.map(({ name }) => name);

/** p1 is as bad as can be, wherever the answer is taken. */
const worst = (name: string): number => (name === 'p1' ? 1e6 : 1);
const series = (labels: object, value: string | number = 1): object => ({ metric: labels, value: [0, String(value)] });
const each = (make: (name: string) => readonly object[]): readonly object[] => names.flatMap(make);
const good = each((name) => [series({ pod: name }, worst(name))]);
const histogram = { count: '2', sum: '3', buckets: [] };

/** What the server says at an evaluation, the first one being 0. */
interface Answer {
  readonly resultType?: string;
  readonly result: unknown;
  readonly warnings?: readonly string[];
  /** The server's clock minus ours. */
  readonly aheadMs?: number;
}

interface Row {
  readonly what: string;
  readonly answer: (evaluation: number) => Answer;
  readonly told: string | RegExp;
}

const rows: readonly Row[] = [
  { what: 'nothing', answer: () => ({ result: [] }), told: 'no sample' },
  { what: 'a scalar', answer: () => ({ resultType: 'scalar', result: [0, '1'] }), told: 'scalar' },
  {
    what: 'a matrix',
    answer: () => ({ resultType: 'matrix', result: [{ metric: { pod: 'p1' }, values: [[0, '1']] }] }),
    told: 'a range of samples a series',
  },
  {
    what: 'native histograms',
    answer: () => ({ result: each((name) => [{ metric: { pod: name }, histogram: [0, histogram] }]) }),
    told: 'value is a native histogram; use histogram_quantile',
  },
  {
    what: 'the buckets of classic histograms',
    answer: () => ({
      result: each((name) => ['0.1', '+Inf'].map((le) => series({ pod: name, le }, worst(name)))),
    }),
    told: 'several samples for one backend; aggregate the query by backend',
  },
  {
    what: 'labels that match no endpoint',
    answer: () => ({ result: each((name) => [series({ pod: `other-${name}` }, worst(name))]) }),
    told: 'no sample',
  },
  {
    what: 'no label to match by',
    answer: () => ({ result: [series({}, 1e6)] }),
    told: 'no sample',
  },
  {
    what: 'the namespace of somebody else',
    answer: () => ({ result: each((name) => [series({ pod: name, namespace: 'theirs' }, worst(name))]) }),
    told: 'no sample',
  },
  { what: 'a series twice', answer: () => ({ result: [...good, good[0]] }), told: 'twice' },
  {
    what: 'two series for one backend',
    answer: () => ({ result: [...good, series({ pod: 'p1', container: 'sidecar' }, 1e6)] }),
    told: 'several samples for one backend',
  },
  { what: 'NaN', answer: () => ({ result: each((pod) => [series({ pod }, 'NaN')]) }), told: 'value is NaN' },
  { what: 'infinity', answer: () => ({ result: each((pod) => [series({ pod }, '+Inf')]) }), told: 'value is infinite' },
  {
    what: 'a part of the data',
    answer: () => ({ result: good, warnings: ['No StoreAPIs matched for this query'] }),
    told: 'No StoreAPIs matched',
  },
  {
    what: 'a clock an hour ahead',
    answer: () => ({ result: good, aheadMs: hour }),
    told: /its clock is \d+(\.\d+)? s from ours/,
  },
  {
    what: 'a clock an hour behind',
    answer: () => ({ result: good, aheadMs: -hour }),
    told: /its clock is -\d+(\.\d+)? s from ours/,
  },
];

/** In the form that has no history to look back on: the answer alone is in question. */
const policyText = (spec = '', breaker = `threshold: {query: 'rate(x[1m])', operator: '>', value: 100}`): string => `
apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: pricer, namespace: shop}
spec:
  service: pricer
  settle: 0
  warmUp: 0s
  breakers:
  - name: bad
    confirm: {of: 3, atLeast: 2}
    ${breaker}
${spec}`;

function policyOf(text: string): Policy {
  const [outcome] = createPolicyParser().parseText(text);
  if (outcome?.kind !== 'accepted') throw new Error('this policy is fine');
  return outcome.policy;
}

let server: LoopbackServer;
let sources: MetricSources;
let answer: Answer;
let w: World;

beforeEach(async () => {
  w = world({ fleet: fleet.backends, policy: policyOf(policyText()) });
  server = await startServer(({ form }, response) => {
    const { resultType = 'vector', result, warnings, aheadMs = 0 } = answer;
    response.setHeader('date', new Date(w.now + aheadMs).toUTCString());
    // Each value is of the moment that was asked for.
    const at = (part: unknown): unknown =>
      JSON.parse(JSON.stringify(part).replaceAll(/\[0,/g, `[${form.get('time') ?? 0},`));
    json(response, 200, { status: 'success', data: { resultType, result: at(result) }, warnings });
  });
  const settings = prometheusSettings({ url: server.url }, 'test');
  if (settings.kind === 'invalid') throw new Error('no settings');
  sources = createMetricSources({
    sources: new Map([['default', settings.settings]]),
    clock: { now: () => w.now, at: (atMs, run) => systemClock.at(systemClock.now() + atMs - w.now, run) },
    random: Math.random,
  });
});

afterEach(async () => {
  sources.close();
  await server.close();
});

/** Evaluates every 5 s; everything that the API says of the breakers and the backends at any time. */
async function evaluations(count: number, answers: (evaluation: number) => Answer): Promise<string> {
  const gather = createGather({
    metrics: sources,
    customServices: { ask: () => Promise.reject(new Error('nobody asks it')) },
    clock: { now: () => w.now, at: systemClock.at },
  });
  const told: unknown[] = [];
  for (let evaluation = 0; evaluation < count; evaluation++) {
    w.pass(5_000);
    answer = answers(evaluation);
    for (const breaker of w.state.policy?.breakers ?? []) {
      const { evidence, evaluatedAtMs } = await gather(breaker, w.state.fleet, w.now, new AbortController().signal);
      const event = judgementOf(w.state, breaker.name, evidence, w.now, evaluatedAtMs);
      if (event !== undefined) w.step(event);
    }
    told.push(serviceView(w.state, { now: w.now, suspension: undefined }, true));
  }
  return JSON.stringify(told);
}

describe('a query that answers', () => {
  it('what it should takes the bad one out: the rows below could, if they were taken at their word', async () => {
    await evaluations(2, () => ({ result: good }));
    expect(w.out()).toEqual(['p1']);
  });

  it.each(rows)('$what: says so, ejects nobody', async ({ answer: answers, told }) => {
    expect(await evaluations(8, answers)).toMatch(told);
    expect([w.out(), w.effects.filter(({ kind }) => kind === 'transition')]).toEqual([[], []]);
  });

  it.each(rows)('$what, after it was good: brings nobody back, and gives nobody a strike', async (row) => {
    await evaluations(2, () => ({ result: good }));
    w.pass(30_000);
    await evaluations(8, row.answer);
    expect(w.decision('p1')).toMatchObject({ state: 'probing', retries: 0 });
  });

  const relative = `continuousValueDeviation: {query: 'rate(x[1m])', maxDeviationPercent: 30}`;
  it.each([
    ['a threshold', undefined],
    ['a deviation', relative],
    ['an outlier', `outlier: {query: 'rate(x[1m])'}`],
  ])('half of the fleet, to %s: says who has no data, ejects nobody', async (_, breaker) => {
    w.policy(policyOf(policyText('', breaker)));
    const half = good.slice(0, 3);
    const told = await evaluations(8, () => ({ result: half }));
    expect(told).toContain('no sample');
    if (breaker === undefined) expect(told).toContain('too much of the fleet has no data');
    expect(w.out()).toEqual([]);
  });

  it('while its clock jumps to and fro: what it says of another time counts for nothing', async () => {
    const well = each((pod) => [series({ pod })]);
    const told = await evaluations(12, (evaluation) =>
      evaluation % 2 === 0 ? { result: well } : { result: good, aheadMs: hour },
    );
    expect(told).toContain('s from ours');
    expect([w.out(), w.effects.filter(({ kind }) => kind === 'transition')]).toEqual([[], []]);
  });

  it('values that jump in time, all together, are a fleet that moved', async () => {
    w.policy(policyOf(policyText('', relative).replace('settle: 0', 'settle: 3')));
    const level = (value: number): Answer => ({ result: each((pod) => [series({ pod }, value)]) });
    await evaluations(6, () => level(1));
    expect(await evaluations(6, () => level(1_000))).toContain('"outcome":"fleet-wide"');
    expect(w.out()).toEqual([]);
  });
});

describe('a policy that contradicts itself', () => {
  const outcomes = (text: string): string => {
    const [outcome] = createPolicyParser({ membersOf: () => fleet.backends }).parseText(text);
    if (outcome === undefined) return 'nothing';
    const problems = outcome.kind === 'accepted' ? outcome.warnings : outcome.problems;
    return [outcome.kind, ...problems.map(formatProblem)].join('\n');
  };
  const both = `ratio: {bad: 'increase(a[1m])', total: 'increase(b[1m])'}`;

  it.each([
    ['a ramp without steps', policyText('  activator: {ramp: {weights: []}}'), /KV0104 spec\.activator\.ramp\.weights/],
    [
      'a ramp that ends below full weight',
      policyText('  activator: {ramp: {weights: [5, 50]}}'),
      /KV0112 .*end in 100/,
    ],
    ['a ramp that falls', policyText('  activator: {ramp: {weights: [50, 5, 100]}}'), /KV0112 .*never fall/],
    ['more confirmations than evaluations', policyText().replace('atLeast: 2', 'atLeast: 4'), /KV0112 .*at most "of"/],
    ['two detectors in one breaker', policyText('', `${both}\n    outlier: {query: x}`), /KV0106 .*exactly one of/],
    ['no detector', policyText('', ''), /KV0106 .*found none/],
    [
      'good and bad values',
      policyText('', 'discreteValueOutOfList: {query: x, key: k, goodValues: [a], badValues: [b]}'),
      /KV0106/,
    ],
    ['a name twice', policyText(`  - name: bad\n    outlier: {query: x}`), /KV0111 .*a second time/],
    [
      'two floors',
      policyText('  budget: {minAvailableCount: 2, minPodsAvailableCount: 3}'),
      /KV0106 .*the same setting/,
    ],
    ['a query that gives a scalar', policyText('', `outlier: {query: 'scalar(x)'}`), /KV0109 .*scalar/],
    ['a query that gives a matrix', policyText('', `outlier: {query: 'x[5m]'}`), /KV0109 .*range vector/],
    ['a query of no metric', policyText('', `outlier: {query: 'vector(1)'}`), /KV0109 .*reads no metric/],
    ['a query that stands still', policyText('', `outlier: {query: 'x @ 0'}`), /KV0110/],
  ])('%s: is refused, with the field', (_, text, problem) => {
    expect(outcomes(text)).toMatch(/^refused/);
    expect(outcomes(text)).toMatch(problem);
  });

  it.each([
    ['a floor above the fleet', '  budget: {minAvailableCount: 7}', 'KV0154', 'budget'],
    ['a floor as large as the fleet', '  budget: {minAvailableRatio: 95}', 'KV0154', 'budget'],
    ['a floor of all', '  budget: {minAvailableRatio: 100}', 'KV0150', 'budget'],
    ['a share that is less than one', '  budget: {maxEjectedPercent: 10}', 'KV0153', 'budget'],
    ['no share at all', '  budget: {maxEjectedPercent: 0}', 'KV0150', 'budget'],
    ['no velocity', '  budget: {velocity: {count: 0, percent: 0}}', 'KV0150', 'velocity'],
    ['a single anomaly that holds all', '  budget: {holdAbovePercent: 0}', 'KV0150', 'hold-above'],
  ])('%s: lint says so, and who is bad is held', async (_, spec, code, cause) => {
    expect(outcomes(policyText(spec))).toMatch(new RegExp(`^accepted[^]*warning ${code} `));
    w.policy(policyOf(policyText(spec)));
    await evaluations(8, () => ({ result: good }));
    expect([w.out(), w.held('p1')]).toEqual([[], cause]);
  });
});
