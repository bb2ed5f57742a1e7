/**
 * Suspending in a cluster: by the policy itself, which every replica obeys at once, leader or not. What it said before
 * is kept beside it, for `resume` to put back. Everything is suspended by a ConfigMap that all replicas watch.
 */
import { type Fields, fieldsOf, isRecord } from '../../engine/is-record.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { changeConfigMap } from '../../engine/kubernetes/config-map.ts';
import { listAll } from '../../engine/kubernetes/list.ts';
import { policiesPath, stateMapName } from '../../engine/kubernetes/paths.ts';
import { beforeAnnotation, noSuspension, suspensionAnnotations } from '../../engine/policy-status/suspended.ts';
import { globalData, globalIn } from '../../engine/store/kubernetes/state-map.ts';
import type { JsonValue } from '../../engine/store/store.ts';
import { globalOf, readGlobal } from '../../engine/suspension.ts';
import type { Context } from '../context.ts';
import { failure } from '../exit.ts';
import { tellStillSuspended } from '../note.ts';
import { type Format, printObject, type ServiceName } from '../options.ts';
import { printable } from '../printable.ts';
import type { ReplicasOptions } from './leader.ts';
import { wayOut, whoObeys } from './obeyed.ts';
import { oldestFirst } from './oldest-first.ts';
import { type Cluster, clusterFailure } from './open.ts';

export interface SuspensionOptions extends ReplicasOptions {
  readonly reason: string;
  readonly output: Format;
  readonly dryRun?: true;
}

const suspended = 'Suspended';

export async function suspendInCluster(
  cluster: Cluster,
  service: ServiceName,
  options: SuspensionOptions,
  context: Context,
): Promise<void> {
  const policy = await policyOf(cluster, service);
  const enforcement = fieldsOf(policy['spec'])['enforcement'];
  if (enforcement === suspended) return tell(policy, 'is suspended already', options, context);
  const suspension = { actor: await cluster.user(), reason: options.reason, sinceMs: context.now() };
  const annotations = suspensionAnnotations(suspension, typeof enforcement === 'string' ? enforcement : undefined);
  await change(cluster, policy, annotations, suspended, 'suspended', options, context);
}

export async function resumeInCluster(
  cluster: Cluster,
  service: ServiceName,
  options: SuspensionOptions,
  context: Context,
): Promise<void> {
  const policy = await policyOf(cluster, service);
  const { name, annotations } = fieldsOf(policy['metadata']);
  const before = fieldsOf(annotations)[beforeAnnotation];
  if (fieldsOf(policy['spec'])['enforcement'] !== suspended || typeof before !== 'string') {
    throw failure({
      code: 'KV0710',
      message: `kubervisorservice/${String(name)} was not suspended by kubervisor suspend`,
      remedy: 'where the policy itself says enforcement: Suspended, edit it',
    });
  }
  await change(cluster, policy, noSuspension, before === '' ? null : before, 'resumed', options, context);
}

/** By whom everything is suspended, and why. */
export interface GlobalAct extends ReplicasOptions {
  readonly reason: string;
  readonly dryRun?: true;
}

/** As replicas write it: one key of the ConfigMap, of which another holds what the leader needs. */
export async function writeGlobal(
  cluster: Cluster,
  verb: 'suspend' | 'resume',
  { controllerNamespace, lease, reason, dryRun }: GlobalAct,
  now: number,
): Promise<unknown> {
  const suspension = verb === 'suspend' ? { actor: await cluster.user(), reason, sinceMs: now } : undefined;
  const map = { namespace: controllerNamespace, name: stateMapName(lease) };
  const data = globalData(globalOf(suspension, now));
  try {
    const change = (found: Fields): typeof data => {
      if (verb === 'resume') refuseNeedless(found);
      return data;
    };
    return await changeConfigMap(cluster.client, map, change, cluster.signal, queryOf(dryRun));
  } catch (error) {
    throw clusterFailure(error, `write the ConfigMap ${map.name} in ${controllerNamespace}`, wayOut);
  }
}

/** What cannot be read is not known to be no suspension: that a resume writes anew. */
function refuseNeedless(data: Fields): void {
  const reading = readGlobal(globalIn({ data }));
  if (reading.kind === 'unreadable' || reading.suspension !== undefined) return;
  throw failure({
    code: 'KV0710',
    message: 'nobody has suspended everything',
    remedy: 'kubervisor get -A shows which Services are; name one of them',
  });
}

/** Services whose own suspension goes on, as far as we may see them. */
async function stillSuspended({ client, signal }: Cluster): Promise<readonly string[]> {
  const found: string[] = [];
  const keep = (policies: readonly unknown[]): void => {
    for (const policy of policies) {
      const { enforcement, service } = fieldsOf(policy, 'spec');
      const { namespace } = fieldsOf(policy, 'metadata');
      if (enforcement === suspended) found.push(`${String(namespace)}/${String(service)}`);
    }
  };
  try {
    await listAll(client, policiesPath(undefined), {}, keep, signal);
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
  }
  return found;
}

export async function everythingInCluster(
  cluster: Cluster,
  verb: 'suspend' | 'resume',
  options: SuspensionOptions,
  context: Context,
): Promise<void> {
  const note = await whoObeys(cluster, options, context.now());
  const written = await writeGlobal(cluster, verb, options, context.now());
  const done = verb === 'suspend' ? 'suspended' : 'resumed';
  if (options.output === 'json') printObject(context, fieldsOf(written));
  else context.stdout.write(`everything ${done}${options.dryRun === undefined ? '' : ' (server dry run)'}\n`);
  if (note !== undefined) context.stderr.write(`${printable(note)}\n`);
  if (verb === 'resume') tellStillSuspended(await stillSuspended(cluster), context.stderr);
}

async function change(
  cluster: Cluster,
  policy: Fields,
  annotations: Readonly<Record<string, string | null>>,
  enforcement: string | null,
  verbed: string,
  options: SuspensionOptions,
  context: Context,
): Promise<void> {
  const { namespace, name, resourceVersion } = fieldsOf(policy['metadata']);
  const path = `${policiesPath(String(namespace))}/${String(name)}`;
  const body: JsonValue = {
    // Of two people who suspend at once, the second would keep Suspended as what it was before.
    metadata: { resourceVersion: String(resourceVersion), annotations },
    spec: { enforcement },
  };
  try {
    const changed = await cluster.client.send('patch', `${path}${queryOf(options.dryRun)}`, body, cluster.signal);
    const said = options.dryRun === undefined ? verbed : `${verbed} (server dry run)`;
    tell(fieldsOf(changed), said, options, context);
  } catch (error) {
    throw clusterFailure(error, `change kubervisorservice/${String(name)} in ${String(namespace)}`);
  }
}

function queryOf(dryRun: true | undefined): string {
  return dryRun === undefined ? '' : '?dryRun=All';
}

function tell(policy: Fields, said: string, { output }: SuspensionOptions, context: Context): void {
  if (output === 'json') return printObject(context, policy);
  const { namespace, name } = fieldsOf(policy['metadata']);
  context.stdout.write(`kubervisorservice/${String(namespace)}/${String(name)} ${said}\n`);
}

/** The one that governs the Service: of several the oldest. */
async function policyOf(cluster: Cluster, { namespace, name }: ServiceName): Promise<Fields> {
  const found: Fields[] = [];
  const keep = (objects: readonly unknown[]): void => {
    found.push(...objects.filter(isRecord).filter(({ spec }) => fieldsOf(spec)['service'] === name));
  };
  try {
    await listAll(cluster.client, policiesPath(namespace), {}, keep, cluster.signal);
  } catch (error) {
    throw clusterFailure(error, `list the policies in ${namespace}`, wayOut);
  }
  const [oldest] = oldestFirst(found);
  if (oldest !== undefined) return oldest;
  throw failure({
    code: 'KV0836',
    message: `${namespace}/${name} has no policy: there is nothing to suspend`,
    remedy: 'kubervisor get lists what has one',
  });
}
