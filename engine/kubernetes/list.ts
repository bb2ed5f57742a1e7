/** Reads all objects of a kind, page by page, so that ten thousand pods are never one text in memory. */
import { isRecord } from '../is-record.ts';
import { type KubeClient, KubeError } from './kube-client.ts';
import { versionOf } from './object-meta.ts';

export interface Listed {
  /** The state of the cluster that the whole list shows. */
  readonly version: string;
}

/** Objects a page; about a megabyte of pods. */
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
  for (;;) {
    const query = { ...selector, limit: pageSize, ...(token === '' ? {} : { continue: token }) };
    const page = await client.get(path, query, signal);
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
