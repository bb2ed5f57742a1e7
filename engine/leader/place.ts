/** Where the replicas meet, and what this one is called, as far as the config leaves it open. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { ReplicasConfig } from '../config/config.ts';

export interface Place {
  readonly namespace: string;
  readonly lease: string;
  readonly identity: string;
}

const podNamespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

export async function placeOf(
  { namespace, lease, identity = hostname() }: ReplicasConfig,
  file: string = podNamespaceFile,
): Promise<Place> {
  return { namespace: namespace ?? (await namespaceIn(file)) ?? 'kubervisor', lease, identity };
}

/** Undefined outside of a pod, and in one that has no ServiceAccount. */
async function namespaceIn(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim() || undefined;
  } catch {
    return undefined;
  }
}
