import { describe, expect, it } from 'vitest';
import { type Backend, backendId, type Fleet, serviceKey } from '../model.ts';
import type { Breaker, Detector } from '../policy/policy.ts';
import type { CustomServiceAnswer, CustomServiceRequest } from './custom-service.ts';
import { createGather } from './gather.ts';
import type { QueryAnswer, QueryRequest } from './source.ts';

const pod: Backend = {
  id: backendId('uid-a'),
  name: 'a',
  podName: 'a',
  podUid: 'uid-a',
  ready: true,
  serving: true,
  terminating: false,
  endpoints: [],
};
const fleet: Fleet = { service: serviceKey('shop', 'pricer'), ports: [], backends: [pod] };
const never = new AbortController().signal;

function breaker(detector: Detector, activity?: Breaker['activity']): Breaker {
  return {
    name: 'price',
    enforcement: 'Enforce',
    evaluationPeriodMs: 5000,
    confirm: { of: 3, atLeast: 2 },
    onNoData: 'Hold',
    source: 'thanos',
    match: { label: 'pod', by: 'PodName', namespaceLabel: 'namespace' },
    detector,
    lookbackMs: 60_000,
    fingerprint: 'f',
    ...(activity !== undefined && { activity }),
  };
}

const threshold: Detector = { kind: 'threshold', query: 'price', operator: '>', value: 1 };
const custom: Detector = { kind: 'customService', service: 'judge', port: 8080 };

function samples(atMs: number): QueryAnswer {
  const values = ['shop', 'bank'].map((namespace) => ({
    labels: { pod: 'a', namespace },
    value: { kind: 'number', value: 1 } as const,
  }));
  return { kind: 'samples', samples: values, evaluatedAtMs: atMs + 7, evaluatedAtLocalMs: atMs, notes: [] };
}

function gatherer(answers: Readonly<Record<string, QueryAnswer>>, customAnswer?: CustomServiceAnswer) {
  const asked: (QueryRequest | CustomServiceRequest | string)[] = [];
  const gather = createGather({
    sources: {
      get: (name) => ({
        query: async (request) => {
          asked.push(name, request);
          return answers[request.query] ?? { kind: 'error', cause: 'unreachable', message: 'down' };
        },
        health: () => ({ name, skewMs: 0 }),
      }),
      health: () => [],
      close: () => undefined,
    },
    customServices: {
      ask: async (request) => {
        asked.push(request);
        return customAnswer ?? { kind: 'error', cause: 'timeout', message: 'late' };
      },
    },
  });
  return { gather, asked };
}

describe('the evidence for a query', () => {
  it('is the samples of the fleet, of the moment that they are of', async () => {
    const { gather, asked } = gatherer({ price: samples(9000) });
    const { evidence, ...when } = await gather(breaker(threshold), fleet, 10_000, never);
    expect(evidence.kind === 'samples' && evidence.samples.byBackend.get(pod.id)).toHaveLength(1);
    expect(when).toEqual({ evaluatedAtMs: 9000, lookbackMs: 60_000 });
    expect(asked).toEqual(['thanos', { query: 'price', atMs: 10_000, timeoutMs: 5000, lookbackMs: 60_000 }]);
  });

  it('has the activity beside it, and is as old as the older of both', async () => {
    const { gather } = gatherer({ price: samples(9000), requests: samples(8000) });
    const gathered = await gather(breaker(threshold, { query: 'requests', min: 1 }), fleet, 10_000, never);
    expect(gathered).toMatchObject({
      evidence: { kind: 'samples', activity: { foreignCount: 1 } },
      evaluatedAtMs: 8000,
    });
  });

  it('is unusable when any of its queries failed, or the source is warming', async () => {
    const failed = gatherer({ price: samples(9000) });
    expect(
      (await failed.gather(breaker(threshold, { query: 'requests', min: 1 }), fleet, 10_000, never)).evidence,
    ).toEqual({ kind: 'unusable', reason: 'down' });
    const warming = gatherer({ price: { kind: 'warming', untilMs: 20_000, message: 'no history' } });
    expect((await warming.gather(breaker(threshold), fleet, 10_000, never)).evidence).toEqual({
      kind: 'unusable',
      reason: 'no history',
    });
  });
});

describe('the evidence of a custom service', () => {
  const verdicts = new Map([[pod.id, { kind: 'normal', value: 0, bound: 1 } as const]]);

  it('is its verdicts, over the window that it states, else over one period of the breaker', async () => {
    const stated = gatherer({}, { kind: 'verdicts', verdicts, unknownCount: 0, askedAtMs: 10_001, windowMs: 30_000 });
    expect(await stated.gather(breaker(custom), fleet, 10_000, never)).toEqual({
      evidence: { kind: 'verdicts', verdicts },
      evaluatedAtMs: 10_001,
      lookbackMs: 30_000,
    });
    expect(stated.asked).toEqual([{ service: 'shop/judge', port: 8080, backends: [pod] }]);
    const silent = gatherer({}, { kind: 'verdicts', verdicts, unknownCount: 0, askedAtMs: 10_001 });
    expect(await silent.gather(breaker(custom), fleet, 10_000, never)).toMatchObject({ lookbackMs: 60_000 });
  });

  it('is unusable when there is none', async () => {
    const { gather } = gatherer({});
    expect(await gather(breaker(custom), fleet, 10_000, never)).toMatchObject({
      evidence: { kind: 'unusable', reason: 'late' },
    });
  });
});
