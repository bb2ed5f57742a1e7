/** The CustomResourceDefinition, in a real API server: what it accepts, what it refuses and how it says so. */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { describeWith } from '../support/parts.ts';
import { crdsPath } from './crd.ts';
import { useCluster } from './use-cluster.ts';
import type { Answer } from './kube-api.ts';

const policies = '/apis/breaker.kubervisor.io/v1/namespaces/default/kubervisorservices';
const examplesFolder = new URL('../../examples/', import.meta.url);

const threshold = { query: 'rate(errors[1m])', operator: '>', value: 5 };

function policy(spec: object, name = 'p'): Readonly<Record<string, unknown>> {
  return {
    apiVersion: 'breaker.kubervisor.io/v1',
    kind: 'KubervisorService',
    metadata: { name },
    spec: { service: 'pricer', breakers: [{ name: 'errors', threshold }], ...spec },
  };
}

function breaker(fields: object): object {
  return { breakers: [{ name: 'errors', threshold, ...fields }] };
}

describeWith(['kube-apiserver', 'etcd'], 'the CRD in an API server', (executables) => {
  const cluster = useCluster(executables);

  /** Everything but the writing, and unknown fields are errors as with kubectl. */
  const tried = (object: unknown): Promise<Answer> =>
    cluster.plane.api.post(`${policies}?dryRun=All&fieldValidation=Strict`, object);

  it('is established, structural, and without a complaint', async () => {
    const { body } = await cluster.plane.api.get(`${crdsPath}/kubervisorservices.breaker.kubervisor.io`);
    const { conditions } = (body as { status: { conditions: { type: string; status: string }[] } }).status;
    const said = Object.fromEntries(conditions.map(({ type, status }) => [type, status]));
    expect(said).toMatchObject({ NamesAccepted: 'True', Established: 'True' });
    expect(said).not.toHaveProperty('NonStructuralSchema');
  });

  describe('accepts', () => {
    const examples = readdirSync(examplesFolder).filter((name) => name.endsWith('.yaml'));

    it.each(examples)('the example %s', async (name) => {
      const documents = parseAllDocuments(readFileSync(new URL(name, examplesFolder), 'utf8'));
      const objects = documents.map((document) => document.toJS() as { kind: string; metadata: object });
      for (const object of objects.filter(({ kind }) => kind === 'KubervisorService')) {
        const { namespace: _, ...metadata } = object.metadata as { namespace?: string };
        expect(await tried({ ...object, metadata })).toMatchObject({ status: 201, warnings: [] });
      }
    });

    it("the talk's shorthand unchanged, and gives it back unchanged", async () => {
      const object = parse(readFileSync(new URL('shorthand.yaml', examplesFolder), 'utf8')) as { spec: object };
      const { body } = await tried(object);
      expect((body as { spec: unknown }).spec).toMatchObject(object.spec);
    });

    it('numbers and durations in each of their forms', async () => {
      const forms = [
        breaker({ evaluationPeriod: 5 }),
        breaker({ evaluationPeriod: '5s' }),
        { warmUp: '1m30s', budget: { minAvailableRatio: '50%' } },
        { budget: { minAvailableRatio: 50 } },
        { breakers: [{ name: 'a', continuousValueDeviation: { query: 'x', maxDeviationPercent: '7.5' } }] },
        { breakers: [{ name: 'a', continuousValueDeviation: { query: 'x', maxDeviationPercent: 30 } }] },
      ];
      for (const form of forms) expect(await tried(policy(form))).toMatchObject({ status: 201 });
    });
  });

  it.each<[title: string, spec: object, message: RegExp]>([
    ['no service', { service: undefined }, /spec\.service: Required value/],
    ['a service that is no name', { service: 'Not_A_Name' }, /spec\.service.*should match/],
    ['neither breaker nor breakers', { breakers: undefined }, /set exactly one of breaker and breakers/],
    ['both of them', { breaker: { threshold } }, /set exactly one of breaker and breakers/],
    ['no breaker in the list', { breakers: [] }, /spec\.breakers.*at least 1 items/],
    [
      'nine breakers',
      { breakers: Array.from({ length: 9 }, (_, index) => ({ name: `b${index}`, threshold })) },
      /spec\.breakers: Too many: 9: must have at most 8 items/,
    ],
    [
      'two breakers of one name',
      { breakers: ['a', 'a'].map((name) => ({ name, threshold })) },
      /spec\.breakers\[1\]: Duplicate value/,
    ],
    ['a breaker without a name', { breakers: [{ threshold }] }, /spec\.breakers\[0\]\.name: Required value/],
    ['a breaker without a detector', { breakers: [{ name: 'a' }] }, /set exactly one of continuousValueDeviation/],
    ['two detectors', breaker({ outlier: { query: 'x' } }), /set exactly one of continuousValueDeviation/],
    [
      'good and bad values',
      {
        breakers: [
          { name: 'a', discreteValueOutOfList: { query: 'x', key: 'code', goodValues: ['200'], badValues: ['500'] } },
        ],
      },
      /set exactly one of goodValues and badValues/,
    ],
    [
      'a query that is empty',
      { breakers: [{ name: 'a', threshold: { ...threshold, query: '' } }] },
      /threshold\.query/,
    ],
    ['an operator that is none', { breakers: [{ name: 'a', threshold: { ...threshold, operator: '=>' } }] }, /"=>"/],
    ['a float', { breakers: [{ name: 'a', threshold: { ...threshold, value: 1.5 } }] }, /threshold\.value/],
    ['a period in an unknown unit', breaker({ evaluationPeriod: '5d' }), /evaluationPeriod.*should match/],
    ['more to confirm than is looked at', breaker({ confirm: { of: 2, atLeast: 3 } }), /atLeast must be at most of/],
    ['an enforcement in the wrong case', { enforcement: 'enforce' }, /spec\.enforcement: Unsupported value: "enforce"/],
    ['a ratio above a hundred', { budget: { minAvailableRatio: 101 } }, /minAvailableRatio.*less than or equal to 100/],
    ['a floor below zero', { budget: { minAvailableCount: -1 } }, /minAvailableCount.*greater than or equal to 0/],
    [
      'a floor said twice',
      { budget: { minAvailableCount: 1, minPodsAvailableCount: 2 } },
      /are the same setting: set one of them/,
    ],
    ['a ramp that falls', { activator: { ramp: { weights: [50, 5, 100] } } }, /must never fall and must end in 100/],
    ['a ramp that ends short', { activator: { ramp: { weights: [5, 50] } } }, /must never fall and must end in 100/],
    ['a ramp of nothing', { activator: { ramp: { weights: [] } } }, /weights.*at least 1 items/],
    ['a weight of nought', { activator: { ramp: { weights: [0, 100] } } }, /greater than or equal to 1/],
    ['a mode that is none', { activator: { mode: 'Periodic' } }, /Unsupported value: "Periodic"/],
    ['a URL for a custom service', { breakers: [{ name: 'a', customService: 'http://judge/' }] }, /customService/],
    [
      'a field of another name',
      { budget: { minPodAvailableCount: 2 } },
      /unknown field "spec\.budget\.minPodAvailableCount"/,
    ],
  ])('refuses %s', async (_, spec, message) => {
    const { status, body } = await tried(policy(spec));
    expect({ status, message: (body as { message: string }).message }).toEqual({
      status: expect.toSatisfy((code: number) => code === 400 || code === 422),
      message: expect.stringMatching(message),
    });
  });

  it('prints the columns people look at, under its short name', async () => {
    expect((await cluster.plane.api.post(policies, policy({}, 'columns'))).status).toBe(201);
    const { body } = await cluster.plane.api.get(policies, 'application/json;as=Table;v=v1;g=meta.k8s.io');
    const { columnDefinitions } = body as { columnDefinitions: { name: string; priority: number }[] };
    expect(columnDefinitions.filter(({ priority }) => priority === 0).map(({ name }) => name.toUpperCase())).toEqual([
      'NAME',
      'SERVICE',
      'MODE',
      'READY',
      'SERVING',
      'EJECTED',
      'BUDGET',
      'AGE',
    ]);
    const { body: group } = await cluster.plane.api.get('/apis/breaker.kubervisor.io/v1');
    const { resources } = group as { resources: { name: string; shortNames?: string[]; categories?: string[] }[] };
    expect(resources).toContainEqual(
      expect.objectContaining({ name: 'kubervisorservices', shortNames: ['kvs'], categories: ['kubervisor'] }),
    );
    expect(resources.map(({ name }) => name)).toContain('kubervisorservices/status');
  });

  it('writes no default where absence has a meaning', async () => {
    const { body } = await tried(policy({ activator: {}, budget: {}, ...breaker({}) }));
    const { spec } = body as { spec: { [field: string]: unknown; breakers: object[] } };
    expect(spec).not.toHaveProperty('enforcement');
    expect(spec).not.toHaveProperty('eject.closeAfter');
    expect(spec).not.toHaveProperty('budget.minAvailableCount');
    expect(spec.breakers[0]).not.toHaveProperty('enforcement');
  });

  it('keeps spec and status apart: a status is written at its own place, and bounded', async () => {
    expect((await cluster.plane.api.post(policies, policy({}, 'apart'))).status).toBe(201);
    const status = {
      serving: '5/6',
      ejectedEndpoints: [{ name: 'pricer-3', state: 'Ejected', breaker: 'errors', message: 'value 9, bound 5' }],
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Serving', message: '', lastTransitionTime: '2026-01-02T03:04:05Z' },
      ],
    };
    const { body } = await cluster.plane.api.get(`${policies}/apart`);
    const written = await cluster.plane.api.put(`${policies}/apart/status`, { ...(body as object), status });
    expect(written).toMatchObject({ status: 200, body: { status } });

    const tooMany = Array.from({ length: 51 }, (_, index) => ({ name: `pod-${index}`, state: 'Ejected' }));
    const current = (await cluster.plane.api.get(`${policies}/apart`)).body as object;
    const refused = await cluster.plane.api.put(`${policies}/apart/status`, {
      ...current,
      status: { ejectedEndpoints: tooMany },
    });
    expect(refused).toMatchObject({ status: 422, body: { message: expect.stringContaining('at most 50 items') } });
  });
});
