/** A list that is compared with the copy once the watch has come as far, to find events that were lost on the way. */
import type { KubeClient } from './kube-client.ts';
import { listAll } from './list.ts';
import { type Identified, identityOf } from './object-meta.ts';
import { isOlder } from './resource-version.ts';

export interface Check {
  /** The state that the list shows. */
  readonly version: string;
  /** Keys of objects that events spoke of since: what they say is newer than the list. */
  readonly touched: Set<string>;
  /** Keys of objects of which an event is missing. */
  missed(items: ReadonlyMap<string, Identified>): readonly string[];
}

export async function createCheck(
  client: KubeClient,
  path: string,
  selector: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Check> {
  const listed = new Map<string, Identified>();
  const keep = (objects: readonly unknown[]): void => {
    for (const object of objects) {
      const identity = identityOf(object);
      if (identity !== undefined) listed.set(identity.key, identity);
    }
  };
  const { version } = await listAll(client, path, selector, keep, signal);
  const touched = new Set<string>();
  return {
    version,
    touched,
    missed(items) {
      const unseen = [...listed.values()].filter(({ key, uid, version: at }) => {
        const known = items.get(key);
        return known === undefined || known.uid !== uid || isOlder(known.version, at);
      });
      const undeleted = [...items.values()].filter(({ key }) => !listed.has(key));
      return [...unseen, ...undeleted].map(({ key }) => key).filter((key) => !touched.has(key));
    },
  };
}
