/** `kubervisor migrate --from-cluster`: out of a real API server, and what comes out back into it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { inTemporaryFolder, removeFolder } from '../../demo/world/folder.ts';
import { eventually } from '../../demo/world/wait.ts';
import { runCli } from '../support/cli.ts';
import { describeWith } from '../support/parts.ts';
import { usePrograms } from '../support/programs.ts';
import { startControlPlane } from './control-plane.ts';
import { crdsPath, installCrd } from './crd.ts';
import { done } from './shop.ts';

const group = 'kubervisor.k8s.io';

/** As a cluster of today could hold it: the group is reserved, and the original's schema was empty. */
const originalCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: `kubervisorservices.${group}`,
    annotations: { 'api-approved.kubernetes.io': 'unapproved, legacy import only' },
  },
  spec: {
    group,
    names: { kind: 'KubervisorService', plural: 'kubervisorservices' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

describeWith(['kube-apiserver', 'etcd'], 'migrate from a cluster', (executables) => {
  const programs = usePrograms();

  it('reads policies and Services, and prints what the cluster accepts', async () => {
    await inTemporaryFolder('migrate', async (folder) => {
      programs.keep({ stop: () => removeFolder(folder) });
      const { api, kubeconfig, stop } = await startControlPlane({ executables });
      programs.keep({ stop });
      await installCrd(api);
      const config = join(folder, 'kube.yaml');
      await writeFile(config, kubeconfig('administrator'));
      expect(await runCli(['migrate', '--from-cluster', '--kubeconfig', config])).toEqual({
        code: 65,
        stdout: '',
        stderr:
          'error KV0736 the cluster has no KubervisorService of kubervisor.k8s.io (there is nothing to migrate; policies in files are read with -f DIR)\n',
      });
      await done(api.post(crdsPath, originalCrd));
      const path = `/apis/${group}/v1alpha1/namespaces/default/kubervisorservices`;
      const spec = {
        service: 'pricer',
        breakers: [{ name: 'judge', evaluationPeriod: 2.5, customService: 'judge:8080' }],
        defaultActivator: { mode: 'retryAndKill', period: 7.5, maxRetryCount: 2 },
      };
      const object = { apiVersion: `${group}/v1alpha1`, kind: 'KubervisorService', metadata: { name: 'p' }, spec };
      await eventually(async () => (await api.post(path, object)).status === 201, { timeoutMs: 20_000 });
      const selector = { app: 'pricer', 'kubervisor/traffic': 'yes' };
      await done(
        api.post('/api/v1/namespaces/default/services', {
          metadata: { name: 'pricer' },
          spec: { selector, ports: [{ port: 80 }] },
        }),
      );
      const { code, stdout, stderr } = await runCli(['migrate', '--from-cluster', '--kubeconfig', config]);
      expect(code).toBe(79);
      expect(stderr).toContain('default/pricer: look at spec.selector["kubervisor/traffic"]');
      const accepted = await api.post(
        '/apis/breaker.kubervisor.io/v1/namespaces/default/kubervisorservices?fieldValidation=Strict',
        parse(stdout),
      );
      expect(accepted).toMatchObject({ status: 201, body: { spec: { activator: { period: '7s500ms' } } } });

      await writeFile(config, kubeconfig('kubervisor'));
      const refused = await runCli(['migrate', '--from-cluster', '--kubeconfig', config, '-n', 'default']);
      expect(refused).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(
          /KV0833 .*cannot list resource "kubervisorservices" in API group "kubervisor\.k8s\.io"/,
        ),
      });
    });
  }, 120_000);
});
