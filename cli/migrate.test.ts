/** `kubervisor migrate` on files. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { runCli } from '../test/support/cli.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubervisor-migrate-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const original = `apiVersion: kubervisor.k8s.io/v1alpha1
kind: KubervisorService
metadata: {name: p, namespace: demo}
spec:
  service: pricer
  breakers:
  - name: judge
    customService: judge:8080
  defaultActivator: {mode: periodic, period: 15}
`;
const service = `---
apiVersion: v1
kind: Service
metadata: {name: pricer, namespace: demo}
spec: {selector: {app: pricer, kubervisor/traffic: "yes"}}
`;
const measured = original.replace(
  'customService: judge:8080',
  'continuousValueDeviation: {prometheusService: "prom:9090", promQL: x, podNamekey: pod}',
);

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe('migrate', () => {
  it('prints what kubectl can apply, and a note for each field: exit 0 when none needs a look', async () => {
    const path = await file('plain.yaml', original);
    const { code, stdout, stderr } = await runCli(['migrate', '-f', path]);
    expect(code).toBe(0);
    const [policy] = [...parseAllDocuments(stdout)].map((document): unknown => document.toJS());
    expect(policy).toMatchObject({ apiVersion: 'breaker.kubervisor.io/v1', spec: { service: 'pricer' } });
    expect(stderr).toContain(`${path}:1:1: demo/p: spec.defaultActivator.period -> activator.period\n`);
  });

  it('says what has to be done elsewhere: the selector of the Service, the serving config: exit 79', async () => {
    const { code, stderr } = await runCli(['migrate', '-f', await file('selector.yaml', measured + service)]);
    expect(code).toBe(79);
    expect(stderr).toMatch(
      /selector\.yaml:\d+:1: demo\/pricer: look at spec\.selector\["kubervisor\/traffic"\]: take it out/,
    );
    expect(stderr).toContain('metricSources:\n  default:\n    prometheus:\n      url: http://prom:9090\n');
  });

  it('the same as JSON', async () => {
    const { code, stdout } = await runCli(['migrate', '-o', 'json', '-f', await file('json.yaml', measured)]);
    expect([code, JSON.parse(stdout)]).toMatchObject([
      79,
      {
        policies: [{ kind: 'KubervisorService' }],
        results: [
          { name: 'demo/p', notes: expect.arrayContaining([expect.objectContaining({ field: 'spec.service' })]) },
        ],
        servingConfig: { metricSources: { default: { prometheus: { url: 'http://prom:9090' } } } },
      },
    ]);
  });

  it('what comes out invalid is printed, and what is wrong with it told: exit 65', async () => {
    const path = await file('invalid.yaml', original.replace('customService: judge:8080', 'evaluationPeriod: 5'));
    const { code, stderr } = await runCli(['migrate', '-f', path]);
    expect([code, stderr]).toEqual([65, expect.stringContaining('error KV0106 spec.breakers[0]')]);
  });

  it.each([
    ['no policy of the original', 'kind: Service\napiVersion: v1\n', 'KV0736'],
    ['no YAML', 'a: [', 'KV0204'],
    ['nothing', '', 'KV0205'],
  ])('%s: exit 65', async (_, text, problem) => {
    const { code, stdout, stderr } = await runCli(['migrate', '-f', await file('bad.yaml', text)]);
    expect([code, stdout, stderr]).toEqual([65, '', expect.stringContaining(problem)]);
  });

  it('neither files nor a cluster, or both: exit 64', async () => {
    expect(await runCli(['migrate'])).toMatchObject({ code: 64, stderr: expect.stringContaining('KV0733') });
    expect(await runCli(['migrate', '--from-cluster', '-f', folder])).toMatchObject({ code: 64 });
  });
});
