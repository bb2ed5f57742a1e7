import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../problem.ts';
import { createPolicyParser } from '../parse.ts';
import { createMetricSources } from './metric-sources.ts';
import { isOriginal, migrate } from './migrate.ts';
import { selectorNote } from './traffic-label.ts';

const parser = createPolicyParser();

function original(spec: object, metadata: object = { name: 'p', namespace: 'demo' }) {
  return { apiVersion: 'kubervisor.k8s.io/v1alpha1', kind: 'KubervisorService', metadata, spec };
}

const discrete = {
  prometheusService: 'prometheus.demo:9090',
  promQL: 'sum(delta(rpc_count{job="pods"}[10s])) by (code, kubernetes_pod_name)',
  key: 'code',
  podNamekey: 'kubernetes_pod_name',
  goodValues: ['200'],
};
const deviation = {
  prometheusService: 'prometheus.demo:9090',
  promQL: 'price / scalar(avg(price))',
  podNamekey: 'pod',
};

/** The new policy, which is one that would be accepted. */
function migrated(spec: object) {
  const sources = createMetricSources();
  const { policy, notes } = migrate(original(spec), sources);
  const outcome = parser.parseObject(policy);
  if (outcome.kind === 'refused') throw new Error(outcome.problems.map(formatProblem).join('\n'));
  const attention = notes.filter(({ needsAttention }) => needsAttention).map(({ field }) => field);
  return { spec: (policy as { spec: object }).spec, accepted: outcome.policy, notes, attention, urls: sources.urls() };
}

describe('a policy of the original', () => {
  it('with every field it can have', () => {
    const { spec, notes, attention, urls } = migrated({
      service: 'pricer',
      breakers: [
        {
          name: 'codes',
          evaluationPeriod: 2.5,
          minPodsAvailableCount: 2,
          minPodsAvailableRatio: 40,
          discreteValueOutOfList: { ...discrete, badValues: null, tolerance: 20, minActivity: 10 },
        },
        {
          name: 'price',
          minPodsAvailableCount: 3,
          continuousValueDeviation: { ...deviation, maxDeviationPercent: 7.5 },
        },
        { name: 'judge', customService: 'http://judge.demo:8080' },
      ],
      defaultActivator: { mode: 'retryAndPause', period: 15, maxRetryCount: 5, maxPauseCount: 2 },
    });
    expect(spec).toEqual({
      service: 'pricer',
      budget: { minAvailableCount: 3, minAvailableRatio: 40 },
      breakers: [
        {
          name: 'codes',
          evaluationPeriod: '2s500ms',
          match: { label: 'kubernetes_pod_name' },
          discreteValueOutOfList: {
            query: discrete.promQL,
            key: 'code',
            goodValues: ['200'],
            tolerancePercent: 20,
            minActivity: 10,
          },
        },
        {
          name: 'price',
          match: { label: 'pod' },
          continuousValueDeviation: { query: deviation.promQL, maxDeviationPercent: '7.5' },
        },
        { name: 'judge', customService: 'judge:8080' },
      ],
      activator: { mode: 'retryAndPause', period: '15s', maxRetryCount: 5, maxPauseCount: 2 },
    });
    expect([...urls]).toEqual([['default', 'http://prometheus.demo:9090']]);
    expect(attention).toEqual([
      'spec.breakers[0].discreteValueOutOfList.prometheusService',
      'spec.breakers[1].continuousValueDeviation.promQL',
      'spec.breakers[1].continuousValueDeviation.prometheusService',
    ]);
    expect(notes.map(({ field }) => field)).toEqual(expect.arrayContaining(['spec.service', 'spec.breakers[2].name']));
  });

  it('in the form of its demo, with one breaker and one activator', () => {
    const { accepted } = migrated({
      service: 'pricer',
      breaker: { minPodsAvailableCount: 2, continuousValueDeviation: { ...deviation, maxDeviationPercent: 30 } },
      activator: { mode: 'periodic', period: 15 },
    });
    expect(accepted).toMatchObject({
      breakers: [{ name: 'breaker', detector: { maxDeviationPercent: 30 } }],
      activator: { mode: 'periodic', periodMs: 15_000 },
    });
  });

  it('keeps the defaults it had, where ours are others', () => {
    const { accepted, notes } = migrated({
      service: 'pricer',
      breakers: [
        { name: 'a', discreteValueOutOfList: discrete },
        { name: 'b', continuousValueDeviation: deviation },
      ],
    });
    expect(accepted).toMatchObject({
      breakers: [{ detector: { tolerancePercent: 50 } }, { detector: { maxDeviationPercent: 75 } }],
      activator: { periodMs: 10_000 },
    });
    expect(notes.filter(({ why }) => why?.startsWith('was not set')).map(({ becomes }) => becomes)).toEqual([
      'breakers[0].discreteValueOutOfList.tolerancePercent',
      'breakers[1].continuousValueDeviation.maxDeviationPercent',
      'activator.period',
    ]);
  });

  it('keeps what people wrote about it, and nothing that a server or a tool added', () => {
    const metadata = { name: 'p', namespace: 'demo', labels: { app: 'x' }, uid: 'u', managedFields: [] };
    const { policy } = migrate(original({ service: 'pricer', breaker: {} }, metadata), createMetricSources());
    expect(policy).toMatchObject({ metadata: { name: 'p', namespace: 'demo', labels: { app: 'x' } } });
    expect((policy as { metadata: object }).metadata).not.toHaveProperty('uid');
  });
});

describe('what is not simply the same needs a look', () => {
  const custom = { name: 'a', customService: 'judge:8080' };
  it.each<[title: string, spec: object, field: string]>([
    [
      'a period under a second',
      { breakers: [{ ...custom, evaluationPeriod: 0.5 }] },
      'spec.breakers[0].evaluationPeriod',
    ],
    [
      'a service of another namespace',
      { breakers: [{ name: 'a', customService: 'judge.pricing:80' }] },
      'spec.breakers[0].customService',
    ],
    [
      'activators that differ',
      { breakers: [{ ...custom, activator: { mode: 'periodic' } }], defaultActivator: { mode: 'retryAndKill' } },
      'spec.defaultActivator',
    ],
    ['a field that there never was', { breakers: [{ ...custom, tolerence: 3 }] }, 'spec.breakers[0].tolerence'],
    [
      'a value of the wrong type',
      { breakers: [{ ...custom, evaluationPeriod: '5s' }] },
      'spec.breakers[0].evaluationPeriod',
    ],
  ])('%s', (_, spec, field) => {
    expect(migrated({ service: 'pricer', ...spec }).attention).toEqual([field]);
  });
});

it('two Prometheus are two sources, the first of them the default', () => {
  const at = (name: string, prometheusService: string) => ({
    name,
    continuousValueDeviation: { ...deviation, prometheusService },
  });
  const { accepted, urls } = migrated({
    service: 'pricer',
    breakers: [
      at('a', 'prometheus.demo:9090'),
      at('b', 'https://thanos.infra'),
      at('c', 'thanos.other:1'),
      at('d', 'prometheus.demo:9090'),
    ],
  });
  expect(accepted.breakers.map(({ source }) => source)).toEqual(['default', 'thanos', 'thanos-2', 'default']);
  expect([...urls]).toEqual([
    ['default', 'http://prometheus.demo:9090'],
    ['thanos', 'https://thanos.infra'],
    ['thanos-2', 'http://thanos.other:1'],
  ]);
});

it('no field is lost without a word, whatever they are', () => {
  const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null));
  const junk = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), leaf, { maxKeys: 4 });
  fc.assert(
    fc.property(junk, junk, (inSpec, inBreaker) => {
      const breaker = { ...inBreaker, name: 'a', customService: 'judge:80' };
      const { notes } = migrate(original({ ...inSpec, service: 'x', breakers: [breaker] }), createMetricSources());
      const told = new Set(notes.map(({ field }) => field));
      for (const name of Object.keys(inSpec)) expect(told.has(`spec.${name}`) || name === 'breaker').toBe(true);
      for (const name of Object.keys(inBreaker))
        expect([...told].some((field) => field.startsWith(`spec.breakers[0].${name}`))).toBe(true);
    }),
  );
});

it('objects of others are none', () => {
  expect(isOriginal({ ...original({}), apiVersion: 'breaker.kubervisor.io/v1' })).toBe(false);
  expect(isOriginal('KubervisorService')).toBe(false);
  const service = (selector: object) => ({ kind: 'Service', spec: { selector } });
  expect(selectorNote(service({ app: 'pricer' }))).toBeUndefined();
  expect(selectorNote(service({ app: 'pricer', 'kubervisor/traffic': 'yes' }))).toMatchObject({ needsAttention: true });
});
