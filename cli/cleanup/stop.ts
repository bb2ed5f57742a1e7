/**
 * The end of a controller in good order. Envoys keep what they got last, so everyone has to be back in it before there is
 * nobody to send it: everything is suspended, which every replica obeys at once, and only then do they end.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isRecord } from '../../engine/is-record.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { listAll } from '../../engine/kubernetes/list.ts';
import { policiesPath } from '../../engine/kubernetes/paths.ts';
import { leadershipOf, type ReplicasOptions } from '../cluster/leader.ts';
import { type Cluster, clusterFailure, isOfKind } from '../cluster/open.ts';
import { writeGlobal } from '../cluster/suspend.ts';
import { failure } from '../exit.ts';

export interface StopOptions extends ReplicasOptions {
  readonly deployment: string;
  /** Undefined: all of them. */
  readonly namespaces: readonly (string | undefined)[];
}

/** Replicas obey within moments; the status says so at most a few seconds later. */
const backWithinMs = 30_000;
/** Longer than a replica may take to send its Envoys elsewhere, and a Lease that nobody gave back to run out. */
const endWithinMs = 120_000;
const lookEveryMs = 500;

export async function bringBackAndStop(
  cluster: Cluster,
  options: StopOptions,
  now: () => number,
  say: (text: string) => void,
): Promise<void> {
  const { controllerNamespace, deployment } = options;
  const leadership = await leadershipOf(cluster, options, now());
  if (leadership.kind === 'nobody') {
    say(`nobody is brought back by a controller: ${leadership.why}`);
  } else {
    await writeGlobal(cluster, 'suspend', { ...options, reason: 'kubervisor cleanup' }, now());
    say('everything is suspended: waiting until everyone is back');
    const isBack = await within(backWithinMs, cluster, now, async () => (await outOf(cluster, options)) === 0);
    if (!isBack) say(`some policies still say that endpoints are out after ${backWithinMs / 1000} s; going on`);
  }
  const path = `/apis/apps/v1/namespaces/${controllerNamespace}/deployments/${deployment}/scale`;
  try {
    await cluster.client.send('patch', path, { spec: { replicas: 0 } }, cluster.signal);
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 404) {
      throw clusterFailure(error, `scale deployment/${deployment} in ${controllerNamespace}`);
    }
    say(`there is no deployment/${deployment} in ${controllerNamespace}`);
  }
  say('waiting until no replica leads');
  const isOver = await within(
    endWithinMs,
    cluster,
    now,
    async () =>
      (await leadershipOf(cluster, options, now())).kind === 'nobody' && (await runningReplicas(cluster, path)) === 0,
  );
  if (isOver) return;
  throw failure({
    code: 'KV0826',
    message: `a replica still leads ${endWithinMs / 1000} s after deployment/${deployment} was told to end`,
    remedy: `see kubectl -n ${controllerNamespace} get pods, and run this again; what was suspended stays so`,
  });
}

/** One that ends may hand the Lease to another that has not heard of the end yet. */
async function runningReplicas(cluster: Cluster, path: string): Promise<number> {
  const scale = await cluster.client.get(path, {}, cluster.signal).catch(() => undefined);
  const status = isRecord(scale) ? scale['status'] : undefined;
  return isRecord(status) ? Number(status['replicas']) : 0;
}

/** How many backends the policies say are out. */
async function outOf(cluster: Cluster, { namespaces }: StopOptions): Promise<number> {
  let out = 0;
  const count = (objects: readonly unknown[]): void => {
    for (const { status } of objects.filter(isRecord)) {
      const ejected = isRecord(status) ? status['ejectedEndpoints'] : undefined;
      if (Array.isArray(ejected)) out += ejected.length;
    }
  };
  for (const namespace of namespaces) {
    const path = policiesPath(namespace);
    try {
      await listAll(cluster.client, path, {}, count, cluster.signal);
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 404 || !isOfKind(error))
        throw clusterFailure(error, `list ${path}`);
    }
  }
  return out;
}

async function within(
  ms: number,
  { signal }: Cluster,
  now: () => number,
  holds: () => Promise<boolean>,
): Promise<boolean> {
  for (const untilMs = now() + ms; now() < untilMs; await pause(lookEveryMs, undefined, { signal })) {
    if (await holds()) return true;
  }
  return false;
}
