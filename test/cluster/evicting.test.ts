/** From what a breaker sees to a pod that is evicted: `serve` on a real API server, killed in between. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { describeWith } from '../support/parts.ts';
import { startHistoryServer } from '../support/history-server.ts';
import { usePrograms } from '../support/programs.ts';
import { freePorts, startServing } from '../support/serving.ts';
import { startControlPlane } from './control-plane.ts';
import { installCrd } from './crd.ts';
import { clusterConfigYaml } from './serving-config.ts';
import { createShop, done, type PodSpec } from './shop.ts';

const pods: readonly PodSpec[] = [0, 1, 2, 3].map((n) => ({ name: `p${n}`, ip: `10.1.0.${n + 1}` }));
const spec = {
  service: 'pricer',
  settle: 0,
  warmUp: '0s',
  breakers: [
    {
      name: 'errors',
      evaluationPeriod: '1s',
      confirm: { of: 1, atLeast: 1 },
      threshold: { query: 'rate(errors[1s])', operator: '>', value: 1 },
    },
  ],
  activator: { mode: 'retryAndKill', maxRetryCount: 0, period: '2s' },
};
const soon = { timeoutMs: 30_000 };
const core = '/api/v1/namespaces/shop';

interface Metadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

describeWith(['kube-apiserver', 'etcd'], 'evicting', (executables) => {
  const programs = usePrograms();

  it('a pod that fails again is labelled, evicted once the disruption budget allows it, by the process that is there then, and told of', async () => {
    await inTemporaryFolder('evicting', async (folder) => {
      programs.keep({ stop: () => removeFolder(folder) });
      const plane = programs.keep(await startControlPlane({ executables }));
      const { api } = plane;
      await installCrd(api);
      const shop = await createShop(api, 'shop');
      await shop.service('pricer');
      const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'pricer-a', uid: 'a', controller: true };
      for (const { name, ...pod } of pods) {
        await shop.pod('pricer', { name, ...pod });
        // It stays, leaving, when it was evicted: nobody is there who would end it.
        const metadata = { name, ownerReferences: [owner], finalizers: ['kubervisor.io/test'] };
        await done(api.apply(`${core}/pods/${name}`, { apiVersion: 'v1', kind: 'Pod', metadata }));
      }
      await shop.slice('pricer', pods);
      await done(shop.policy('pricer', spec));
      const pdbs = '/apis/policy/v1/namespaces/shop/poddisruptionbudgets';
      const selector = { matchLabels: { app: 'pricer' } };
      await done(api.post(pdbs, { metadata: { name: 'pricer' }, spec: { minAvailable: 3, selector } }));
      /** As the controller, which nobody runs here, would write it. */
      const allow = async (disruptionsAllowed: number): Promise<void> => {
        const { body } = await done(api.get(`${pdbs}/pricer`));
        const counts = { currentHealthy: 4, desiredHealthy: 3, expectedPods: 4, observedGeneration: 1 };
        const status = { disruptionsAllowed, ...counts };
        await done(api.put(`${pdbs}/pricer/status`, { ...(body as object), status }));
      };
      await allow(0);
      const metadataOf = async (name: string): Promise<Metadata> => {
        const { body } = await done(api.get(`${core}/pods/${name}`));
        return (body as { readonly metadata: Metadata }).metadata;
      };
      const labelOf = async (name: string) => (await metadataOf(name)).labels?.['kubervisor.io/rotation'];
      const reasons = async (): Promise<readonly string[]> => {
        const { body } = await api.get(`${core}/events`);
        const { items } = body as { items: readonly { reason: string; involvedObject: { kind: string } }[] };
        return items.filter(({ involvedObject }) => involvedObject.kind === 'Pod').map(({ reason }) => reason);
      };

      const metrics = await startHistoryServer(Date.now(), pods.length);
      programs.keep({ stop: () => metrics.close() });
      metrics.history = (pod) => (pod === 'p1' ? 9 : 0);
      const ports = { ...(await freePorts()), prometheus: metrics.port };
      const acts = '{evict: true, label: true, deletionCost: true}';
      const config = clusterConfigYaml(ports, `{kubeconfig: ./kube.yaml, pods: ${acts}}`).concat(
        'timing: {fleetRest: 0s}\n',
      );
      await writeFile(join(folder, 'kubervisor.yaml'), config);
      await writeFile(join(folder, 'kube.yaml'), plane.kubeconfig('administrator'));
      const first = programs.keep((await startServing(folder, ports)).process);

      await eventually(async () => (await labelOf('p1')) === 'evicted', soon);
      const url = `http://127.0.0.1:${ports.http}`;
      const why = async (): Promise<string> => (await fetch(`${url}/api/v1/why?backend=p1`)).text();
      await eventually(async () => (await why()).includes('its eviction waits, disruption-budget'), soon);
      await eventually(async () => (await reasons()).includes('EvictionRefused'), soon);
      expect(await metadataOf('p1')).toMatchObject({
        annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-1000', 'kubervisor.io/deletion-cost': '-1000' },
      });
      expect(await reasons()).toEqual(expect.arrayContaining(['Ejected', 'RetryStarted', 'EvictionRequested']));

      first.kill('SIGKILL');
      await first.exited;
      expect((await metadataOf('p1')).deletionTimestamp).toBeUndefined();
      await allow(1);
      programs.keep((await startServing(folder, ports)).process);
      await eventually(async () => (await metadataOf('p1')).deletionTimestamp !== undefined, soon);
      await eventually(async () => (await reasons()).includes('Evicted'), soon);
      const others = await Promise.all(['p0', 'p2', 'p3'].map(metadataOf));
      for (const { labels, deletionTimestamp } of others) {
        expect([labels, deletionTimestamp]).toEqual([{ app: 'pricer' }, undefined]);
      }
    });
  }, 120_000);
});
