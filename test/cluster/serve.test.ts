/** `kubervisor serve` on a real API server, with a real Envoy that obeys it. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { HostStatus } from '../../demo/world/envoy.ts';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { runKubectl } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { act, freePorts, isConnected, startObeyingEnvoy, startServing } from '../support/serving.ts';
import { startControlPlane } from './control-plane.ts';
import { installCrd } from './crd.ts';
import { clusterConfigYaml } from './serving-config.ts';
import { createShop, done, type PodSpec } from './shop.ts';
import { startWire } from './wire.ts';

const pods: readonly PodSpec[] = [1, 2, 3, 4].map((n) => ({ name: `pricer-${n}`, ip: `10.1.0.${n}` }));
const soon = { timeoutMs: 20_000 };

describeWith(['kube-apiserver', 'etcd', 'envoy', 'kubectl'], 'serve on a cluster', (executables) => {
  const programs = usePrograms();

  it('what the cluster has is served; neither the end of serve nor that of the API server changes it', async () => {
    await inTemporaryFolder('cluster', async (folder) => {
      programs.keep({ stop: () => removeFolder(folder) });
      const plane = programs.keep(await startControlPlane({ executables }));
      const wire = await startWire(plane.url);
      programs.keep({ stop: () => wire.close() });
      await installCrd(plane.api);
      const shop = await createShop(plane.api, 'shop');
      await shop.service('pricer');
      for (const pod of pods) await shop.pod('pricer', pod);
      await shop.slice('pricer', pods);
      // Decisions are kept in the status of a policy; this one makes none itself.
      const threshold = { query: 'x', operator: '>', value: 1 };
      await done(
        shop.policy('pricer', { service: 'pricer', enforcement: 'Observe', breakers: [{ name: 'x', threshold }] }),
      );

      await shop.service('quotes');
      const nosuch = { name: 'x', source: 'nosuch', threshold };
      await done(shop.policy('quotes', { service: 'quotes', enforcement: 'Observe', breakers: [nosuch] }));

      const ports = await freePorts();
      const config = clusterConfigYaml(ports, '{kubeconfig: ./kube.yaml}');
      await writeFile(join(folder, 'kubervisor.yaml'), config);
      await writeFile(join(folder, 'kube.yaml'), plane.kubeconfig('administrator', wire.url));
      const first = programs.keep((await startServing(folder, ports)).process);
      const url = `http://127.0.0.1:${ports.http}`;
      const envoy = programs.keep(await startObeyingEnvoy(executables.envoy, ports));
      const health = async (address: string): Promise<HostStatus['edsHealth'] | undefined> =>
        (await envoy.clusters('pricer')).find((host) => host.address === `${address}:8080`)?.edsHealth;
      await eventually(async () => (await envoy.clusters('pricer')).length === pods.length, soon);

      // It leads once it has the Lease and has read everything afresh.
      await eventually(async () => {
        await act(url, 'eject', 'pricer-3', { forSeconds: 600 });
        return true;
      }, soon);
      await eventually(async () => (await health('10.1.0.3')) === 'DRAINING', soon);
      const before = await envoy.clusters('pricer');
      const policy = '/apis/breaker.kubervisor.io/v1/namespaces/shop/kubervisorservices/pricer';
      expect((await plane.api.get(policy)).body).toMatchObject({
        status: {
          serving: '3/4',
          enforcement: 'Observe',
          ejectedEndpoints: [{ name: 'pricer-3', address: '10.1.0.3:8080', state: 'Ejected', reason: 'ManualEject' }],
          conditions: expect.arrayContaining([
            expect.objectContaining({ type: 'Ready', status: 'True', observedGeneration: 1 }),
            expect.objectContaining({ type: 'EndpointsEjected', status: 'True' }),
          ]) as unknown,
        },
      });
      await eventually(async () => {
        const { body } = await plane.api.get(policy.replace(/pricer$/, 'quotes'));
        const { conditions = [] } = (body as { status: { conditions?: { type: string; message: string }[] } }).status;
        const detectors = conditions.find(({ type }) => type === 'DetectorsHealthy');
        return detectors?.message.startsWith('no usable answer for x: KV0332 metric source nosuch is not') === true;
      }, soon);
      const { problems } = (await (await fetch(`${url}/readyz`)).json()) as { problems: readonly object[] };
      const file = 'KubervisorService shop/quotes';
      expect(problems).toContainEqual(expect.objectContaining({ code: 'KV0332', file, field: 'breaker x' }));
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('kubervisor_source_problems{severity="error"} 1');
      const unreadable = { ...threshold, query: 'sum by (' };
      await shop.service('bad');
      await done(shop.policy('bad', { service: 'bad', breakers: [{ name: 'x', threshold: unreadable }] }));
      await eventually(async () => {
        const { body } = await plane.api.get('/apis/events.k8s.io/v1/namespaces/shop/events');
        const { items } = body as { items: { reason: string; regarding: { name: string }; note: string }[] };
        const told = items.filter(({ reason }) => reason === 'PolicyInvalid');
        return told.length === 1 && told[0]?.regarding.name === 'bad' && /^KV\d{4} /.test(told[0].note);
      }, soon);
      await writeFile(join(folder, 'admin.yaml'), plane.kubeconfig('administrator'));
      const { stdout } = await runKubectl(['get', 'kvs', '-n', 'shop'], {
        kubectl: executables.kubectl,
        kubeconfig: join(folder, 'admin.yaml'),
      });
      // Two spaces at least stand between columns; one may be in a value.
      const table = stdout.trimEnd().split('\n');
      expect(table.filter((line) => !/^(quotes|bad) /.test(line)).map((line) => line.split(/ {2,}/))).toEqual([
        ['NAME', 'SERVICE', 'MODE', 'READY', 'SERVING', 'EJECTED', 'BUDGET', 'AGE'],
        [
          'pricer',
          'pricer',
          'Observe',
          'True',
          '3/4',
          '1',
          '0 left (floor 2)',
          expect.stringMatching(/^(\d+m)?(\d+s)?$/),
        ],
      ]);
      for (const line of table) expect(line.length).toBeLessThanOrEqual(80);

      wire.cut();
      first.kill('SIGKILL');
      await first.exited;
      const second = startServing(folder, ports);
      await eventually(async () => (await fetch(`${url}/readyz`)).status === 503, soon);
      // It knows nothing yet, and so it says nothing.
      expect(await envoy.clusters('pricer')).toEqual(before);
      expect(await readdir(folder)).not.toContain('state');
      wire.mend();
      programs.keep((await second).process);
      // Envoy's own backoff may have come as far as 30 s.
      await eventually(() => isConnected(url), { timeoutMs: 40_000 });
      expect(await envoy.clusters('pricer')).toEqual(before);

      await shop.slice('pricer', pods.slice(0, 3));
      await eventually(async () => (await envoy.clusters('pricer')).length === 3, soon);
      expect(await health('10.1.0.3')).toBe('DRAINING');
    });
  }, 120_000);
});
