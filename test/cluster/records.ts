/** Every record that was ever in the status of a policy, in order, as the API server tells it to a watch. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../engine/clock.ts';
import { connect } from '../../engine/kubernetes/connect.ts';
import { policiesPath } from '../../engine/kubernetes/paths.ts';
import type { ServiceRecord } from '../../engine/rotation/record.ts';
import type { ControlPlane } from './control-plane.ts';

export interface Records {
  readonly all: readonly ServiceRecord[];
  stop(): Promise<void>;
}

export async function followRecords(plane: ControlPlane, folder: string, namespace: string): Promise<Records> {
  const kubeconfig = join(folder, `${namespace}-records.yaml`);
  await writeFile(kubeconfig, plane.kubeconfig('administrator'));
  const client = await connect({ kubeconfig }, systemClock);
  const all: ServiceRecord[] = [];
  const stopping = new AbortController();
  const path = policiesPath(namespace);
  const listed = (await client.get(path, {}, stopping.signal)) as { metadata: { resourceVersion: string } };
  const { resourceVersion } = listed.metadata;
  const event = (each: unknown): void => {
    const record = recordIn((each as { readonly object: object }).object);
    // A status that is written may leave the record as it is.
    if (record !== undefined && JSON.stringify(record) !== JSON.stringify(all.at(-1))) all.push(record);
  };
  const query = { watch: true, resourceVersion };
  const watching = client.watch(path, query, { opened: () => undefined, event }, stopping.signal);
  watching.catch(() => undefined);
  return {
    all,
    async stop() {
      stopping.abort();
      await watching.catch(() => undefined);
    },
  };
}

/** The record that an object, or a patch of one, has in its status. */
export function recordIn(object: object): ServiceRecord | undefined {
  const { status } = object as { readonly status?: { readonly record?: string } };
  return status?.record ? (JSON.parse(status.record) as { readonly body: ServiceRecord }).body : undefined;
}
