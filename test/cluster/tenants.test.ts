/** R17 in a real API server: what somebody who may write Services and slices of one namespace cannot make us call. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { callableAddresses } from '../../engine/metrics/callable.ts';
import { type Fleet, type ServiceKey, serviceKey } from '../../engine/model.ts';
import { createKubernetesSource } from '../../engine/sources/kubernetes/source.ts';
import { describeWith } from '../support/parts.ts';
import { freePorts, startServing } from '../support/serving.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { installCrd } from './crd.ts';
import { clusterConfigYaml } from './serving-config.ts';
import { createShop, done } from './shop.ts';

const port = 8080;

describeWith(['kube-apiserver', 'etcd'], 'a custom service of a tenant', (executables) => {
  let plane: ControlPlane;
  const stopping = new AbortController();
  const fleets = new Map<ServiceKey, Fleet>();

  const core = '/api/v1/namespaces/shop';
  const slices = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';

  beforeAll(async () => {
    plane = await startControlPlane({ executables });
    await installCrd(plane.api);
    const shop = await createShop(plane.api, 'shop');
    const bank = await createShop(plane.api, 'bank');
    await bank.pod('vault', { name: 'vault-1', ip: '10.2.0.1' });
    await shop.pod('judge', { name: 'judge-1', ip: '10.1.0.1' });
    await shop.pod('judge', { name: 'host-1', ip: '192.0.2.7', hostNetwork: true });
    await shop.pod('judge', { name: 'done-1', ip: '10.1.0.3' });
    await shop.phase('done-1', 'Succeeded');

    await service('own', { selector: { app: 'judge' } });
    await slice('own', 'own', '10.1.0.1', 'judge-1');
    await service('handmade', {});
    await slice('handmade', 'handmade', '10.1.0.1', 'judge-1');
    await service('external', { type: 'ExternalName', externalName: 'vault.bank.svc', selector: { app: 'judge' } });
    await slice('external', 'external', '10.1.0.1', 'judge-1');
    await service('mixed', { selector: { app: 'judge' } });
    await slice('mixed', 'mixed-a', '10.1.0.1', 'judge-1');
    await slice('mixed', 'mixed-b', '10.2.0.1', 'judge-1');
    await strange('foreign', '10.2.0.1', 'judge-1');
    await strange('bare', '10.2.0.1');
    await strange('abroad', '10.2.0.1', 'vault-1', 'bank');
    await strange('api', '10.96.0.1', 'judge-1');
    await strange('other-uid', '10.1.0.1', 'judge-1', 'shop', 'f3a1');
    await strange('node', '192.0.2.7', 'host-1');
    await strange('over', '10.1.0.3', 'done-1');

    const customService = `foreign:${port}`;
    await done(shop.policy('p', { service: 'own', breakers: [{ name: 'a', evaluationPeriod: 1, customService }] }));

    await inTemporaryFolder('tenants', async (folder) => {
      const kubeconfig = join(folder, 'kube.yaml');
      await writeFile(kubeconfig, plane.kubeconfig('administrator'));
      const source = createKubernetesSource({
        client: await connect({ kubeconfig }, systemClock),
        clock: systemClock,
        random: Math.random,
        namespaces: [],
        onProblem: () => undefined,
      });
      await source.start((changes) => {
        for (const change of changes) if (change.kind === 'fleet') fleets.set(change.fleet.service, change.fleet);
      }, stopping.signal);
      await removeFolder(folder);
    });
  }, 120_000);

  afterAll(async () => {
    stopping.abort();
    await plane?.stop();
  });

  const service = (name: string, spec: object) =>
    done(
      plane.api.post(`${core}/services`, { metadata: { name }, spec: { ports: [{ name: 'http', port }], ...spec } }),
    );

  async function slice(of: string, name: string, address: string, pod?: string, namespace = 'shop', uid?: string) {
    const known = pod === undefined ? undefined : await plane.api.get(`/api/v1/namespaces/${namespace}/pods/${pod}`);
    const meta = (known?.body as { metadata: { uid: string } } | undefined)?.metadata;
    const targetRef = { kind: 'Pod', namespace, name: pod, uid: uid ?? meta?.uid };
    await done(
      plane.api.post(slices, {
        metadata: { name, labels: { 'kubernetes.io/service-name': of } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 6443 }],
        endpoints: [{ addresses: [address], conditions: { ready: true }, ...(pod === undefined ? {} : { targetRef }) }],
      }),
    );
  }

  /** A Service with a selector, and a slice that no controller of Kubernetes would write. */
  async function strange(name: string, address: string, pod?: string, namespace?: string, uid?: string): Promise<void> {
    await service(name, { selector: { app: 'judge' } });
    await slice(name, name, address, pod, namespace, uid);
  }

  const callable = (name: string) => callableAddresses(fleets.get(serviceKey('shop', name)), port, 'pod');

  it('is called at a pod of its namespace, and only there', () => {
    const addresses = [{ address: '10.1.0.1', port: 6443 }];
    expect(callable('own')).toEqual({ kind: 'addresses', addresses });
    expect(callable('mixed')).toEqual({ kind: 'addresses', addresses });
  });

  it.each([
    ['without a selector', 'handmade'],
    ['of type ExternalName', 'external'],
    ['with the address of a pod of another namespace under the name of its own', 'foreign'],
    ['with an address and no pod', 'bare'],
    ['with a pod of another namespace', 'abroad'],
    ['with the address of the API server', 'api'],
    ['with a pod that is not that one any more', 'other-uid'],
    ['on the network of a node', 'node'],
  ])('is not called %s', (_, name) => {
    expect(fleets.get(serviceKey('shop', name))?.backends).toHaveLength(1);
    expect(callable(name)).toMatchObject({ kind: 'refused' });
  });

  it('is not called where its pod has ended, whose address may be that of another by now', () => {
    expect(callable('over')).toEqual({ kind: 'addresses', addresses: [] });
  });

  it(
    'nor by serve, which says so, and how it follows what is there',
    () =>
      inTemporaryFolder('tenants', async (folder) => {
        const ports = await freePorts();
        const config = clusterConfigYaml(ports, '{kubeconfig: ./kube.yaml}');
        await writeFile(join(folder, 'kubervisor.yaml'), config);
        await writeFile(join(folder, 'kube.yaml'), plane.kubeconfig('administrator'));
        const serving = await startServing(folder, ports);
        try {
          await eventually(
            async () => {
              const text = await (await fetch(`${serving.url}/api/v1/services/shop/own`)).text();
              return text.includes('none of its ready endpoints is the own address of a pod of this namespace');
            },
            { timeoutMs: 20_000 },
          );
          const metrics = await (await fetch(`${serving.url}/metrics`)).text();
          // Policies are listed once more by whoever comes to lead.
          for (const resource of ['services', 'endpointslices', 'pods', 'kubervisorservices', 'endpointoverrides']) {
            expect(metrics).toMatch(
              new RegExp(`kubernetes_lists_total{resource="${resource}",namespace=""} [12]$`, 'm'),
            );
          }
        } finally {
          await serving.process.stop();
          await removeFolder(folder);
        }
      }),
    60_000,
  );

  it.each(['127.0.0.1', '169.254.169.254', '224.0.0.1'])(
    'cannot be at %s: the API server refuses it',
    async (address) => {
      await expect(slice('own', `at-${address}`, address, 'judge-1')).rejects.toThrow(/Invalid value/);
    },
  );
});
