/** Who decides in a cluster, as the Lease says it. */
import { fieldsOf } from '../../engine/is-record.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { leasesPath } from '../../engine/kubernetes/paths.ts';
import type { Cluster } from './open.ts';

export interface ReplicasOptions {
  readonly controllerNamespace: string;
  readonly lease: string;
}

export type Leadership =
  | { readonly kind: 'leads'; readonly holder: string }
  /** Nobody: `why` says how that is known. */
  | { readonly kind: 'nobody'; readonly why: string }
  /** We may not, or cannot, see it. */
  | { readonly kind: 'unknown'; readonly why: string };

export async function leadershipOf(
  { client, signal }: Cluster,
  { controllerNamespace, lease }: ReplicasOptions,
  now: number,
): Promise<Leadership> {
  const name = `${controllerNamespace}/${lease}`;
  try {
    const path = `${leasesPath(controllerNamespace)}/${lease}`;
    const answer = await client.get(path, {}, signal);
    const { holderIdentity, renewTime, leaseDurationSeconds } = fieldsOf(answer, 'spec');
    if (typeof holderIdentity !== 'string' || holderIdentity === '') {
      return { kind: 'nobody', why: `the Lease ${name} has no holder` };
    }
    const goneForMs = now - Date.parse(String(renewTime)) - Number(leaseDurationSeconds) * 1000;
    // Our clock need not be that of the cluster.
    if (goneForMs > clockMarginMs) {
      return { kind: 'nobody', why: `${holderIdentity} holds the Lease ${name}, and let it run out` };
    }
    return { kind: 'leads', holder: holderIdentity };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.status === 404) return { kind: 'nobody', why: `there is no Lease ${name}` };
    return { kind: 'unknown', why: `the Lease ${name} cannot be read: ${error.message}` };
  }
}

const clockMarginMs = 30_000;
