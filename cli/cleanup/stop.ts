/**
 * The end of a controller in good order. Envoys keep what they got last, so everyone has to be back in it before there is
 * nobody to send it: everything is suspended, which every replica obeys at once, and only then do they end.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fieldsOf, isRecord } from '../../engine/is-record.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { listAll } from '../../engine/kubernetes/list.ts';
import { policiesPath } from '../../engine/kubernetes/paths.ts';
import { recordUnreadable } from '../../engine/policy-status/conditions.ts';
import { leadershipOf, type ReplicasOptions } from '../cluster/leader.ts';
import { type Cluster, clusterFailure, isOfKind } from '../cluster/open.ts';
import { writeGlobal } from '../cluster/suspend.ts';
import { failure } from '../exit.ts';

export interface StopOptions extends ReplicasOptions {
  readonly deployment: string;
  /** Undefined: all of them. */
  readonly namespaces: readonly (string | undefined)[];
  /** Although not everyone is back. */
  readonly force?: true;
}

/** Replicas obey within moments; the status says so at most a few seconds later. */
const backWithinMs = 30_000;
/** Longer than a replica may take to send its Envoys elsewhere, and a Lease that nobody gave back to run out. */
const endWithinMs = 120_000;
const lookEveryMs = 500;

/** @throws ProblemError when not everyone is back (KV0829), or the replicas do not end (KV0826). */
export async function bringBackAndStop(
  cluster: Cluster,
  options: StopOptions,
  now: () => number,
  say: (text: string) => void,
): Promise<void> {
  const { controllerNamespace, deployment } = options;
  const path = `/apis/apps/v1/namespaces/${controllerNamespace}/deployments/${deployment}/scale`;
  const isThere = await bringBack(cluster, options, await replicasOf(cluster, path), now, say);
  if (isThere) {
    try {
      await cluster.client.send('patch', path, { spec: { replicas: 0 } }, cluster.signal);
    } catch (error) {
      throw clusterFailure(error, `scale deployment/${deployment} in ${controllerNamespace}`);
    }
  } else {
    say(`there is no deployment/${deployment} in ${controllerNamespace}`);
  }
  say('waiting until no replica leads');
  const isOver = await within(
    endWithinMs,
    cluster,
    now,
    async () =>
      // One that ends may hand the Lease to another that has not heard of the end yet.
      (await leadershipOf(cluster, options, now())).kind === 'nobody' &&
      ((await replicasOf(cluster, path))?.running ?? 0) === 0,
  );
  if (isOver) return;
  throw failure({
    code: 'KV0826',
    message: `a replica still leads ${endWithinMs / 1000} s after deployment/${deployment} was told to end`,
    remedy: `see kubectl -n ${controllerNamespace} get pods, and run this again; what was suspended stays so`,
  });
}

interface Replicas {
  readonly wanted: number;
  readonly running: number;
}

/** Undefined: there is no such Deployment. */
async function replicasOf(cluster: Cluster, path: string): Promise<Replicas | undefined> {
  try {
    const scale = await cluster.client.get(path, {}, cluster.signal);
    const count = (part: string): number => Number(fieldsOf(scale, part)['replicas'] ?? 0);
    return { wanted: count('spec'), running: count('status') };
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined;
    throw clusterFailure(error, `read ${path}`);
  }
}

/**
 * Replicas that follow obey a suspension as the leader does, so what counts is whether there are replicas: the Lease has no
 * holder while it is handed over.
 */
async function bringBack(
  cluster: Cluster,
  options: StopOptions,
  replicas: Replicas | undefined,
  now: () => number,
  say: (text: string) => void,
): Promise<boolean> {
  const isThere = replicas !== undefined;
  const before = await leadershipOf(cluster, options, now());
  // Neither is there that was named, and others are: what is removed would be written again by replicas that nobody has ended.
  const isMisnamed = !isThere && before.kind === 'nobody' && before.others === 'some';
  if (isMisnamed && options.force === undefined) throw misnamed(options, before.why);
  if (before.kind === 'nobody' && (!isThere || replicas.wanted + replicas.running === 0)) {
    say(`nobody is brought back by a controller: there is no replica, and ${before.why}`);
    return isThere;
  }
  await writeGlobal(cluster, 'suspend', { ...options, reason: 'kubervisor cleanup' }, now());
  say('everything is suspended: waiting until everyone is back');
  let out: readonly string[] = [];
  const isBack = await within(backWithinMs, cluster, now, async () => {
    out = await policiesWithSomebodyOut(cluster, options);
    return out.length === 0;
  });
  if (isBack) return isThere;
  const leadership = await leadershipOf(cluster, options, now());
  const nobody = leadership.kind === 'nobody' ? `, and nobody leads who could write otherwise: ${leadership.why}` : '';
  const message = `after ${backWithinMs / 1000} s endpoints are out still, by the status of ${few(out)}${nobody}`;
  if (options.force === undefined) {
    throw failure({
      code: 'KV0829',
      message: `${message}; nothing is ended or removed`,
      remedy: 'see kubervisor get, and run this again; everything stays suspended. --force goes on regardless',
    });
  }
  say(`${message}; going on`);
  return isThere;
}

function misnamed({ controllerNamespace, deployment }: StopOptions, why: string): Error {
  return failure({
    code: 'KV0825',
    message: `there is no deployment/${deployment} in ${controllerNamespace}, and ${why}`,
    remedy: 'name that which is meant; --force cleans up regardless of others',
  });
}

function few(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** By their status, which the leader writes; where it is frozen, for want of a record that can be read, it says nothing of today. */
async function policiesWithSomebodyOut(cluster: Cluster, { namespaces }: StopOptions): Promise<readonly string[]> {
  const found: string[] = [];
  const count = (objects: readonly unknown[]): void => {
    for (const policy of objects.filter(isRecord)) {
      const { ejectedEndpoints, conditions } = fieldsOf(policy, 'status');
      if (!Array.isArray(ejectedEndpoints) || ejectedEndpoints.length === 0 || isFrozen(conditions)) continue;
      const { namespace, name } = fieldsOf(policy, 'metadata');
      found.push(`${String(namespace)}/${String(name)}`);
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
  return found;
}

function isFrozen(conditions: unknown): boolean {
  return Array.isArray(conditions) && conditions.some((each) => fieldsOf(each)['reason'] === recordUnreadable);
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
