/** The account that the chart makes for its replicas, with the rights that the chart gives it and no others. */
import { manifestsOf } from '../../support/chart.ts';
import type { KubeApi } from '../kube-api.ts';
import { done } from '../shop.ts';

const values = { image: { repository: 'registry.example/kubervisor' }, xds: { insecure: true } };
const kinds: ReadonlyMap<string, string> = new Map([
  ['ServiceAccount', 'serviceaccounts'],
  ['ClusterRole', 'clusterroles'],
  ['ClusterRoleBinding', 'clusterrolebindings'],
  ['Role', 'roles'],
  ['RoleBinding', 'rolebindings'],
]);

/** In the namespace `mesh`, which has to be there. */
export async function grantRights(api: KubeApi, helm: string): Promise<void> {
  for (const object of await manifestsOf(helm, values)) {
    const { apiVersion, kind, metadata } = object;
    const plural = kinds.get(kind);
    if (plural === undefined) continue;
    const within = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
    const group = `/${apiVersion === 'v1' ? 'api' : 'apis'}/${apiVersion}`;
    await done(api.apply(`${group}${within}/${plural}/${metadata.name}`, object));
  }
}
