/** `kubervisor cleanup` against a real API server: afterwards the objects of others are as they were before us. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { bringBackAndStop } from '../../cli/cleanup/stop.ts';
import { openCluster } from '../../cli/cluster/open.ts';
import { adminOf, serveAdmin } from '../support/admin.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { world as serviceWorld } from '../support/world.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { installCrd } from './crd.ts';
import { createShop, done, type Shop } from './shop.ts';

const notAsked =
  'not asked: whether Envoys still point here. kubervisor proxies must be empty on every replica; --server asks it\n';
const place = { controllerNamespace: 'kubervisor', lease: 'kubervisor' };
const leases = '/apis/coordination.k8s.io/v1/namespaces/kubervisor/leases';
const maps = '/api/v1/namespaces/kubervisor/configmaps';
const deployments = '/apis/apps/v1/namespaces/kubervisor/deployments';
const policies = '/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices';
const pods = '/api/v1/namespaces/shop/pods';
const spec = {
  service: 'pricer',
  breakers: [{ name: 'errors', threshold: { query: 'rate(errors[1m])', operator: '>', value: 5 } }],
};

describeWith(['kube-apiserver', 'etcd'], 'kubervisor cleanup', (executables) => {
  let plane: ControlPlane;
  let shop: Shop;
  let folder = '';

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    folder = await inTemporaryFolder('cleanup', async (path) => path);
    await writeFile(join(folder, 'kube.yaml'), plane.kubeconfig('administrator'));
    await installCrd(plane.api);
    await done(plane.api.post('/api/v1/namespaces', { metadata: { name: 'kubervisor' } }));
    shop = await createShop(plane.api, 'shop');
    await shop.service('pricer');
    for (const n of [1, 2, 3, 4]) await shop.pod('pricer', { name: `p${n}`, ip: `10.1.0.${n}` });
    // What others have said: neither is ours.
    await patch(`${pods}/p3`, { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '7' } });
    await patch(`${pods}/p4`, { labels: { 'kubervisor.io/rotation': 'clockwise' } });
    await done(shop.policy('pricer', spec));
    await done(shop.policy('idle', { ...spec, service: 'other' }));
  }, 120_000);

  afterAll(async () => {
    await plane?.stop();
    await removeFolder(folder);
  });

  afterEach(async () => {
    await plane.api.delete(`${deployments}/kubervisor`);
  });

  const patch = (path: string, metadata: object) =>
    done(plane.api.apply(path, { apiVersion: 'v1', kind: 'Pod', metadata }));
  const run = (...args: readonly string[]) => runCli(['cleanup', '--kubeconfig', join(folder, 'kube.yaml'), ...args]);

  const overrides = '/apis/breaker.kubervisor.io/v1/namespaces/shop/endpointoverrides';
  async function override(name: string, status?: object): Promise<void> {
    const spec = { service: 'pricer', endpoint: 'p1', action: 'Eject', for: '15m', reason: 'heap dump' };
    const object = { apiVersion: 'breaker.kubervisor.io/v1', kind: 'EndpointOverride', metadata: { name }, spec };
    await done(plane.api.post(overrides, object));
    if (status !== undefined) await done(plane.api.patch(`${overrides}/${name}/status`, { status }));
  }

  /** All that people and controllers see of the objects of others. */
  async function world(): Promise<unknown> {
    const lists = await Promise.all(
      [policies, pods, '/api/v1/namespaces/shop/services'].map((path) => plane.api.get(path)),
    );
    return lists.map(({ body }) => {
      const { items } = body as { items: readonly { metadata: object }[] };
      return items.map(({ metadata, ...rest }) => ({
        ...rest,
        metadata: { ...metadata, resourceVersion: undefined, managedFields: undefined },
      }));
    });
  }

  /** As replicas leave it, with everything on. */
  async function live(holderIdentity: string): Promise<void> {
    const policy = (await done(plane.api.get(`${policies}/pricer`))).body as object;
    const status = {
      record: '{"formatVersion":1}',
      serving: '2/4',
      ejectedEndpoints: [{ name: 'p1', state: 'Ejected' }],
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Running', message: '', lastTransitionTime: '2026-01-02T03:04:05Z' },
      ],
    };
    await done(plane.api.put(`${policies}/pricer/status`, { ...policy, status }));
    const cost = { 'controller.kubernetes.io/pod-deletion-cost': '-1000', 'kubervisor.io/deletion-cost': '-1000' };
    await patch(`${pods}/p1`, { labels: { 'kubervisor.io/rotation': 'ejected' }, annotations: cost });
    await patch(`${pods}/p2`, { labels: { 'kubervisor.io/rotation': 'ramping' } });
    await done(plane.api.post(maps, { metadata: { name: 'kubervisor-state' }, data: { epoch: '3' } }));
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    const lease = { holderIdentity, renewTime, leaseDurationSeconds: 15, leaseTransitions: 2 };
    await done(plane.api.post(leases, { metadata: { name: 'kubervisor' }, spec: lease }));
  }

  it('nothing of ours is left, what others said stays, and the second time there is nothing to do', async () => {
    const before = await world();
    await live('');
    const dry = await run('-A', '--dry-run');
    expect([dry.code, dry.stdout.split('\n').every((line) => line === '' || line.endsWith('(dry run)'))]).toEqual([
      0,
      true,
    ]);
    expect(await world()).not.toEqual(before);

    const { code, stdout, stderr } = await run('-A');
    expect([code, stderr]).toEqual([0, notAsked]);
    expect(stdout.trim().split('\n').toSorted()).toEqual([
      'configmap/kubervisor/kubervisor-state object removed',
      'kubervisorservice/shop/pricer status removed',
      'lease/kubervisor/kubervisor object removed',
      'pod/shop/p1 marks removed',
      'pod/shop/p2 marks removed',
    ]);
    expect(await world()).toEqual(before);
    for (const path of [`${leases}/kubervisor`, `${maps}/kubervisor-state`]) {
      expect((await plane.api.get(path)).status).toBe(404);
    }

    const again = await run('-n', 'shop', 'kubervisor', '-o', 'json');
    expect([again.code, JSON.parse(again.stdout)]).toEqual([0, { dryRun: false, removed: [] }]);
    expect((await run('-A')).stdout).toBe('nothing of Kubervisor is left\n');
  });

  it('overrides that are over are deleted, as Kubervisor would have done; others stay, and say nothing of what is no more', async () => {
    const at = (inMs: number): string => new Date(Date.now() + inMs).toISOString();
    await override('ended', { state: 'Ended' });
    await override('refused', { state: 'Refused', code: 'KV0705' });
    await override('past', { state: 'InForce', backend: 'p1', untilTime: at(-1_000) });
    await override('in-force', { state: 'InForce', backend: 'p1', untilTime: at(600_000) });
    await override('unseen');
    const said = 'within their time obeys: shop/in-force, shop/unseen; kubectl delete endpointoverrides removes them\n';
    const dry = await run('-A', '--dry-run');
    expect([dry.stdout.trim().split('\n').length, dry.stderr]).toEqual([4, expect.stringContaining(said)]);

    const { code, stdout, stderr } = await run('-A');
    expect([code, stderr]).toEqual([0, expect.stringContaining(said)]);
    expect(stdout.trim().split('\n').toSorted()).toEqual([
      'endpointoverride/shop/ended object removed',
      'endpointoverride/shop/in-force status removed',
      'endpointoverride/shop/past object removed',
      'endpointoverride/shop/refused object removed',
    ]);
    const { items } = (await plane.api.get(overrides)).body as {
      items: readonly { metadata: { name: string }; status?: object }[];
    };
    expect(items.map(({ metadata, status }) => [metadata.name, status])).toEqual([
      ['in-force', undefined],
      ['unseen', undefined],
    ]);
    const again = await run('-n', 'shop');
    expect([again.stdout, again.stderr]).toEqual(['nothing of Kubervisor is left\n', expect.stringContaining(said)]);
    await done(plane.api.delete(overrides));
    expect(await run('-A')).toMatchObject({ stdout: 'nothing of Kubervisor is left\n', stderr: notAsked });
  });

  const replicasWanted = async (): Promise<unknown> =>
    ((await plane.api.get(`${deployments}/kubervisor`)).body as { spec: { replicas: number } }).spec.replicas;
  async function deploy(replicas: number): Promise<void> {
    const labels = { app: 'kubervisor' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'kubervisor', image: 'none' }] } };
    const spec = { replicas, selector: { matchLabels: labels }, template };
    await done(plane.api.post(deployments, { metadata: { name: 'kubervisor' }, spec }));
  }
  const suspended = async (): Promise<boolean> => {
    const { body } = await plane.api.get(`${maps}/kubervisor-state`);
    return (body as { data?: Record<string, string> }).data?.['global']?.includes('"suspension"') === true;
  };
  async function statusOfPricer(change: object): Promise<void> {
    await done(plane.api.patch(`${policies}/pricer/status`, { status: change }));
  }
  /** As a replica does that ends. */
  const free = () => done(plane.api.patch(`${leases}/kubervisor`, { spec: { holderIdentity: '' } }));

  it.each([
    ['while a replica leads', 'replica-1_abc'],
    ['while the Lease is handed over: those who follow obey, too', ''],
  ])(
    'with --stop everyone is brought back and the replicas end, before anything is removed; %s',
    async (_, holder) => {
      const before = await world();
      await live(holder);
      await deploy(2);
      const running = run('-A', '--stop', 'kubervisor');
      await eventually(suspended, { timeoutMs: 20_000 });
      // Somebody is out still: whoever ended now would leave Envoys with that.
      expect(await replicasWanted()).toBe(2);
      await statusOfPricer({ ejectedEndpoints: [] });
      await eventually(async () => (await replicasWanted()) === 0, { timeoutMs: 20_000 });
      await free();
      const { code, stderr } = await running;
      expect([code, stderr]).toEqual([
        0,
        `${notAsked}everything is suspended: waiting until everyone is back\nwaiting until no replica leads\n`,
      ]);
      expect(await world()).toEqual(before);
    },
    60_000,
  );

  it('without --stop it refuses while a replica leads', async () => {
    await live('replica-1_abc');
    const dry = await run('-A', '--dry-run');
    expect([dry.code, dry.stderr]).toEqual([
      0,
      expect.stringMatching(/without --dry-run this is refused \(KV0825\): replica-1_abc/),
    ]);
    const refused = await run('-A');
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/error KV0825 .*replica-1_abc.*kubervisor proxies is empty.*--stop/);
    expect((await run('-A', '--force')).code).toBe(0);
  });

  it('a Lease that there is not, while replicas meet at another one, is taken for a wrong name', async () => {
    const labels = { 'app.kubernetes.io/managed-by': 'kubervisor' };
    await done(plane.api.post(leases, { metadata: { name: 'second', labels }, spec: {} }));
    for (const args of [['-A'], ['-A', '--lease', 'typo']]) {
      const refused = await run(...args);
      expect([refused.code, refused.stdout]).toEqual([1, '']);
      expect(refused.stderr).toMatch(
        /error KV0825 .*there is no Lease kubervisor\/(kubervisor|typo), but there is kubervisor\/second /,
      );
    }
    const stopped = await run('-A', '--stop', 'typo', '--lease', 'typo');
    expect([stopped.code, stopped.stderr]).toEqual([
      1,
      expect.stringMatching(
        /error KV0825 there is no deployment\/typo in kubervisor, and there is no Lease kubervisor\/typo, but there is/,
      ),
    ]);
    expect((await run('-A', '--dry-run')).code).toBe(0);
    expect((await run('-A', '--lease', 'second')).code).toBe(0);
    expect((await plane.api.get(`${leases}/second`)).status).toBe(404);
  });

  it('who cannot see whether there is a Lease of another name is not told that nobody is alive', async () => {
    const rules = [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get'] }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'getter' };
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'kubervisor' }];
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/kubervisor';
    await done(plane.api.post(`${rbac}/roles`, { metadata: { name: 'getter' }, rules }));
    await done(plane.api.post(`${rbac}/rolebindings`, { metadata: { name: 'getter' }, roleRef, subjects }));
    const asked = ['cleanup', '-n', 'shop', '--lease', 'typo', '--kubeconfig', join(folder, 'nobody.yaml')];
    await writeFile(join(folder, 'nobody.yaml'), plane.kubeconfig('kubervisor'));
    const refusal =
      /error KV0825 .*there is no Lease kubervisor\/typo, and whether there is one of another name cannot be seen/;
    await eventually(async () => refusal.test((await runCli(asked)).stderr), { timeoutMs: 20_000 });
  });

  it('with --stop nothing ends while somebody is out, unless it is forced; and it can be done again', async () => {
    await live('');
    await deploy(2);
    const left = await world();
    const { signal } = new AbortController();
    const asked = { kubeconfig: join(folder, 'kube.yaml') };
    const cluster = await openCluster(asked, { user: 'ana', interrupted: () => signal });
    const options = { ...place, deployment: 'kubervisor', namespaces: [undefined] };
    const said: string[] = [];
    let elapsedMs = 0;
    const later = (): number => Date.now() + (elapsedMs += 10_000);
    const stop = (more: { force?: true }) =>
      bringBackAndStop(cluster, { ...options, ...more }, later, (text) => said.push(text));
    const message = expect.stringMatching(/by the status of shop\/pricer, and nobody leads .*has no holder/);
    await expect(stop({})).rejects.toMatchObject({ problems: [{ code: 'KV0829', message }] });
    expect([await world(), await suspended(), await replicasWanted()]).toEqual([left, true, 2]);

    await stop({ force: true });
    expect([said.at(-2), await replicasWanted()]).toEqual([expect.stringMatching(/shop\/pricer.*; going on$/), 0]);
    expect((await run('-A', '--stop', 'kubervisor')).code).toBe(0);
  });

  it('with --stop a policy whose record cannot be read waits for nobody: its numbers are of another day', async () => {
    await live('');
    await deploy(2);
    const condition = { type: 'Ready', status: 'False', reason: 'RecordUnreadable', message: '' };
    await statusOfPricer({ conditions: [{ ...condition, lastTransitionTime: '2026-01-02T03:04:05Z' }] });
    const { code, stderr } = await run('-A', '--stop', 'kubervisor');
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('out still')]);
  }, 60_000);

  it('with --stop where no replica is there to obey, nothing is suspended', async () => {
    await live('');
    await deploy(0);
    const { code, stderr } = await run('-A', '--stop', 'kubervisor');
    expect([code, stderr]).toEqual([0, expect.stringContaining('there is no replica, and the Lease kubervisor/')]);
    expect(stderr).not.toContain('everything is suspended');
  });

  it('does nothing while a proxy is connected, where it may ask', async () => {
    const admin = adminOf(serviceWorld());
    await using wires = await serveAdmin(admin);
    expect(await run('-A', '--server', wires.url)).toMatchObject({ code: 0, stderr: '' });
    admin.proxies = [
      {
        nodeId: 'web-1',
        nodeCluster: 'web',
        version: 'envoy 1.40.0',
        zone: '',
        dialect: 'envoy',
        address: '10.0.0.1:5',
        connectedAtMs: 0,
        subscriptions: [],
      },
    ];
    const refused = await run('-A', '--server', wires.url);
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/^error KV0827 1 proxies are connected to http:\S+, such as web-1 /);
    expect((await run('-A', '--force', '--server', wires.url)).code).toBe(0);
  });

  it('says which right is missing, and which namespaces it wants to be told', async () => {
    await writeFile(join(folder, 'nobody.yaml'), plane.kubeconfig('kubervisor'));
    const denied = await runCli(['cleanup', '-A', '--force', '--kubeconfig', join(folder, 'nobody.yaml')]);
    expect([denied.code, denied.stderr]).toEqual([1, expect.stringMatching(/error KV0833 .*cannot list resource/)]);
    expect((await run()).code).toBe(64);
    expect((await run('-A', '-n', 'shop')).code).toBe(64);
  });
});
