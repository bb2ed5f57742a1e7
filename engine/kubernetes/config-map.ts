/** A ConfigMap that several write, each some keys of it, by compare-and-set: whose write is the last is the same for all. */
import { type Fields, fieldsOf } from '../is-record.ts';
import { type KubeClient, KubeError } from './kube-client.ts';
import { versionOf } from './object-meta.ts';
import { configMapsPath, ownLabel } from './paths.ts';

export interface ConfigMapName {
  readonly namespace: string;
  readonly name: string;
}

/** By key; those that are not named stay as they are. */
export type MapData = Readonly<Record<string, string>>;

const attempts = 5;

/**
 * Changes it, whether it is there or not.
 * @param change what to write, by what is there now, or nothing; asked again when somebody else was faster
 * @param query such as `?dryRun=All`
 * @returns the object as it is then
 * @throws KubeError
 */
export async function changeConfigMap(
  client: KubeClient,
  { namespace, name }: ConfigMapName,
  change: (data: Fields) => MapData | undefined,
  signal: AbortSignal,
  query = '',
): Promise<unknown> {
  const maps = configMapsPath(namespace);
  const path = `${maps}/${name}`;
  for (let left = attempts - 1; ; left--) {
    const found = await read(client, path, signal);
    const data = change(fieldsOf(found, 'data'));
    if (data === undefined) return found;
    try {
      if (found === undefined) {
        return await client.send('post', `${maps}${query}`, { metadata: { name, labels: ownLabel }, data }, signal);
      }
      const resourceVersion = versionOf(found);
      return await client.send('patch', `${path}${query}`, { metadata: { resourceVersion }, data }, signal);
    } catch (error) {
      if (left === 0 || !isOvertaken(error, found !== undefined)) throw error;
    }
  }
}

async function read(client: KubeClient, path: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await client.get(path, {}, signal);
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined;
    throw error;
  }
}

/** It was changed, made, or deleted meanwhile. One that cannot be made because its namespace is missing was none of it. */
function isOvertaken(error: unknown, wasThere: boolean): boolean {
  return error instanceof KubeError && (error.status === 409 || (wasThere && error.status === 404));
}
