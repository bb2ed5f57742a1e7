/** Finds what is ours and removes it, object by object. Doing it twice is doing it once. */
import { type Fields, fieldsOf, isRecord } from '../../engine/is-record.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { listAll } from '../../engine/kubernetes/list.ts';
import { configMapsPath, leasesPath, policiesPath, scopePath, stateMapName } from '../../engine/kubernetes/paths.ts';
import { type Marked, markPatch } from '../../engine/pods/marks.ts';
import type { JsonValue } from '../../engine/store/store.ts';
import type { ReplicasOptions } from '../cluster/leader.ts';
import { type Cluster, clusterFailure, isOfKind } from '../cluster/open.ts';

export interface Removed {
  readonly kind: 'kubervisorservice' | 'pod' | 'lease' | 'configmap';
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

/** @throws Exit with what the API server says: a cleanup that is half done is done by the next one. */
export async function removeEverything(
  cluster: Cluster,
  options: RemoveOptions,
  tell: (removed: Removed) => void,
): Promise<void> {
  for (const namespace of options.namespaces) {
    await clear(cluster, policiesPath(namespace), options, {
      read: (object) =>
        isRecord(object['status']) && Object.keys(object['status']).length > 0 ? { status: null } : undefined,
      subresource: '/status',
      tell: (object) => tell({ kind: 'kubervisorservice', ...nameOf(object), what: 'status' }),
    });
    await clear(cluster, `/api/v1${scopePath(namespace)}/pods`, options, {
      read(object) {
        const marks = markPatch(fieldsOf(object['metadata']) as Marked, undefined, {
          label: false,
          deletionCost: false,
        });
        return marks === undefined ? undefined : { metadata: { ...marks } };
      },
      subresource: '',
      tell: (object) => tell({ kind: 'pod', ...nameOf(object), what: 'marks' }),
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
}

interface Clearing {
  /** What has to change; undefined: nothing of it is ours. */
  read(object: Fields): Readonly<Record<string, JsonValue>> | undefined;
  readonly subresource: '' | '/status';
  tell(object: Fields): void;
}

async function clear(cluster: Cluster, list: string, options: RemoveOptions, clearing: Clearing): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const ours: Fields[] = [];
    const keep = (objects: readonly unknown[]): void => {
      ours.push(...objects.filter(isRecord).filter((object) => clearing.read(object) !== undefined));
    };
    try {
      await listAll(cluster.client, list, {}, keep, cluster.signal);
    } catch (error) {
      // Without the CRD there are no policies.
      if (error instanceof KubeError && error.status === 404 && isOfKind(error)) return;
      throw clusterFailure(error, `list ${list}`);
    }
    const overtaken = await writeEach(cluster, list, ours, options, clearing);
    if (!overtaken) return;
    if (attempt === attempts) {
      throw clusterFailure(
        new KubeError('it is written again and again by somebody else', { status: 409 }),
        `change ${list}`,
      );
    }
  }
}

/** @returns whether one of them was another by then. */
async function writeEach(
  cluster: Cluster,
  list: string,
  objects: readonly Fields[],
  { dryRun }: RemoveOptions,
  clearing: Clearing,
): Promise<boolean> {
  let overtaken = false;
  for (const object of objects) {
    const { namespace, name } = nameOf(object);
    const resource = list.slice(list.lastIndexOf('/') + 1);
    const api = list.slice(0, list.search(/\/namespaces\/|\/[^/]+$/));
    const path = `${api}/namespaces/${namespace}/${resource}/${name}${clearing.subresource}`;
    const change = clearing.read(object) ?? {};
    const { uid, resourceVersion } = fieldsOf(object['metadata']);
    const metadata = { uid: String(uid), resourceVersion: String(resourceVersion) };
    const body = { ...change, metadata: { ...fieldsOf(change['metadata']), ...metadata } } as JsonValue;
    try {
      if (dryRun === undefined) await cluster.client.send('patch', path, body, cluster.signal);
      clearing.tell(object);
    } catch (error) {
      const status = error instanceof KubeError ? error.status : undefined;
      if (status === 404) continue;
      if (status !== 409) throw clusterFailure(error, `change ${path}`);
      overtaken = true;
    }
  }
  return overtaken;
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

function nameOf(object: Fields): { readonly namespace: string; readonly name: string } {
  const { namespace, name } = fieldsOf(object['metadata']);
  return { namespace: String(namespace), name: String(name) };
}
