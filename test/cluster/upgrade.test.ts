/** What docs/upgrade.md and docs/uninstall.md say that helm and kubectl do, done with them: who owns the CRDs, and the way back. */
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { fieldsOf } from '../../engine/is-record.ts';
import { chartFolder, helmOn, type HelmRun } from '../support/chart.ts';
import { type Ran, runKubectl } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { crdsPath } from './crd.ts';
import { done } from './shop.ts';

const least = ['--set', 'image.repository=registry.example/kubervisor', '--set', 'xds.insecure=true'];
const crd = 'kubervisorservices.breaker.kubervisor.io';
const overrideCrd = 'endpointoverrides.breaker.kubervisor.io';
const crds = join(chartFolder, '../crds');

describeWith(['kube-apiserver', 'etcd', 'helm', 'kubectl'], 'upgrading', (executables) => {
  let plane: ControlPlane;
  let folder = '';
  let kubeconfig = '';
  /** Of a release before. */
  let older = { chart: '', crds: '' };

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    folder = await inTemporaryFolder('upgrade', async (path) => path);
    kubeconfig = join(folder, 'admin.yaml');
    await writeFile(kubeconfig, plane.kubeconfig('administrator'));
    older = { chart: join(folder, 'chart'), crds: join(folder, 'crds') };
    await cp(chartFolder, older.chart, { recursive: true });
    await cp(crds, older.crds, { recursive: true });
    for (const path of [join(older.chart, 'files/crds'), older.crds]) await age(path);
    for (const name of ['kubervisor', 'shop']) await done(plane.api.post('/api/v1/namespaces', { metadata: { name } }));
  }, 120_000);

  afterAll(async () => {
    await plane?.stop();
    await removeFolder(folder);
  });

  /** With another text in the schema: whatever differs there is `.spec.versions` to an API server. */
  async function age(path: string): Promise<void> {
    for (const file of await readdir(path)) {
      const text = await readFile(join(path, file), 'utf8');
      await writeFile(join(path, file), text.replace('description: ', 'description: Older, '));
    }
  }

  const helm = (...args: readonly string[]): Promise<HelmRun> =>
    helmOn(executables.helm, { kubeconfig, folder, namespace: 'kubervisor' })(args);
  const kubectl = (...args: readonly string[]): Promise<Ran> =>
    runKubectl(args, { kubectl: executables.kubectl, kubeconfig });
  const install = (...flags: readonly string[]) => helm('install', 'kubervisor', chartFolder, ...least, ...flags);
  const upgrade = (...flags: readonly string[]) => helm('upgrade', 'kubervisor', chartFolder, ...least, ...flags);

  const worked = { ok: true, output: expect.stringContaining('STATUS: deployed') };
  const refused = (why: string) => ({ ok: false, output: expect.stringContaining(why) });
  const applied = { code: 0, stdout: expect.stringContaining(crd), stderr: '' };
  async function versionOfCrd(): Promise<'older' | 'this'> {
    const { body } = await done(plane.api.get(`${crdsPath}/${crd}`));
    return JSON.stringify(fieldsOf(body, 'spec')).includes('Older, ') ? 'older' : 'this';
  }

  afterEach(async () => {
    for (const release of ['kubervisor', 'another'])
      await helm('uninstall', release, '--no-hooks', '--ignore-not-found');
    await kubectl('delete', '--ignore-not-found', '--wait=false', '-f', crds);
    // An API server that has only just changed a CRD may take minutes to find that no object of it is left to delete.
    for (const path of [crd, overrideCrd].map((name) => `${crdsPath}/${name}`)) {
      await plane.api.patch(path, { metadata: { finalizers: null } });
      await eventually(async () => (await plane.api.get(path)).status === 404, { timeoutMs: 30_000, what: path });
    }
  }, 120_000);

  it.each([
    ['kubectl apply', []],
    ['kubectl apply --server-side', ['--server-side']],
  ])('CRDs of an older version that are there by %s are handed over to the chart once', async (_, how) => {
    expect(await kubectl('apply', ...how, '-f', older.crds)).toEqual(applied);
    expect(await install()).toEqual(refused('invalid ownership metadata'));
    expect(await install('--take-ownership')).toEqual(refused('conflict with "kubectl'));
    expect(await install('--take-ownership', '--force-conflicts')).toEqual(refused('cannot reuse a name'));
    expect(await upgrade('--install', '--take-ownership', '--force-conflicts')).toEqual(worked);
    expect(await versionOfCrd()).toBe('this');
    expect(await upgrade()).toEqual(worked);
  });

  it('CRDs that somebody else has changed are not overwritten without being told to', async () => {
    expect(await install()).toEqual(worked);
    const change = '[{"op":"add","path":"/spec/versions/0/schema/openAPIV3Schema/description","value":"Older, "}]';
    expect(await kubectl('patch', 'crd', crd, '--type=json', '-p', change)).toMatchObject({ code: 0 });
    expect(await upgrade()).toEqual(refused('.spec.versions'));
    expect(await upgrade('--force-conflicts')).toEqual(worked);
    expect(await versionOfCrd()).toBe('this');
  });

  it('CRDs that an uninstalled release has left are taken again, by one of another name if it is told to', async () => {
    expect(await install()).toEqual(worked);
    expect(await helm('uninstall', 'kubervisor', '--no-hooks')).toMatchObject({ ok: true });
    expect(await install()).toEqual(worked);
    expect(await helm('uninstall', 'kubervisor', '--no-hooks')).toMatchObject({ ok: true });
    const another = ['install', 'another', chartFolder, ...least];
    expect(await helm(...another)).toEqual(refused('invalid ownership metadata'));
    expect(await helm(...another, '--take-ownership')).toEqual(worked);
  });

  it('CRDs of a chart that is told to leave them stay, and kubectl upgrades them', async () => {
    expect(await helm('install', 'kubervisor', older.chart, ...least)).toEqual(worked);
    expect(await upgrade('--set', 'crds.enabled=false')).toEqual(worked);
    expect(await versionOfCrd()).toBe('older');
    const apply = ['apply', '--server-side', '-f', crds];
    expect(await kubectl(...apply)).toMatchObject({ code: 1, stderr: expect.stringContaining('conflict with "helm"') });
    expect(await kubectl(...apply, '--force-conflicts')).toEqual(applied);
    expect(await versionOfCrd()).toBe('this');
    expect(await kubectl('apply', '--server-side', '-f', older.crds)).toEqual(applied);
    expect(await kubectl(...apply)).toEqual(applied);
  });

  it('the way back takes the CRDs back as well, to the revision that is named; policies stay', async () => {
    expect(await helm('install', 'kubervisor', older.chart, ...least)).toEqual(worked);
    const policies = '/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices';
    const threshold = { query: 'rate(errors[1m])', operator: '>', value: 5 };
    const policy = {
      apiVersion: 'breaker.kubervisor.io/v1',
      kind: 'KubervisorService',
      metadata: { name: 'pricer' },
      spec: { service: 'pricer', breakers: [{ name: 'errors', threshold }] },
    };
    await done(plane.api.post(policies, policy));
    expect(await upgrade()).toEqual(worked);
    expect(await versionOfCrd()).toBe('this');
    expect(await helm('history', 'kubervisor')).toMatchObject({ ok: true, output: expect.stringMatching(/\n1 /) });
    expect(await helm('rollback', 'kubervisor', '1')).toMatchObject({ ok: true });
    expect(await versionOfCrd()).toBe('older');
    expect((await plane.api.get(`${policies}/pricer`)).body).toMatchObject({ spec: policy.spec });
  });

  it('an uninstall whose Job does not end takes nothing away: it is done again, or taken back', async () => {
    expect(await install()).toEqual(worked);
    // No controller runs the Job.
    const uninstall = ['uninstall', 'kubervisor', '--timeout', '2s'];
    expect(await helm(...uninstall)).toEqual(refused('Job/kubervisor/kubervisor-cleanup not ready'));
    const deployment = '/apis/apps/v1/namespaces/kubervisor/deployments/kubervisor';
    expect((await plane.api.get(deployment)).status).toBe(200);
    expect(await upgrade()).toEqual(refused('has no deployed releases'));
    expect(await helm('rollback', 'kubervisor', '1')).toMatchObject({ ok: true });
    expect(await upgrade()).toEqual(worked);
    expect(await helm(...uninstall)).toEqual(refused('Job/kubervisor/kubervisor-cleanup not ready'));
    expect(await helm('uninstall', 'kubervisor', '--no-hooks')).toMatchObject({ ok: true });
    expect((await plane.api.get(deployment)).status).toBe(404);
  });
});
