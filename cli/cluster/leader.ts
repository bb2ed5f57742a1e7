/** Who decides in a cluster, as the Lease says it. */
import { fieldsOf } from '../../engine/is-record.ts';
import { type KubeClient, KubeError } from '../../engine/kubernetes/kube-client.ts';
import { listAll } from '../../engine/kubernetes/list.ts';
import { leasesPath, ownSelector } from '../../engine/kubernetes/paths.ts';
import type { Cluster } from './open.ts';

export interface ReplicasOptions {
  readonly controllerNamespace: string;
  readonly lease: string;
}

export type Leadership =
  | { readonly kind: 'leads'; readonly holder: string }
  /** Nobody: `why` says how that is known. `isElsewhere`: the Lease may be called otherwise, as there are others of ours. */
  | { readonly kind: 'nobody'; readonly why: string; readonly hasLease: boolean; readonly isElsewhere: boolean }
  /** We may not, or cannot, see it. */
  | { readonly kind: 'unknown'; readonly why: string; readonly error: KubeError };

export async function leadershipOf(
  { client, signal }: Pick<Cluster, 'client' | 'signal'>,
  { controllerNamespace, lease }: ReplicasOptions,
  now: number,
): Promise<Leadership> {
  const name = `${controllerNamespace}/${lease}`;
  try {
    const path = `${leasesPath(controllerNamespace)}/${lease}`;
    const answer = await client.get(path, {}, signal);
    const { holderIdentity, renewTime, leaseDurationSeconds } = fieldsOf(answer, 'spec');
    if (typeof holderIdentity !== 'string' || holderIdentity === '') {
      return { kind: 'nobody', why: `the Lease ${name} has no holder`, hasLease: true, isElsewhere: false };
    }
    const goneForMs = now - Date.parse(String(renewTime)) - Number(leaseDurationSeconds) * 1000;
    // Our clock need not be that of the cluster.
    if (goneForMs > clockMarginMs) {
      return {
        kind: 'nobody',
        why: `${holderIdentity} holds the Lease ${name}, and let it run out`,
        hasLease: true,
        isElsewhere: false,
      };
    }
    return { kind: 'leads', holder: holderIdentity };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.status === 404) {
      const found = await elsewhere(client, signal);
      const others = found.length === 0 ? '' : `, but there is ${found.join(', ')} (--controller-namespace, --lease)`;
      const isElsewhere = found.length > 0;
      return { kind: 'nobody', why: `there is no Lease ${name}${others}`, hasLease: false, isElsewhere };
    }
    return { kind: 'unknown', why: `the Lease ${name} cannot be read: ${error.message}`, error };
  }
}

/** Where else replicas meet, as `namespace/name`; empty where there are none, or we may not look. */
async function elsewhere(client: KubeClient, signal: AbortSignal): Promise<readonly string[]> {
  const found: string[] = [];
  const keep = (leases: readonly unknown[]): void => {
    for (const lease of leases) {
      const { namespace, name } = fieldsOf(lease, 'metadata');
      found.push(`${String(namespace)}/${String(name)}`);
    }
  };
  try {
    await listAll(client, leasesPath(undefined), { labelSelector: ownSelector }, keep, signal);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
  }
  return found;
}

const clockMarginMs = 30_000;
