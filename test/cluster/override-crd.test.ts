/** The CustomResourceDefinition of overrides, in a real API server: what it accepts, refuses and lets nobody change. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { overrideSpecSchema, renderOverrideCrd } from '../../engine/overrides/schema.ts';
import { checkRules } from '../../engine/policy/rules.ts';
import { createShapeCheck } from '../../engine/policy/shape.ts';
import { describeWith } from '../support/parts.ts';
import { crdsPath } from './crd.ts';
import { useCluster } from './use-cluster.ts';
import type { Answer } from './kube-api.ts';

const overrides = '/apis/breaker.kubervisor.io/v1/namespaces/default/endpointoverrides';
const eject = { service: 'pricer', endpoint: 'pricer-3', action: 'Eject', for: '15m', reason: 'heap dump' };
const restore = { service: 'pricer', endpoint: 'pricer-3', action: 'Restore', reason: 'cache rebuilt' };

function override(spec: object, name = 'o'): Readonly<Record<string, unknown>> {
  return { apiVersion: 'breaker.kubervisor.io/v1', kind: 'EndpointOverride', metadata: { name }, spec };
}

it('the file in manifests is the one the schema gives', () => {
  const file = new URL('../../manifests/crds/endpointoverrides.yaml', import.meta.url);
  expect(readFileSync(file, 'utf8')).toBe(renderOverrideCrd());
});

describeWith(['kube-apiserver', 'etcd'], 'the CRD of overrides in an API server', (executables) => {
  const cluster = useCluster(executables);

  /** Everything but the writing, and unknown fields are errors as with kubectl. */
  const tried = (spec: object): Promise<Answer> =>
    cluster.plane.api.post(`${overrides}?dryRun=All&fieldValidation=Strict`, override(spec));
  const shape = createShapeCheck(overrideSpecSchema);
  const findings = (spec: object): number => shape(spec).length + checkRules(overrideSpecSchema, spec).length;

  it('is established, structural, and without a complaint', async () => {
    const { body } = await cluster.plane.api.get(`${crdsPath}/endpointoverrides.breaker.kubervisor.io`);
    const { conditions } = (body as { status: { conditions: { type: string; status: string }[] } }).status;
    const said = Object.fromEntries(conditions.map(({ type, status }) => [type, status]));
    expect(said).toMatchObject({ NamesAccepted: 'True', Established: 'True' });
    expect(said).not.toHaveProperty('NonStructuralSchema');
  });

  it.each<[title: string, spec: object]>([
    ['an ejection', eject],
    ['a pause of the longest time, forced', { ...eject, action: 'Pause', for: '4h', force: true }],
    ['seconds as a number', { ...eject, for: 14_400 }],
    ['an address', { ...eject, endpoint: '[fd00::1]:8080' }],
    ['a restore', restore],
    ['a restore by the ramp', { ...restore, ramp: true }],
    ['a reason in any language', { ...eject, reason: 'Größe 大きい' }],
  ])('accepts %s, as the engine does', async (_, spec) => {
    expect(await tried(spec)).toMatchObject({ status: 201, warnings: [] });
    expect(findings(spec)).toBe(0);
  });

  const { for: _, ...endless } = eject;
  const { reason: __, ...unexplained } = eject;
  it.each<[title: string, spec: object, message: RegExp]>([
    ['no end', endless, /for is required with the actions Eject and Pause/],
    ['a restore with an end', { ...restore, for: '15m' }, /has no meaning with Restore/],
    ['a restore by force', { ...restore, force: true }, /force has a meaning with Eject and Pause only/],
    ['an ejection with a ramp', { ...eject, ramp: true }, /ramp has a meaning with Restore only/],
    ['more than four hours', { ...eject, for: '4h1s' }, /spec\.for.*must be a duration from 1s to 4h/],
    ['more than four hours as a number', { ...eject, for: 14_401 }, /spec\.for.*less than or equal to 14400/],
    ['less than a second', { ...eject, for: '999ms' }, /spec\.for.*must be a duration from 1s to 4h/],
    ['a time in an unknown unit', { ...eject, for: '1d' }, /spec\.for.*should match/],
    ['no reason', unexplained, /spec\.reason: Required value/],
    ['an empty reason', { ...eject, reason: '' }, /spec\.reason/],
    ['a reason of blanks', { ...eject, reason: '   ' }, /spec\.reason.*should match/],
    ['a reason that moves the cursor', { ...eject, reason: 'x\u001b[2J' }, /spec\.reason.*should match/],
    ['an endless reason', { ...eject, reason: 'x'.repeat(257) }, /spec\.reason: Too long/],
    ['an unknown action', { ...eject, action: 'Kill' }, /spec\.action: Unsupported value: "Kill"/],
    ['a Service of another namespace', { ...eject, service: 'bank/ledger' }, /spec\.service.*should match/],
    ['no endpoint', { ...eject, endpoint: '' }, /spec\.endpoint/],
    ['an endless endpoint', { ...eject, endpoint: 'x'.repeat(254) }, /spec\.endpoint: Too long/],
  ])('refuses %s, as the engine does', async (_title, spec, message) => {
    const { status, body } = await tried(spec);
    expect(status).toBe(422);
    expect((body as { message: string }).message).toMatch(message);
    expect(findings(spec)).toBeGreaterThan(0);
  });

  it('refuses a field that there is not', async () => {
    const { status, body } = await tried({ ...eject, until: 'noon' });
    expect(status).toBe(400);
    expect((body as { message: string }).message).toContain('unknown field "spec.until"');
  });

  it('lets nobody edit what was asked for; the status is written apart from it', async () => {
    expect(await cluster.plane.api.post(overrides, override(eject, 'kept'))).toMatchObject({ status: 201 });
    const edited = await cluster.plane.api.apply(`${overrides}/kept`, override({ ...eject, for: '4h' }, 'kept'));
    expect(edited.status).toBe(422);
    expect((edited.body as { message: string }).message).toContain('delete it and make another');
    const status = { state: 'InForce', sinceTime: '2026-01-01T00:00:00Z', until: '00:15:00Z' };
    const written = await cluster.plane.api.apply(`${overrides}/kept/status`, { ...override(eject, 'kept'), status });
    expect(written).toMatchObject({ status: 200, body: { status } });
  });

  it('as a table fits 80 columns', async () => {
    await cluster.plane.api.post(overrides, override({ ...eject, action: 'Restore', for: undefined }, 'restore-x7k2p'));
    const { body } = await cluster.plane.api.get(
      overrides,
      'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    );
    const { columnDefinitions, rows } = body as {
      columnDefinitions: { name: string; priority: number }[];
      rows: { cells: (string | number | null)[] }[];
    };
    const shown = columnDefinitions.flatMap(({ name, priority }, index) => (priority === 0 ? [{ name, index }] : []));
    expect(shown.map(({ name }) => name.toUpperCase())).toEqual(
      ['NAME', 'SERVICE', 'ENDPOINT', 'ACTION', 'STATE', 'UNTIL', 'AGE'], // as kubectl prints them
    );
    const widths = shown.map(({ name, index }) =>
      Math.max(name.length, ...rows.map(({ cells }) => String(cells[index] ?? '').length)),
    );
    expect(widths.reduce((sum, width) => sum + width + 3, 0)).toBeLessThanOrEqual(80);
  });
});
