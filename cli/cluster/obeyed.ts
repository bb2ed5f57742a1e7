/** Whether anybody obeys what is said of everything: where no replica looks it is a ConfigMap like any other. */
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { failure } from '../exit.ts';
import { leadershipOf, type ReplicasOptions } from './leader.ts';
import { type Cluster, clusterFailure } from './open.ts';

/** What a cluster that cannot be reached leaves to do. */
export const wayOut =
  'while the API server is away each replica can be told by itself: kubervisor suspend or resume --server URL, without a Service';

/**
 * Asked before anything is written. Replicas obey though nobody leads, and who may not look must be able to suspend: only
 * where there is neither the Lease nor the Deployment that the chart calls the same it is refused.
 * @returns what has to be told beside it, if anything
 * @throws Exit when nobody would obey
 */
export async function whoObeys(cluster: Cluster, options: ReplicasOptions, now: number): Promise<string | undefined> {
  const leadership = await leadershipOf(cluster, options, now);
  switch (leadership.kind) {
    case 'leads':
      return undefined;
    case 'unknown':
      // Nor can anything be written then.
      if (leadership.error.status === undefined) throw clusterFailure(leadership.error, 'reach the replicas', wayOut);
      return `whether anybody obeys is not known: ${leadership.why}`;
    case 'nobody':
      if (leadership.hasLease || (await hasDeployment(cluster, options))) {
        return `nobody leads: ${leadership.why}; replicas obey all the same, where there are any: kubervisor check`;
      }
      throw failure({
        code: 'KV0828',
        message: `nobody would obey, and nothing was done: no Deployment is called so, and ${leadership.why}`,
        remedy: 'name where Kubervisor runs with --controller-namespace and --lease, or a replica with --server',
      });
  }
}

async function hasDeployment({ client, signal }: Cluster, options: ReplicasOptions): Promise<boolean> {
  const path = `/apis/apps/v1/namespaces/${options.controllerNamespace}/deployments/${options.lease}`;
  try {
    await client.get(path, {}, signal);
    return true;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return false;
  }
}
