/** The chart on a real API server: what it installs is accepted, its rights suffice, and uninstalled it leaves nothing. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { freePort } from '../../demo/world/ports.ts';
import { untilReady } from '../../demo/world/process.ts';
import { eventually } from '../../demo/world/wait.ts';
import { chartFolder, helmOn, type HelmRun, type Manifest, manifestsOf, withValues } from '../support/chart.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { crdsPath } from './crd.ts';
import { createShop, done, type PodSpec, type Shop } from './shop.ts';

const least = { image: { repository: 'registry.example/kubervisor' }, xds: { insecure: true } };
const soon = { timeoutMs: 30_000 };
/** Kinds that only a cluster with their operators has. */
const foreign = new Set(['Certificate', 'ServiceMonitor']);

describeWith(['kube-apiserver', 'etcd', 'helm'], 'the chart on an API server', (executables) => {
  const programs = usePrograms();
  let plane: ControlPlane;
  let shop: Shop;
  let folder = '';
  let admin = '';

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    folder = await inTemporaryFolder('chart', async (path) => path);
    admin = join(folder, 'admin.yaml');
    await writeFile(admin, plane.kubeconfig('administrator'));
    // Nothing but the strictest of the Pod Security Standards.
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await done(plane.api.post('/api/v1/namespaces', { metadata: { name: 'mesh', labels } }));
    shop = await createShop(plane.api, 'shop');
    await done(plane.api.post('/api/v1/namespaces', { metadata: { name: 'pay' } }));
  }, 120_000);

  afterAll(async () => {
    await plane?.stop();
    await removeFolder(folder);
  });

  const run = (args: readonly string[]): Promise<HelmRun> =>
    helmOn(executables.helm, { kubeconfig: admin, folder, namespace: 'mesh' })(args);
  const install = (verb: 'install' | 'upgrade', values: object, chart = chartFolder): Promise<HelmRun> =>
    withValues(values, (flags) => run([verb, 'kubervisor', chart, ...flags]));
  const get = async (path: string): Promise<Manifest> => (await done(plane.api.get(path))).body as Manifest;
  const exists = async (path: string): Promise<boolean> => (await plane.api.get(path)).status === 200;

  it.each(['plain', 'full', 'namespaces'])(
    'every object of ci/%s-values.yaml is accepted, without a warning',
    async (name) => {
      const objects = await manifestsOf(executables.helm, join(chartFolder, `ci/${name}-values.yaml`));
      for (const object of objects.filter(({ kind }) => !foreign.has(kind))) {
        const answer = await plane.api.apply(`${pathOf(object)}/${object.metadata.name}`, object, 'All');
        expect([object.kind, answer.status, answer.warnings]).toEqual([object.kind, expect.toBeOneOf([200, 201]), []]);
      }
    },
  );

  it('its pods pass where the Pod Security Standard restricted is enforced', async () => {
    const objects = await manifestsOf(executables.helm, join(chartFolder, 'ci/full-values.yaml'));
    const specs = objects.flatMap(({ kind, spec }) => (kind === 'Pod' ? spec : (spec?.template?.spec ?? [])));
    expect(specs).toHaveLength(3);
    for (const spec of specs) {
      // The priority class is one that other namespaces may not use.
      const pod = { metadata: { generateName: 'try-' }, spec: { ...spec, priorityClassName: undefined } };
      const answer = await plane.api.post('/api/v1/namespaces/mesh/pods?dryRun=All', pod);
      expect([answer.status, answer.warnings, answer.status === 201 ? '' : answer.body]).toEqual([201, [], '']);
      const loose = { ...pod, spec: { ...pod.spec, securityContext: {} } };
      expect((await plane.api.post('/api/v1/namespaces/mesh/pods?dryRun=All', loose)).status).toBe(403);
    }
  });

  it('is installed, serves with its own rights and no others, is upgraded with its CRDs, and leaves nothing', async () => {
    const marking = { ...least, pods: { label: true, deletionCost: true } };
    const installed = await install(
      'install',
      { ...marking, pods: { ...marking.pods, evict: true } },
      await olderChart(),
    );
    expect([installed.ok, installed.output]).toEqual([
      true,
      expect.stringContaining('Before you uninstall it, point plain Envoys elsewhere'),
    ]);
    await eventually(() => exists('/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices'), soon);
    await shop.service('pricer');
    const pods: readonly PodSpec[] = ['p1', 'p2', 'p3'].map((name, n) => ({ name, ip: `10.1.0.${n + 1}` }));
    for (const pod of pods) await shop.pod('pricer', pod);
    await shop.slice('pricer', pods);
    const threshold = { query: 'rate(errors[1m])', operator: '>', value: 5 };
    await done(shop.policy('pricer', { service: 'pricer', breakers: [{ name: 'errors', threshold }] }));

    // The config as the chart has it, but for addresses of this machine, with the account that the chart makes.
    const { data } = (await get('/api/v1/namespaces/mesh/configmaps/kubervisor-config')) as Manifest;
    await writeFile(join(folder, 'kube.yaml'), await plane.accountKubeconfig('mesh', 'kubervisor'));
    const ports = {
      xds: await freePort(),
      http: await freePort(),
      grpc: await freePort(),
      telemetry: await freePort(),
    };
    const config = String(data['kubervisor.yaml'])
      .replace('0.0.0.0:18000', `127.0.0.1:${ports.xds}`)
      .replace('127.0.0.1:18080', `127.0.0.1:${ports.http}`)
      .replace('127.0.0.1:18081', `127.0.0.1:${ports.grpc}`)
      .replace('0.0.0.0:18082', `127.0.0.1:${ports.telemetry}`)
      .replace('kubernetes:', 'kubernetes:\n    kubeconfig: ./kube.yaml');
    await writeFile(join(folder, 'kubervisor.yaml'), config);
    const serving = await programs.process({
      name: 'kubervisor',
      command: process.execPath,
      args: [join(import.meta.dirname, '../../cli/main.ts'), 'serve', '--config', join(folder, 'kubervisor.yaml')],
    });
    const probe = `http://127.0.0.1:${ports.telemetry}`;
    await untilReady(serving, async () => (await fetch(`${probe}/readyz`)).ok, { timeoutMs: 30_000 });
    const { problems } = (await (await fetch(`http://127.0.0.1:${ports.http}/readyz`)).json()) as {
      readonly problems: readonly { readonly code: string; readonly message: string }[];
    };
    expect(problems.filter(({ message }) => /forbidden|cannot/.test(message))).toEqual([]);
    expect(await (await fetch(`${probe}/metrics`)).text()).toContain('kubervisor_build_info');
    // What takes a right of its own is done: a lead, an act by hand, a decision on record, marks, and an Event of it.
    const overrides = '/apis/breaker.kubervisor.io/v1/namespaces/shop/endpointoverrides';
    await done(plane.api.post(overrides, overrideOf('try')));
    await eventually(async () => (await get(`${overrides}/try`))['status']?.state === 'InForce', soon);
    const marked = async (): Promise<Manifest['metadata']> => (await get('/api/v1/namespaces/shop/pods/p1')).metadata;
    await eventually(async () => (await marked()).labels['kubervisor.io/rotation'] === 'ejected', soon);
    expect((await marked()).annotations).toMatchObject({ 'controller.kubernetes.io/pod-deletion-cost': '-1000' });
    const events = '/apis/events.k8s.io/v1/namespaces/shop/events';
    await eventually(async () => (await get(events))['items'].length > 0, soon);
    expect(serving.log()).not.toMatch(/forbidden/);
    // Nothing is uninstalled by itself while somebody is out.
    await done(plane.api.post(overrides, overrideOf('back', { action: 'Restore' })));
    const policies = '/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices';
    await eventually(async () => (await get(`${policies}/pricer`))['status'].ejectedEndpoints?.length === 0, soon);
    await serving.stop();

    const crd = `${crdsPath}/kubervisorservices.breaker.kubervisor.io`;
    expect((await get(crd))['spec'].names.shortNames).toEqual(['old']);
    const upgraded = await install('upgrade', marking);
    expect([upgraded.ok, upgraded.output]).toEqual([true, expect.stringContaining('REVISION: 2')]);
    expect((await get(crd))['spec'].names.shortNames).toEqual(['kvs']);
    const looked = await runCli(['check', '-o', 'json', '--controller-namespace', 'mesh', '--kubeconfig', admin]);
    const { checks } = JSON.parse(looked.stdout) as { checks: readonly { check: string; outcome: string }[] };
    const about = checks.filter(({ check }) => check === 'definitions' || check === 'controller-rights');
    expect(about.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok']);
    // `helm test`, by hand: with no kubelet the replicas are not ready, but there is nothing that it may not look at.
    const testing = run(['test', 'kubervisor', '--timeout', '60s']);
    const testPod = '/api/v1/namespaces/mesh/pods/kubervisor-check';
    await eventually(() => exists(testPod), soon);
    await writeFile(join(folder, 'check.yaml'), await plane.accountKubeconfig('mesh', 'kubervisor-check'));
    const pod = await get(testPod);
    const test = await runCli([
      ...pod['spec'].containers[0].args,
      '-o',
      'json',
      '--kubeconfig',
      join(folder, 'check.yaml'),
    ]);
    const found = (JSON.parse(test.stdout) as { checks: readonly { message: string }[] }).checks;
    expect(found.filter(({ message }) => /forbidden|cannot see/.test(message))).toEqual([]);
    await done(plane.api.put(`${testPod}/status`, { ...pod, status: { phase: 'Succeeded' } }));
    expect((await testing).output).toContain('Succeeded');
    const { rules } = await get('/apis/rbac.authorization.k8s.io/v1/clusterroles/kubervisor');
    expect(JSON.stringify(rules)).not.toContain('pods/eviction');

    for (const [name, state] of [
      ['over', 'Ended'],
      ['pending', 'Pending'],
    ]) {
      await done(plane.api.post(overrides, overrideOf(String(name))));
      await done(plane.api.patch(`${overrides}/${name}/status`, { status: { state } }));
    }
    // As a replica leaves it that is killed before it is done.
    const marks = {
      labels: { 'kubervisor.io/rotation': 'ejected' },
      annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-1000', 'kubervisor.io/deletion-cost': '-1000' },
    };
    await done(plane.api.patch('/api/v1/namespaces/shop/pods/p1', { metadata: marks }));
    const uninstalling = run(['uninstall', 'kubervisor', '--timeout', '60s']);
    const job = '/apis/batch/v1/namespaces/mesh/jobs/kubervisor-cleanup';
    await eventually(() => exists(job), soon);
    // No kubelet runs it: what it would run is run here, with its account.
    const { spec } = await get(job);
    await writeFile(join(folder, 'hook.yaml'), await plane.accountKubeconfig('mesh', 'kubervisor-cleanup'));
    const { args } = spec.template.spec.containers[0];
    const cleaned = await runCli([...args, '--kubeconfig', join(folder, 'hook.yaml')]);
    expect([cleaned.code, cleaned.stdout.trim().split('\n')]).toEqual([
      0,
      expect.arrayContaining([
        'pod/shop/p1 marks removed',
        'endpointoverride/shop/over object removed',
        'endpointoverride/shop/pending status removed',
      ]),
    ]);
    const { replicas } = (await get('/apis/apps/v1/namespaces/mesh/deployments/kubervisor'))['spec'];
    expect(replicas).toBe(0);
    await finish(job);
    const uninstalled = await uninstalling;
    expect([uninstalled.ok, uninstalled.output]).toEqual([true, expect.stringContaining('uninstalled')]);

    const left = await Promise.all(
      (await manifestsOf(executables.helm, marking))
        .filter(({ kind }) => kind !== 'CustomResourceDefinition')
        .map(async (object) => ({ object, isLeft: await exists(`${pathOf(object)}/${object.metadata.name}`) })),
    );
    expect(left.filter(({ isLeft }) => isLeft).map(({ object }) => `${object.kind}/${object.metadata.name}`)).toEqual(
      [],
    );
    // Policies are not the chart's to delete.
    expect((await get('/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices'))['items']).toHaveLength(1);
    const { labels, annotations } = await marked();
    expect([labels, annotations]).toEqual([{ app: 'pricer' }, undefined]);
  }, 180_000);

  /** The chart of a release before, with another CRD. */
  async function olderChart(): Promise<string> {
    const chart = join(folder, 'older');
    await cp(chartFolder, chart, { recursive: true });
    const crd = join(chart, 'files/crds/kubervisorservices.yaml');
    await writeFile(crd, (await readFile(crd, 'utf8')).replace('- kvs', '- old'));
    return chart;
  }

  /** As the controller of Jobs says that one is done. */
  async function finish(job: string): Promise<void> {
    const time = new Date().toISOString().replace(/\.\d+/, '');
    const condition = { status: 'True', reason: 'CompletionsReached', lastProbeTime: time, lastTransitionTime: time };
    const status = {
      startTime: time,
      completionTime: time,
      succeeded: 1,
      uncountedTerminatedPods: {},
      conditions: [
        { type: 'SuccessCriteriaMet', ...condition },
        { type: 'Complete', ...condition },
      ],
    };
    await done(plane.api.put(`${job}/status`, { ...(await get(job)), status }));
  }
});

function overrideOf(name: string, act: object = { action: 'Eject', for: '15m' }): object {
  return {
    apiVersion: 'breaker.kubervisor.io/v1',
    kind: 'EndpointOverride',
    metadata: { name },
    spec: { service: 'pricer', endpoint: 'p1', reason: 'heap dump', ...act },
  };
}

const resources: Readonly<Record<string, string>> = {
  NetworkPolicy: 'networkpolicies',
};

/** Of the list that an object is in. */
function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const plural = resources[kind] ?? `${kind.toLowerCase()}s`;
  const within = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `/${apiVersion === 'v1' ? 'api' : 'apis'}/${apiVersion}${within}/${plural}`;
}
