/** Reads all objects of a kind, page by page, so that ten thousand pods are never one text in memory. */
import { isRecord } from '../is-record.ts';
import { type KubeClient, KubeError, type Query } from './kube-client.ts';
import { versionOf } from './object-meta.ts';

export interface Listed {
  /** The state of the cluster that the whole list shows. */
  readonly version: string;
}

/** Objects a page at most; a few megabytes of pods. */
const pageSize = 500;

/**
 * Without a resource version, which asks for the newest state and not for whatever a replica of the API server has.
 * @param onPage is handed the objects of each page, which lack `kind` and `apiVersion` as lists do
 * @throws KubeError
 */
export async function listAll(
  client: KubeClient,
  path: string,
  selector: Readonly<Record<string, string>>,
  onPage: (objects: readonly unknown[]) => void,
  signal: AbortSignal,
): Promise<Listed> {
  let token = '';
  let limit = pageSize;
  for (;;) {
    const query = { ...selector, limit, ...(token === '' ? {} : { continue: token }) };
    const page = await pageOf(client, path, query, signal);
    // Somebody may have a few of the largest objects there are, and nobody's would be read for that.
    if (page === tooLarge) {
      limit = Math.max(1, Math.floor(limit / 4));
      continue;
    }
    limit = Math.min(pageSize, limit * 2);
    const version = versionOf(page);
    // An answer that is not a list is not an empty list: obeyed, it would take every endpoint away.
    if (!isRecord(page) || !Array.isArray(page['items']) || version === undefined) {
      throw new KubeError('the answer is no list of Kubernetes objects');
    }
    onPage(page['items']);
    const meta = page['metadata'];
    token = isRecord(meta) && typeof meta['continue'] === 'string' ? meta['continue'] : '';
    if (token === '') return { version };
  }
}

const tooLarge = Symbol('too large');

/** @throws KubeError; also when a single object is too large */
async function pageOf(
  client: KubeClient,
  path: string,
  query: Query & { readonly limit: number },
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return await client.get(path, query, signal);
  } catch (error) {
    if (error instanceof KubeError && error.isTooLarge && query.limit > 1) return tooLarge;
    throw error;
  }
}
