/** `kubervisor check` against a real API server: each check passes, and fails for what it is there for, with a hint. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { isNeeded, type ReplicaOption, replicaGrants } from '../../cli/check/grants.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { crdsPath, installCrd } from './crd.ts';
import type { Answer } from './kube-api.ts';
import { createShop, done, type Shop } from './shop.ts';

interface Checked {
  readonly check: string;
  readonly outcome: 'ok' | 'warning' | 'failed';
  readonly message: string;
  readonly hint?: string;
}

/** As the chart sets them with a nameOverride. */
const label = { 'app.kubernetes.io/name': 'breaker', 'app.kubernetes.io/part-of': 'kubervisor' };
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const threshold = { query: 'rate(errors[1m])', operator: '>', value: 5 };
const spec = { service: 'pricer', breakers: [{ name: 'errors', threshold }] };

/** What the controller needs as roles, which test/chart/rights.test.ts holds to the chart; names are left out. */
const rulesFor = (...options: readonly ReplicaOption[]) =>
  replicaGrants('kubervisor')
    .filter((grant) => isNeeded(grant, new Set(options)))
    .map(({ group, resource, verbs }) => ({ apiGroups: [group], resources: [resource], verbs }));
const rules = rulesFor('workloads');
const without = (resource: string) => rules.filter(({ resources }) => !resources.includes(resource));

describeWith(['kube-apiserver', 'etcd'], 'kubervisor check', (executables) => {
  let plane: ControlPlane;
  let shop: Shop;
  let folder = '';

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    folder = await inTemporaryFolder('check', async (path) => path);
    for (const user of ['administrator', 'kubervisor'] as const)
      await writeFile(join(folder, user), plane.kubeconfig(user));
  }, 120_000);

  afterAll(async () => {
    await plane?.stop();
    await removeFolder(folder);
  });

  const post = (path: string, body: object): Promise<Answer> => done(plane.api.post(path, body));
  const run = (args: readonly string[], user = 'administrator') =>
    runCli(['check', ...args, '--kubeconfig', join(folder, user)]);
  async function checked(
    args: readonly string[] = [],
    user?: string,
  ): Promise<{ readonly code: number | null; of(check: string): readonly string[]; readonly all: readonly Checked[] }> {
    const { code, stdout, stderr } = await run([...args, '-o', 'json'], user);
    if (stdout === '') throw new Error(stderr);
    const { checks: all } = JSON.parse(stdout) as { checks: readonly Checked[] };
    const of = (check: string): readonly string[] =>
      all.filter((each) => each.check === check).map(({ outcome, message }) => `${outcome}: ${message}`);
    return { code, of, all };
  }

  describe('--pre', () => {
    it('of an empty cluster: all is well but the namespace; plain text in a pipe', async () => {
      const { code, stdout } = await run(['--pre']);
      expect([code, stdout.split('\n')]).toEqual([
        79,
        [
          expect.stringMatching(/^ok {3}the API server answers, v1\.\d+/),
          'ok   CustomResourceDefinition kubervisorservices.breaker.kubervisor.io is not there yet',
          'ok   CustomResourceDefinition endpointoverrides.breaker.kubervisor.io is not there yet',
          'ok   you may install it',
          'warn there is no namespace kubervisor',
          "     kubectl create namespace kubervisor, or helm's --create-namespace",
          'ok   the original Kubervisor is not there',
          'ok   no Service selects by the label of the original',
          '',
          '6 ok, 1 warnings, 0 failed',
          '',
        ],
      ]);
    });

    it('of one that has the definitions by kubectl: Helm would refuse, and what helps is said', async () => {
      await installCrd(plane.api);
      const { code, of, all } = await checked(['--pre']);
      expect([code, of('definitions')]).toEqual([
        79,
        ['kubervisorservices', 'endpointoverrides'].map(
          (plural) =>
            `warning: CustomResourceDefinition ${plural}.breaker.kubervisor.io is there, and not by Helm, which will refuse`,
        ),
      ]);
      expect(all.find(({ check }) => check === 'definitions')?.hint).toContain('--take-ownership');
      for (const plural of ['kubervisorservices', 'endpointoverrides']) {
        await done(plane.api.delete(`${crdsPath}/${plural}.breaker.kubervisor.io`));
      }
    });

    it('of one where you may do nothing: each right is named, and what cannot be seen is said', async () => {
      const { code, of } = await checked(['--pre'], 'kubervisor');
      expect(code).toBe(1);
      expect(of('install-rights')).toContain(
        'failed: you may not create customresourcedefinitions of apiextensions.k8s.io',
      );
      expect(of('install-rights')).toContain('failed: you may not create deployments of apps in kubervisor');
      expect(of('traffic-label')).toEqual([
        expect.stringMatching(/^warning: cannot see .*cannot list resource "services"/),
      ]);
    });

    it('of one that has the original: its definition and its label are found', async () => {
      const definition = parse(
        readFileSync(new URL('../../manifests/crds/kubervisorservices.yaml', import.meta.url), 'utf8'),
      ) as {
        spec: { versions: object[] };
      };
      const [version] = definition.spec.versions;
      await post(crdsPath, {
        ...definition,
        metadata: {
          name: 'kubervisorservices.kubervisor.k8s.io',
          annotations: { 'api-approved.kubernetes.io': 'unapproved, a test' },
        },
        spec: { ...definition.spec, group: 'kubervisor.k8s.io', versions: [{ ...version, name: 'v1alpha1' }] },
      });
      await post('/api/v1/namespaces/default/services', {
        metadata: { name: 'old' },
        spec: { selector: { app: 'old', 'kubervisor/traffic': 'yes' }, ports: [{ port: 80 }] },
      });
      const { code, of, all } = await checked(['--pre']);
      expect(code).toBe(79);
      expect([of('original'), of('traffic-label')]).toEqual([
        [expect.stringMatching(/^warning: .*kubervisorservices\.kubervisor\.k8s\.io/)],
        ['warning: service/default/old selects by the label of the original, kubervisor/traffic'],
      ]);
      expect(all.find(({ check }) => check === 'original')?.hint).toContain('docs/migrate.md');
      await done(plane.api.delete(`${crdsPath}/kubervisorservices.kubervisor.k8s.io`));
      await done(plane.api.delete('/api/v1/namespaces/default/services/old'));
    });

    it('without an API server nothing else is asked', async () => {
      await writeFile(join(folder, 'nowhere'), plane.kubeconfig('administrator', 'https://127.0.0.1:1'));
      const { code, all } = await checked(['--pre'], 'nowhere');
      expect([code, all]).toEqual([
        1,
        [
          {
            check: 'api',
            outcome: 'failed',
            message: expect.stringContaining('ECONNREFUSED'),
            hint: expect.any(String),
          },
        ],
      ]);
    });
  });

  describe('of a cluster where nothing is installed', () => {
    it('says what is missing', async () => {
      const { code, of } = await checked();
      expect(code).toBe(1);
      expect(of('definitions')).toEqual(
        ['kubervisorservices', 'endpointoverrides'].map(
          (plural) => `failed: there is no CustomResourceDefinition ${plural}.breaker.kubervisor.io`,
        ),
      );
      expect(of('leader')).toEqual(['failed: nobody leads: there is no Lease kubervisor/kubervisor']);
      expect(of('replicas')).toEqual([expect.stringMatching(/^warning: no Deployment in kubervisor has the label/)]);
      expect(of('policies')).toEqual([expect.stringMatching(/^warning: cannot see the policies/)]);
      expect(of('controller-rights')).toEqual(['failed: there is no ServiceAccount kubervisor/kubervisor']);
    });
  });

  describe('of a cluster where it runs', () => {
    const own = '/api/v1/namespaces/kubervisor';
    const budgets = '/apis/policy/v1/namespaces/shop/poddisruptionbudgets';
    const policies = '/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices';
    const deployment = '/apis/apps/v1/namespaces/kubervisor/deployments/kubervisor';

    async function readyReplicas(readyReplicas: number): Promise<void> {
      const { body } = await plane.api.get(deployment);
      const status = { replicas: 3, readyReplicas, availableReplicas: readyReplicas };
      await done(plane.api.put(`${deployment}/status`, { ...(body as object), status }));
    }

    async function told(conditions: readonly object[]): Promise<void> {
      const time = '2026-01-01T00:00:00Z';
      const { body } = await plane.api.get(`${policies}/pricer`);
      const full = conditions.map((condition) => ({ lastTransitionTime: time, message: '', ...condition }));
      await done(plane.api.put(`${policies}/pricer/status`, { ...(body as object), status: { conditions: full } }));
    }

    const budgeted = async (budget: object, name = 'pricer'): Promise<void> => {
      await post(budgets, { metadata: { name }, spec: { selector: { matchLabels: { app: 'pricer' } }, ...budget } });
    };

    beforeAll(async () => {
      await installCrd(plane.api);
      await post('/api/v1/namespaces', { metadata: { name: 'kubervisor' } });
      const template = {
        metadata: { labels: label },
        spec: { serviceAccountName: 'kubervisor', containers: [{ name: 'main', image: 'none' }] },
      };
      await post('/apis/apps/v1/namespaces/kubervisor/deployments', {
        metadata: { name: 'kubervisor', labels: label },
        spec: { replicas: 3, selector: { matchLabels: label }, template },
      });
      await readyReplicas(3);
      await post('/apis/coordination.k8s.io/v1/namespaces/kubervisor/leases', {
        metadata: { name: 'kubervisor' },
        spec: { holderIdentity: 'kubervisor-0', renewTime: '2126-01-01T00:00:00.000000Z', leaseDurationSeconds: 15 },
      });
      await post(`${own}/services`, {
        metadata: { name: 'kubervisor', labels: label },
        spec: { ports: [{ name: 'grpc-xds', port: 18000 }] },
      });
      await post('/apis/discovery.k8s.io/v1/namespaces/kubervisor/endpointslices', {
        metadata: { name: 'kubervisor-1', labels: { 'kubernetes.io/service-name': 'kubervisor' } },
        addressType: 'IPv4',
        ports: [{ name: 'grpc-xds', port: 18000 }],
        endpoints: [{ addresses: ['10.2.0.1'] }],
      });
      await post(`${rbac}/clusterroles`, { metadata: { name: 'kubervisor' }, rules });
      await post(`${rbac}/clusterrolebindings`, {
        metadata: { name: 'kubervisor' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'kubervisor' },
        subjects: [{ kind: 'ServiceAccount', name: 'kubervisor', namespace: 'kubervisor' }],
      });
      shop = await createShop(plane.api, 'shop');
      await shop.service('pricer');
      for (const n of [1, 2, 3, 4, 5, 6]) await shop.pod('pricer', { name: `pricer-${n}`, ip: `10.1.0.${n}` });
      await done(shop.policy('pricer', spec));
      await told(['Accepted', 'Ready'].map((type) => ({ type, status: 'True', reason: 'Fine' })));
      // Floor 3, at most 2 out: with 5 kept by it, 3 serve in any case.
      await budgeted({ minAvailable: 5 });
    });

    it('all is well: exit 0', async () => {
      const { code, all } = await checked();
      expect(all.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
      expect(code).toBe(0);
      expect(all.map(({ check }) => check)).toEqual([
        ...['api', 'definitions', 'definitions', 'replicas', 'leader', 'xds', 'controller-rights', 'policies'],
        ...['stateful', 'disruption-budgets', 'traffic-label'],
      ]);
    });

    it('replicas that are not ready, a Lease that is not there, an xDS without endpoints', async () => {
      await readyReplicas(1);
      expect((await checked()).of('replicas')).toEqual([
        'warning: deployment/kubervisor/kubervisor: 1 of 3 replicas are ready',
      ]);
      await readyReplicas(0);
      const slice = '/apis/discovery.k8s.io/v1/namespaces/kubervisor/endpointslices/kubervisor-1';
      const { body } = await plane.api.get(slice);
      await done(
        plane.api.put(slice, {
          ...(body as object),
          endpoints: [{ addresses: ['10.2.0.1'], conditions: { ready: false } }],
        }),
      );
      const { code, of } = await checked(['--lease', 'another']);
      expect(code).toBe(1);
      expect(of('replicas')).toEqual(['failed: deployment/kubervisor/kubervisor: 0 of 3 replicas are ready']);
      expect(of('leader')).toEqual(['failed: nobody leads: there is no Lease kubervisor/another']);
      expect(of('xds')).toEqual([expect.stringMatching(/^failed: service\/kubervisor\/kubervisor has no endpoint/)]);
      await readyReplicas(3);
      const { metadata } = (await plane.api.get(slice)).body as { metadata: object };
      await done(plane.api.put(slice, { ...(body as object), metadata }));
    });

    it('of two releases in one namespace the one that is called as the Lease', async () => {
      const { body } = await plane.api.get(deployment);
      const { spec: same } = body as { spec: object };
      await post('/apis/apps/v1/namespaces/kubervisor/deployments', {
        metadata: { name: 'a-second', labels: label },
        spec: same,
      });
      expect((await checked()).of('replicas')).toEqual([
        'ok: deployment/kubervisor/kubervisor: 3 of 3 replicas are ready',
      ]);
      expect((await checked(['--lease', 'a-second'])).of('replicas')).toEqual([
        'failed: deployment/kubervisor/a-second: 0 of 3 replicas are ready',
      ]);
      await done(plane.api.delete('/apis/apps/v1/namespaces/kubervisor/deployments/a-second'));
    });

    it('a definition of another version', async () => {
      const path = `${crdsPath}/endpointoverrides.breaker.kubervisor.io`;
      const { body } = await plane.api.get(path);
      const other = JSON.parse(JSON.stringify(body).replaceAll('14400', '14399')) as object;
      await done(plane.api.put(path, other));
      expect((await checked()).of('definitions')).toContain(
        'warning: CustomResourceDefinition endpointoverrides.breaker.kubervisor.io is that of another version',
      );
      const { metadata } = (await plane.api.get(path)).body as { metadata: object };
      await done(plane.api.put(path, { ...(body as object), metadata }));
    });

    const account = 'the ServiceAccount kubervisor/kubervisor';

    async function granted(given: readonly object[]): Promise<void> {
      const path = `${rbac}/clusterroles/kubervisor`;
      const { body } = await plane.api.get(path);
      await done(plane.api.put(path, { ...(body as object), rules: given }));
    }

    it('a right that the controller lacks, and one that it must not have', async () => {
      const secrets = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };
      await granted([...without('services'), secrets]);
      expect((await checked()).of('controller-rights')).toEqual([
        `failed: ${account} may not list services`,
        `failed: ${account} may not watch services`,
        `warning: ${account} may get secrets, which it never needs`,
      ]);
    });

    it('one without which it does the rest of its work is a warning', async () => {
      await granted(without('events'));
      expect((await checked()).of('controller-rights')).toEqual([
        `warning: ${account} may not create events of events.k8s.io`,
        `warning: ${account} may not patch events of events.k8s.io`,
      ]);
      await granted(without('deployments'));
      expect((await checked()).of('controller-rights')).toEqual([
        `warning: ${account} may not list deployments of apps`,
        `warning: ${account} may not watch deployments of apps`,
      ]);
      await granted(rules);
    });

    it('options that are switched on in the config of the replicas, and rights to those that are not', async () => {
      const maps = `${own}/configmaps`;
      const configured = async (kubernetes: object): Promise<void> => {
        const data = { 'kubervisor.yaml': JSON.stringify({ source: { kubernetes } }) };
        const metadata = { name: 'kubervisor-config' };
        await done(
          plane.api.apply(`${maps}/kubervisor-config`, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }),
        );
      };
      await configured({ pods: { evict: true } });
      const { body } = await plane.api.get(deployment);
      const { spec: was } = body as { spec: { template: { spec: object } } };
      const volumes = [{ name: 'config', configMap: { name: 'kubervisor-config' } }];
      const template = { ...was.template, spec: { ...was.template.spec, volumes } };
      await done(plane.api.put(deployment, { ...(body as object), spec: { ...was, template } }));
      expect((await checked()).of('controller-rights')).toEqual([
        `failed: ${account} may not get pods`,
        `failed: ${account} may not create pods/eviction`,
      ]);

      await granted(rulesFor('workloads', 'label', 'evict'));
      await configured({ workloads: false });
      expect((await checked()).of('controller-rights')).toEqual([
        `warning: ${account} may patch pods, which it needs only with pods.label or pods.deletionCost`,
        `warning: ${account} may create pods/eviction, which it needs only with pods.evict`,
      ]);

      // Where it looks at some namespaces it needs its rights there, and in no other.
      await configured({ namespaces: ['shop', 'pay'] });
      await granted(without('endpointslices'));
      const inEach = ['shop', 'pay'].flatMap((namespace) =>
        ['list', 'watch'].map(
          (verb) => `failed: ${account} may not ${verb} endpointslices of discovery.k8s.io in ${namespace}`,
        ),
      );
      expect((await checked()).of('controller-rights').toSorted()).toEqual(inEach.toSorted());
      expect((await checked(['-n', 'bank'])).of('controller-rights')).toEqual([
        'warning: the replicas do not look at bank: their serving config names shop, pay',
      ]);

      await granted(rules);
      await configured({ pods: { evcit: true } });
      expect((await checked()).of('controller-rights')).toEqual([
        expect.stringMatching(/^warning: cannot see which options are switched on: .*evcit/),
      ]);
      const looking = [
        { apiGroups: ['apps'], resources: ['deployments'], verbs: ['list'] },
        { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
      ];
      await post(`${rbac}/clusterroles`, { metadata: { name: 'looking' }, rules: looking });
      await post(`${rbac}/clusterrolebindings`, {
        metadata: { name: 'looking' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'looking' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'kubervisor' }],
      });
      expect((await checked([], 'kubervisor')).of('controller-rights')).toEqual([
        expect.stringMatching(/^warning: cannot see which options are switched on: .*cannot get resource "configmaps"/),
      ]);
      await done(plane.api.delete(`${maps}/kubervisor-config`));
      expect((await checked()).of('controller-rights')).toEqual([
        `ok: ${account} may do what it needs, and nothing that it must not`,
      ]);
    });

    it('a policy that is refused, and one that nobody has looked at', async () => {
      await told([
        { type: 'Ready', status: 'False', reason: 'Conflicted', message: 'nobody is judged by it' },
        { type: 'Accepted', status: 'False', reason: 'Conflicted', message: 'kubervisorservice/older is older' },
      ]);
      const refused = await checked();
      expect(refused.of('policies')).toEqual([
        'failed: kubervisorservice/shop/pricer is not Accepted: Conflicted, kubervisorservice/older is older',
      ]);
      await told([]);
      expect((await checked()).of('policies')).toEqual([
        'warning: kubervisorservice/shop/pricer: no leader has looked at it yet',
      ]);
      const fine = ['Accepted', 'Ready'].map((type) => ({ type, status: 'True', reason: 'Fine' }));
      const message = 'no usable answer for errors';
      await told([...fine, { type: 'DetectorsHealthy', status: 'False', reason: 'NoUsableAnswer', message }]);
      expect((await checked()).of('policies')).toEqual([`warning: kubervisorservice/shop/pricer: ${message}`]);
      await told(fine);
    });

    it('a ServiceAccount without any right is one finding', async () => {
      await granted([]);
      expect((await checked()).of('controller-rights')).toEqual([
        'failed: there is no ServiceAccount kubervisor/kubervisor',
      ]);
      const accounts = '/api/v1/namespaces/kubervisor/serviceaccounts';
      await post(accounts, { metadata: { name: 'kubervisor' } });
      expect((await checked()).of('controller-rights')).toEqual([`failed: ${account} may do nothing of what it needs`]);
      await granted(rules);
      await done(plane.api.delete(`${accounts}/kubervisor`));
    });

    it.each<[title: string, budget: object | undefined, policy: object, message: string]>([
      [
        'none',
        undefined,
        {},
        'service/shop/pricer has no PodDisruptionBudget: a drain may take all 6 pods, and its floor is 3',
      ],
      [
        'one that keeps half',
        { minAvailable: '50%' },
        {},
        'pdb/shop/pricer lets a drain leave 3 of 6 pods of service/shop/pricer; with 2 ejected, which it counts as ready, ' +
          '1 would serve, and the floor is 3',
      ],
      [
        'one that lets two go',
        { maxUnavailable: 2 },
        {},
        'pdb/shop/pricer lets a drain leave 4 of 6 pods of service/shop/pricer; with 2 ejected, which it counts as ready, ' +
          '2 would serve, and the floor is 3',
      ],
      [
        'one that lets nobody go, and a policy that evicts',
        { maxUnavailable: 0 },
        { activator: { mode: 'retryAndKill' } },
        'pdb/shop/pricer keeps all 6 pods of service/shop/pricer: what its policy wants evicted is never evicted',
      ],
    ])('a PodDisruptionBudget that fights with the floor: %s', async (_, budget, policy, message) => {
      await done(plane.api.delete(`${budgets}/pricer`));
      if (budget !== undefined) await budgeted(budget);
      await done(shop.policy('pricer', { ...spec, ...policy }));
      const { of, all } = await checked(['-n', 'shop']);
      expect(of('disruption-budgets')).toEqual([`warning: ${message}`]);
      expect(all.find(({ check }) => check === 'disruption-budgets')?.hint).toMatch(/minAvailable/);
      if (budget === undefined) await budgeted({ minAvailable: 5 });
    });

    it('two PodDisruptionBudgets for the same pods', async () => {
      await budgeted({ maxUnavailable: 1 }, 'second');
      expect((await checked()).of('disruption-budgets')).toEqual([
        expect.stringMatching(/pdb\/shop\/pricer and pdb\/shop\/second are for the same pods/),
      ]);
      await done(plane.api.delete(`${budgets}/second`));
    });

    it('pods of a StatefulSet whose policy does not allow it to eject them', async () => {
      await shop.service('db');
      await shop.pod('db', { name: 'db-0', ip: '10.1.1.0' });
      const path = '/api/v1/namespaces/shop/pods/db-0';
      const { body } = await plane.api.get(path);
      const pod = body as { metadata: object };
      const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: '1', controller: true };
      await done(plane.api.put(path, { ...pod, metadata: { ...pod.metadata, ownerReferences: [owner] } }));
      await done(shop.policy('db', { ...spec, service: 'db' }));
      expect((await checked()).of('stateful')).toEqual([
        'warning: service/shop/db has pods of a StatefulSet: they are judged and never ejected',
      ]);
      await done(shop.policy('db', { ...spec, service: 'db', allowStateful: true }));
      expect((await checked()).of('stateful')).toEqual([expect.stringMatching(/^ok: /)]);
    });

    it('metric sources of a serving config that do not answer', async () => {
      const config = join(folder, 'kubervisor.yaml');
      await writeFile(
        config,
        'source: {files: .}\nmetricSources: {default: {prometheus: {url: "http://127.0.0.1:1"}}}\n',
      );
      expect((await checked(['--config', config])).of('metric-sources')).toEqual([
        expect.stringMatching(/^failed: metric source default at http:\/\/127\.0\.0\.1:1/),
      ]);
    });
  });
});
