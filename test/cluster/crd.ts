/** The CustomResourceDefinitions, put into an API server. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { eventually } from '../../demo/world/wait.ts';
import type { KubeApi } from './kube-api.ts';

export const crdsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const folder = new URL('../../manifests/crds/', import.meta.url);
const ours = ['kubervisorservices', 'endpointoverrides'];

/** Resolves when our kinds are served. @throws when the API server refuses one, or has anything to say against it */
export async function installCrd(api: KubeApi, plurals: readonly string[] = ours): Promise<void> {
  for (const plural of plurals) {
    const answer = await api.post(crdsPath, parse(readFileSync(new URL(`${plural}.yaml`, folder), 'utf8')));
    if (answer.status !== 201 || answer.warnings.length > 0) throw new Error(JSON.stringify(answer));
  }
  await eventually(
    async () => {
      const answers = await Promise.all(plurals.map((plural) => api.get(`/apis/breaker.kubervisor.io/v1/${plural}`)));
      return answers.every(({ status }) => status === 200);
    },
    { what: 'the API server serves our kinds', timeoutMs: 20_000 },
  );
}

const policyCrd = `${crdsPath}/kubervisorservices.breaker.kubervisor.io`;

/**
 * While it runs the API server takes any policy, as with a CRD that is older, or newer, than we are. What was stored
 * meanwhile stays, and is handed out as it is, less the fields that the real CRD does not know.
 */
export async function withLooseCrd<Result>(api: KubeApi, run: () => Promise<Result>): Promise<Result> {
  const { body } = await api.get(policyCrd);
  const strict = body as { readonly spec: { readonly versions: readonly [object] } };
  const [version] = strict.spec.versions;
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await putCrd(api, { ...strict, spec: { ...strict.spec, versions: [{ ...version, schema }] } });
  try {
    return await run();
  } finally {
    await putCrd(api, strict);
  }
}

async function putCrd(api: KubeApi, crd: object): Promise<void> {
  const { body } = await api.get(policyCrd);
  const { metadata } = body as { readonly metadata: object };
  const answer = await api.put(policyCrd, { ...crd, metadata });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer));
}
