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
  /** Nobody: `why` says how that is known. `others`: Leases of ours of another name, by which somebody may lead all the same. */
  | {
      readonly kind: 'nobody';
      readonly why: string;
      readonly hasLease: boolean;
      readonly others: 'none' | 'some' | 'unseen';
    }
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
      return { kind: 'nobody', why: `the Lease ${name} has no holder`, hasLease: true, others: 'none' };
    }
    const goneForMs = now - Date.parse(String(renewTime)) - Number(leaseDurationSeconds) * 1000;
    // Our clock need not be that of the cluster.
    if (goneForMs > clockMarginMs) {
      return {
        kind: 'nobody',
        why: `${holderIdentity} holds the Lease ${name}, and let it run out`,
        hasLease: true,
        others: 'none',
      };
    }
    return { kind: 'leads', holder: holderIdentity };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.status === 404) {
      return { kind: 'nobody', hasLease: false, ...(await withoutLease(client, controllerNamespace, name, signal)) };
    }
    return { kind: 'unknown', why: `the Lease ${name} cannot be read: ${error.message}`, error };
  }
}

type WithoutLease = Pick<Extract<Leadership, { kind: 'nobody' }>, 'why' | 'others'>;

async function withoutLease(
  client: KubeClient,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<WithoutLease> {
  const why = `there is no Lease ${name}`;
  // Who may not look everywhere may look there.
  const found = (await ownLeases(client, undefined, signal)) ?? (await ownLeases(client, namespace, signal));
  if (found === undefined)
    return { why: `${why}, and whether there is one of another name cannot be seen`, others: 'unseen' };
  if (found.length === 0) return { why, others: 'none' };
  return { why: `${why}, but there is ${found.join(', ')} (--controller-namespace, --lease)`, others: 'some' };
}

/** Where replicas meet, as `namespace/name`; undefined: that cannot be seen. */
async function ownLeases(
  client: KubeClient,
  namespace: string | undefined,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const found: string[] = [];
  const keep = (leases: readonly unknown[]): void => {
    for (const lease of leases) {
      const metadata = fieldsOf(lease, 'metadata');
      found.push(`${String(metadata['namespace'])}/${String(metadata['name'])}`);
    }
  };
  try {
    await listAll(client, leasesPath(namespace), { labelSelector: ownSelector }, keep, signal);
    return found;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return undefined;
  }
}

const clockMarginMs = 30_000;
