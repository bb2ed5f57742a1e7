/** Finds what is ours and removes it, object by object. Doing it twice is doing it once. */
import { type Fields, fieldsOf, isRecord } from '../../engine/is-record.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { listAll } from '../../engine/kubernetes/list.ts';
import {
  configMapsPath,
  leasesPath,
  overridesPath,
  policiesPath,
  scopePath,
  stateMapName,
} from '../../engine/kubernetes/paths.ts';
import type { OverrideStatus } from '../../engine/overrides/schema.ts';
import { type Marked, markPatch } from '../../engine/pods/marks.ts';
import type { JsonValue } from '../../engine/store/store.ts';
import type { ReplicasOptions } from '../cluster/leader.ts';
import { type Cluster, clusterFailure, isOfKind } from '../cluster/open.ts';

export interface Removed {
  readonly kind: 'kubervisorservice' | 'endpointoverride' | 'pod' | 'lease' | 'configmap';
  readonly namespace: string;
  readonly name: string;
  readonly what: 'status' | 'marks' | 'object';
}

export interface RemoveOptions extends ReplicasOptions {
  /** Undefined: all of them. */
  readonly namespaces: readonly (string | undefined)[];
  readonly dryRun?: true;
}

/** Somebody else may write at the same time; whoever does so for ever is a controller that is alive. */
const attempts = 5;

/**
 * @returns the overrides that stay, as `namespace/name`: what people asked for, and nobody has done or is doing any more
 * @throws Exit with what the API server says: a cleanup that is half done is done by the next one.
 */
export async function removeEverything(
  cluster: Cluster,
  options: RemoveOptions,
  now: number,
  tell: (removed: Removed) => void,
): Promise<readonly string[]> {
  const staying = new Set<string>();
  for (const namespace of options.namespaces) {
    await clear(cluster, policiesPath(namespace), options, tell, (object) =>
      hasStatus(object) ? withoutStatus('kubervisorservice', object) : undefined,
    );
    await clear(cluster, overridesPath(namespace), options, tell, (object) => {
      staying.delete(nameOf(object));
      // Kubervisor itself would have done that an hour later.
      if (isOver(object, now)) return { kind: 'delete', removed: removedOf('endpointoverride', object, 'object') };
      staying.add(nameOf(object));
      return hasStatus(object) ? withoutStatus('endpointoverride', object) : undefined;
    });
    await clear(cluster, `/api/v1${scopePath(namespace)}/pods`, options, tell, (object) => {
      const marks = markPatch(fieldsOf(object['metadata']) as Marked, undefined, { label: false, deletionCost: false });
      if (marks === undefined) return undefined;
      const removed = removedOf('pod', object, 'marks');
      return { kind: 'patch', subresource: '', body: { metadata: { ...marks } }, removed };
    });
  }
  const { controllerNamespace: namespace, lease } = options;
  const shared = [
    { kind: 'configmap', within: configMapsPath(namespace), name: stateMapName(lease) },
    { kind: 'lease', within: leasesPath(namespace), name: lease },
  ] as const;
  for (const { kind, within, name } of shared) {
    if (await deleted(cluster, `${within}/${name}`, options)) tell({ kind, namespace, name, what: 'object' });
  }
  return [...staying];
}

/** What has to be done to an object of which something is ours. */
type Clearing = { readonly removed: Removed } & (
  | {
      readonly kind: 'patch';
      readonly subresource: '' | '/status';
      readonly body: Readonly<Record<string, JsonValue>>;
    }
  | { readonly kind: 'delete' }
);

type Clear = (object: Fields) => Clearing | undefined;

function withoutStatus(kind: Removed['kind'], object: Fields): Clearing {
  const removed = removedOf(kind, object, 'status');
  return { kind: 'patch', subresource: '/status', body: { status: null }, removed };
}

function hasStatus(object: Fields): boolean {
  return Object.keys(fieldsOf(object['status'])).length > 0;
}

function isOver(override: Fields, now: number): boolean {
  const { state, untilTime }: OverrideStatus = fieldsOf(override['status']);
  return state === 'Ended' || state === 'Refused' || (state === 'InForce' && Date.parse(untilTime ?? '') <= now);
}

async function clear(
  cluster: Cluster,
  list: string,
  options: RemoveOptions,
  tell: (removed: Removed) => void,
  clearing: Clear,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const ours: (readonly [Fields, Clearing])[] = [];
    const keep = (objects: readonly unknown[]): void => {
      for (const object of objects.filter(isRecord)) {
        const what = clearing(object);
        if (what !== undefined) ours.push([object, what]);
      }
    };
    try {
      await listAll(cluster.client, list, {}, keep, cluster.signal);
    } catch (error) {
      // Without the CRD there are none.
      if (error instanceof KubeError && error.status === 404 && isOfKind(error)) return;
      throw clusterFailure(error, `list ${list}`);
    }
    let overtaken = false;
    for (const [object, what] of ours) {
      const path = pathWithin(list, what.removed);
      if (options.dryRun !== undefined || (await isDone(cluster, path, object, what))) tell(what.removed);
      else overtaken = true;
    }
    if (!overtaken) return;
    if (attempt === attempts) {
      throw clusterFailure(
        new KubeError('it is written again and again by somebody else', { status: 409 }),
        `change ${list}`,
      );
    }
  }
}

/** @returns false when it is another one by now, or is gone, which the next look shows */
async function isDone(cluster: Cluster, path: string, object: Fields, what: Clearing): Promise<boolean> {
  const { uid, resourceVersion } = fieldsOf(object['metadata']);
  const seen = { uid: String(uid), resourceVersion: String(resourceVersion) };
  const { client, signal } = cluster;
  try {
    if (what.kind === 'delete') await client.send('delete', path, { preconditions: seen }, signal);
    else {
      const metadata = { ...fieldsOf(what.body['metadata']), ...seen };
      await client.send('patch', `${path}${what.subresource}`, { ...what.body, metadata } as JsonValue, signal);
    }
    return true;
  } catch (error) {
    const status = error instanceof KubeError ? error.status : undefined;
    if (status !== 404 && status !== 409) throw clusterFailure(error, `${what.kind} ${path}`);
    return false;
  }
}

/** Where one object of a list is, which may be a list of all namespaces. */
function pathWithin(list: string, { namespace, name }: Removed): string {
  const resource = list.slice(list.lastIndexOf('/') + 1);
  const api = list.slice(0, list.search(/\/namespaces\/|\/[^/]+$/));
  return `${api}/namespaces/${namespace}/${resource}/${name}`;
}

async function deleted(cluster: Cluster, path: string, { dryRun }: RemoveOptions): Promise<boolean> {
  try {
    await (dryRun === undefined
      ? cluster.client.send('delete', path, undefined, cluster.signal)
      : cluster.client.get(path, {}, cluster.signal));
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return false;
    throw clusterFailure(error, `delete ${path}`);
  }
}

function removedOf(kind: Removed['kind'], object: Fields, what: Removed['what']): Removed {
  const { namespace, name } = fieldsOf(object['metadata']);
  return { kind, namespace: String(namespace), name: String(name), what };
}

function nameOf(object: Fields): string {
  const { namespace, name } = fieldsOf(object['metadata']);
  return `${String(namespace)}/${String(name)}`;
}
