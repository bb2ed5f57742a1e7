/** What a reflector reads of every object, whatever its kind. */
import { isRecord } from '../is-record.ts';

export interface Identified {
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  readonly version: string;
}

/** Undefined for what is no object of an API server. */
export function identityOf(object: unknown): Identified | undefined {
  if (!isRecord(object) || !isRecord(object['metadata'])) return undefined;
  const { namespace, name, uid, resourceVersion } = object['metadata'];
  if (typeof name !== 'string' || typeof uid !== 'string' || typeof resourceVersion !== 'string') return undefined;
  return { key: `${typeof namespace === 'string' ? namespace : ''}/${name}`, uid, version: resourceVersion };
}

/** The version a list, or a bookmark, speaks of. */
export function versionOf(object: unknown): string | undefined {
  if (!isRecord(object) || !isRecord(object['metadata'])) return undefined;
  const { resourceVersion } = object['metadata'];
  return typeof resourceVersion === 'string' ? resourceVersion : undefined;
}
