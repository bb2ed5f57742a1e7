/** The roles that the chart has for people: whoever may view or edit a namespace has the command line there, and no more than that. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { installCrd } from './crd.ts';
import { grantRights } from './hosts/rights.ts';
import { createShop, done } from './shop.ts';

const spec = {
  service: 'pricer',
  breakers: [{ name: 'errors', threshold: { query: 'rate(errors[1m])', operator: '>', value: 5 } }],
};
const bindings = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings';

describeWith(['kube-apiserver', 'etcd', 'helm'], 'the command line with the roles of the chart', (executables) => {
  let plane: ControlPlane;
  let folder = '';

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    folder = await inTemporaryFolder('people', async (path) => path);
    await writeFile(join(folder, 'kube.yaml'), plane.kubeconfig('kubervisor'));
    await installCrd(plane.api);
    for (const name of ['mesh', 'kubervisor']) await done(plane.api.post('/api/v1/namespaces', { metadata: { name } }));
    await grantRights(plane.api, executables.helm);
    const shop = await createShop(plane.api, 'shop');
    const pods = [1, 2, 3].map((n) => ({ name: `pricer-${n}`, ip: `10.1.0.${n}` }));
    await shop.service('pricer');
    for (const pod of pods) await shop.pod('pricer', pod);
    await shop.slice('pricer', pods);
    await done(shop.policy('pricer', spec));
  }, 120_000);

  afterAll(async () => {
    await plane?.stop();
    await removeFolder(folder);
  });

  const run = (...args: readonly string[]) => runCli([...args, '--kubeconfig', join(folder, 'kube.yaml')]);

  /** As the controller manager, which is not here, would add it up: what the cluster has of a role, and what is aggregated to it. */
  async function bind(role: 'view' | 'edit'): Promise<void> {
    for (const name of [`system:aggregate-to-${role}`, `kubervisor-${role}`]) {
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
      const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'kubervisor' }];
      await done(plane.api.post(bindings, { metadata: { name: name.replace(':', '-') }, roleRef, subjects }));
    }
  }

  it('view: everything is read of the namespace, nothing done', async () => {
    expect((await run('get', '-n', 'shop')).stderr).toMatch(/^error KV0833 /);
    await bind('view');
    await eventually(async () => (await run('get', '-n', 'shop')).code === 0, { timeoutMs: 20_000 });
    const get = await run('get', '-n', 'shop');
    expect(get.stdout).toMatch(/^shop\/pricer +Enforce .* 3\/3 /m);
    expect((await run('endpoints', 'shop/pricer')).stdout).toMatch(/^pricer-3 +serving +100 /m);
    expect((await run('why', 'pricer-3', '-n', 'shop')).stdout).toContain('pricer-3');
    expect((await run('get', '-A')).stderr).toMatch(/^error KV0833 /);
    const refused = await run('eject', 'shop/pricer', 'pricer-3', '--for', '15m', '--reason', 'x', '--wait', '0');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/^error KV0833 .*cannot create/)]);
  });

  it('edit: acts of the namespace are made, waited for and taken back, and its Services suspended', async () => {
    await bind('edit');
    const eject = ['eject', 'shop/pricer', 'pricer-3', '--for', '15m', '--reason', 'heap dump'];
    await eventually(async () => (await run(...eject, '--wait', '0')).code === 0, { timeoutMs: 20_000 });
    const pause = await run('pause', 'shop/pricer', 'pricer-2', '--for', '15m', '--reason', 'x', '--dry-run');
    expect([pause.code, pause.stdout]).toEqual([0, expect.stringContaining('(server dry run)')]);
    // There is no leader here.
    const waited = await run('restore', 'shop/pricer', 'pricer-3', '--reason', 'done', '--wait', '1s');
    expect([waited.code, waited.stderr]).toEqual([
      1,
      expect.stringMatching(/^error KV0835 .*the override is taken back/),
    ]);
    const { body } = await plane.api.get('/apis/breaker.kubervisor.io/v1/namespaces/shop/endpointoverrides');
    const { items } = body as { items: readonly { spec: { action: string } }[] };
    expect(items.map(({ spec: { action } }) => action)).toEqual(['Eject']);
    expect(await run('suspend', 'shop/pricer', '--reason', 'drill')).toMatchObject({ code: 0 });
    expect((await run('get', '-n', 'shop')).stdout).toContain('suspended by kubervisor');
    expect(await run('resume', 'shop/pricer', '--reason', 'over')).toMatchObject({ code: 0 });
    const everything = await run('suspend', '--reason', 'drill');
    expect([everything.code, everything.stderr]).toEqual([1, expect.stringMatching(/^error KV0833 /)]);
  });
});
