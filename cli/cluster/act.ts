/** An act of a person in a cluster: an EndpointOverride is made, and what becomes of it is waited for and told. */
import { setTimeout as pause } from 'node:timers/promises';
import { fieldsOf } from '../../engine/is-record.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { overridesPath } from '../../engine/kubernetes/paths.ts';
import { claimAnnotation } from '../../engine/overrides/override.ts';
import type { OverrideSpec, OverrideStatus } from '../../engine/overrides/schema.ts';
import type { Problem } from '../../engine/problem.ts';
import type { Context } from '../context.ts';
import { Exit, exitCodes, failure } from '../exit.ts';
import { type Format, printObject } from '../options.ts';
import { printable } from '../printable.ts';
import { leadershipOf, type ReplicasOptions } from './leader.ts';
import { type Cluster, clusterFailure } from './open.ts';

export interface ActOptions extends ReplicasOptions {
  readonly output: Format;
  /** How long to wait for the leader, in seconds; 0: not at all. */
  readonly wait: number;
  readonly dryRun?: true;
}

interface Made {
  readonly object: Readonly<Record<string, unknown>>;
  readonly name: string;
  readonly status: OverrideStatus;
}

const lookEveryMs = 150;

/** @throws Exit when it is refused, not allowed, or nobody does it in time: it is taken back then, and will not be done. */
export async function actInCluster(
  cluster: Cluster,
  namespace: string,
  spec: OverrideSpec,
  options: ActOptions,
  context: Context,
): Promise<void> {
  const made = await create(cluster, namespace, spec, options);
  const isAwaited = options.dryRun === undefined && options.wait > 0;
  const seen = isAwaited ? await outcomeOf(cluster, namespace, made, options, context) : made;
  if (options.output === 'json') printObject(context, seen.object);
  const { state, code } = seen.status;
  if (state === 'Refused' || code !== undefined) throw new Exit(exitCodes.error, refusal(seen.status));
  if (options.output === 'json') return;
  context.stdout.write(`${printable(sentence(seen, namespace, spec, options))}\n`);
}

async function create(cluster: Cluster, namespace: string, spec: OverrideSpec, { dryRun }: ActOptions): Promise<Made> {
  const metadata = {
    generateName: `${spec.action.toLowerCase()}-`,
    annotations: { [claimAnnotation]: await cluster.user() },
  };
  const object = { apiVersion: 'breaker.kubervisor.io/v1', kind: 'EndpointOverride', metadata, spec: { ...spec } };
  const query = dryRun === undefined ? '' : '?dryRun=All';
  try {
    return readMade(await cluster.client.send('post', `${overridesPath(namespace)}${query}`, object, cluster.signal));
  } catch (error) {
    throw clusterFailure(error, `create an EndpointOverride in ${namespace}`);
  }
}

function readMade(answer: unknown): Made {
  return {
    object: fieldsOf(answer),
    name: String(fieldsOf(answer, 'metadata')['name']),
    status: fieldsOf(answer, 'status'),
  };
}

async function outcomeOf(
  cluster: Cluster,
  namespace: string,
  made: Made,
  options: ActOptions,
  context: Context,
): Promise<Made> {
  const path = `${overridesPath(namespace)}/${made.name}`;
  const untilMs = context.now() + options.wait * 1000;
  let seen = made;
  for (;;) {
    try {
      seen = readMade(await cluster.client.get(path, {}, cluster.signal));
    } catch (error) {
      throw clusterFailure(error, `read endpointoverride/${made.name} in ${namespace}`);
    }
    if (isDecided(seen)) return seen;
    if (context.now() >= untilMs) break;
    await pause(lookEveryMs, undefined, { signal: cluster.signal });
  }
  const late = await takeBack(cluster, path, seen);
  if (late !== undefined) return late;
  throw await nobody(cluster, seen, options, context);
}

function isDecided({ status: { state } }: Made): boolean {
  return state !== undefined && state !== 'Pending';
}

/**
 * Who is told that nothing was done must not find it done later. With the version that was seen, so that what the leader
 * has decided meanwhile is not undone but told.
 */
async function takeBack(cluster: Cluster, path: string, { object }: Made): Promise<Made | undefined> {
  const { uid, resourceVersion } = fieldsOf(object, 'metadata');
  const preconditions = { uid: String(uid), resourceVersion: String(resourceVersion) };
  try {
    await cluster.client.send('delete', path, { preconditions }, cluster.signal);
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 409) throw clusterFailure(error, `take back ${path}`);
    const now = readMade(await cluster.client.get(path, {}, cluster.signal));
    return isDecided(now) ? now : takeBack(cluster, path, now);
  }
}

async function nobody(cluster: Cluster, seen: Made, options: ActOptions, context: Context): Promise<Exit> {
  const undone = 'nothing was done, and the override is taken back';
  if (seen.status.message !== undefined) return new Exit(exitCodes.error, refusal(seen.status, `; ${undone}`));
  const leadership = await leadershipOf(cluster, options, context.now());
  if (leadership.kind === 'nobody') {
    return failure({
      code: 'KV0834',
      message: `nobody leads: ${leadership.why}; ${undone}`,
      remedy: 'kubervisor check says what is wrong; --controller-namespace and --lease, where it runs elsewhere',
    });
  }
  const leader = leadership.kind === 'leads' ? `${leadership.holder} leads and did not answer` : leadership.why;
  return failure({
    code: 'KV0835',
    message: `nobody obeyed within ${options.wait} s: ${leader}; ${undone}`,
    remedy: 'see its log, or wait longer with --wait',
  });
}

/** The leader's own words. */
function refusal({ code = 'KV0835', message = 'refused' }: OverrideStatus, more = ''): Problem {
  return { code: code as Problem['code'], severity: 'error', message: `${message}${more}` };
}

function sentence({ name, status }: Made, namespace: string, spec: OverrideSpec, { dryRun }: ActOptions): string {
  const object = `endpointoverride/${name}`;
  if (dryRun !== undefined) return `${object} created (server dry run)`;
  const { state, backend, untilTime, message = '' } = status;
  // Nobody has looked yet whether there is such a Service: whoever typed it may see that it is another namespace.
  if (state === undefined) return `${object} created in ${namespace}, not waited for`;
  if (state === 'InForce') {
    const until = untilTime === undefined ? '' : ` until ${untilTime}`;
    return `backend/${backend} ${spec.action === 'Pause' ? 'paused' : 'ejected'}${until} (${object})`;
  }
  if (spec.action !== 'Restore') return `${object} ended: ${message}`;
  return `backend/${backend} ${spec.ramp === true ? 'is on its way back, by the ramp' : 'restored'} (${object})`;
}
