/** The CustomResourceDefinition, put into an API server. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { eventually } from '../../demo/world/wait.ts';
import type { KubeApi } from './kube-api.ts';

export const crdsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const file = new URL('../../manifests/crds/kubervisorservices.yaml', import.meta.url);

/** Resolves when policies are served. @throws when the API server refuses it, or has anything to say against it */
export async function installCrd(api: KubeApi): Promise<void> {
  const answer = await api.post(crdsPath, parse(readFileSync(file, 'utf8')));
  if (answer.status !== 201 || answer.warnings.length > 0) throw new Error(JSON.stringify(answer));
  await eventually(async () => (await api.get('/apis/breaker.kubervisor.io/v1/kubervisorservices')).status === 200, {
    what: 'the API server serves policies',
    timeoutMs: 20_000,
  });
}
