/** What there is to migrate, from files or from a cluster. */
import type { Clock } from '../../engine/clock.ts';
import { isFields } from '../../engine/policy/walk.ts';
import { originalGroup } from '../../engine/policy/migrate/migrate.ts';
import { parseText } from '../../engine/sources/files/documents.ts';
import { type Connection, connect } from '../../engine/kubernetes/connect.ts';
import { KubeError } from '../../engine/kubernetes/kube-client.ts';
import { listAll } from '../../engine/kubernetes/list.ts';
import type { Context } from '../context.ts';
import { clusterFailure, isOfKind } from '../cluster/open.ts';
import { Exit, exitCodes } from '../exit.ts';
import { readPath } from '../lint-input.ts';

export interface GivenObject {
  readonly object: Readonly<Record<string, unknown>>;
  /** `NAMESPACE/NAME`. */
  readonly name: string;
  /** `FILE:LINE:COLUMN`; absent in a cluster. */
  readonly place?: string;
}

/** @throws Exit when a file cannot be read, or is no YAML: half of what there is would look like all of it. */
export async function objectsInFiles(path: string, stdin: Context['stdin']): Promise<readonly GivenObject[]> {
  const reading = await readPath(path, stdin);
  if (reading.kind === 'unreadable') throw new Exit(exitCodes.badInput, reading.problem);
  return [...reading.files].flatMap(([file, content]) => {
    if (content.kind !== 'text') throw new Exit(exitCodes.badInput, content.problem);
    const parsed = parseText(file, content.text);
    if (parsed.kind === 'broken') throw new Exit(exitCodes.badInput, ...parsed.problems);
    return parsed.objects.map(({ value, place: { line, column } }) => ({
      object: value,
      name: nameOf(value),
      place: `${file}:${line}:${column}`,
    }));
  });
}

/** @throws ProblemError when the kubeconfig cannot be used, Exit when the cluster cannot be read. */
export async function objectsInCluster(
  { namespace, ...connection }: Connection & { readonly namespace?: string },
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly GivenObject[]> {
  const client = await connect(connection, clock);
  const within = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const found: GivenObject[] = [];
  const list = async (api: string, resource: string, apiVersion: string, kind: string): Promise<void> => {
    const path = `${api}${within}/${resource}`;
    try {
      await listAll(
        client,
        path,
        {},
        (objects) => {
          // A list does not say for each of its objects what all of them are.
          for (const object of objects.filter(isFields)) {
            found.push({ object: { apiVersion, kind, ...object }, name: nameOf(object) });
          }
        },
        signal,
      );
    } catch (error) {
      // Without the definition there are none.
      if (error instanceof KubeError && error.status === 404 && isOfKind(error)) return;
      throw clusterFailure(error, `list ${path}`);
    }
  };
  const original = `${originalGroup}/v1alpha1`;
  await list(`/apis/${original}`, 'kubervisorservices', original, 'KubervisorService');
  await list('/api/v1', 'services', 'v1', 'Service');
  return found;
}

function nameOf({ metadata }: Readonly<Record<string, unknown>>): string {
  if (!isFields(metadata)) return '?';
  const { namespace = 'default', name = '?' } = metadata;
  return `${String(namespace)}/${String(name)}`;
}
