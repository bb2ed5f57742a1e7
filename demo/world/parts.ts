/**
 * Real programs that demo and tests run: where they are kept, and whether they are there. They are fetched or built
 * once by `scripts/parts.ts`, into a cache outside the checkout that all checkouts share.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, globSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Part {
  /** Names the folder in the cache: another version is another part. */
  readonly version: string;
  /** Relative to that folder. */
  readonly executable: string;
  /** Of this checkout, for a part that is built from it: a change there is another version. */
  readonly source?: string;
}

/** A new part is a line here and a recipe in `scripts/parts/`. */
export const parts = {
  envoy: { version: '1.40.0', executable: 'envoy' },
  // The oldest that we test with.
  'envoy-1.36': { version: '1.36.4', executable: 'envoy' },
  // Whatever the distribution has from 2.42 on; the API it offers is checked by asking, never by version.
  prometheus: { version: '2.42-or-later', executable: 'prometheus' },
  grpcurl: { version: '1.9.4', executable: 'grpcurl' },
  'xds-bench': { version: '1', executable: 'xds-bench', source: 'test/bench/xds/go' },
  'kube-apiserver': { version: '1.34.2', executable: 'kube-apiserver', source: 'test/cluster/go' },
  // The release that this API server is built with.
  etcd: { version: '3.6.4', executable: 'etcd', source: 'test/cluster/go' },
  helm: { version: '4.1.4', executable: 'helm' },
  kubectl: { version: '1.35.2', executable: 'kubectl' },
} as const satisfies Record<string, Part>;

export type PartName = keyof typeof parts;

type Environment = Readonly<Record<string, string | undefined>>;

export function isPartName(name: string): name is PartName {
  return Object.hasOwn(parts, name);
}

/** `$KUBERVISOR_PARTS`, else `kubervisor/parts` in the user's cache folder. */
export function partsFolder(env: Environment): string {
  const own = env['KUBERVISOR_PARTS'];
  const cache = env['XDG_CACHE_HOME'];
  return own || join(cache || join(env['HOME'] || homedir(), '.cache'), 'kubervisor/parts');
}

export function partVersion(name: PartName): string {
  const { version, source }: Part = parts[name];
  return source === undefined ? version : `${version}-${hashFolder(sourceFolder(source))}`;
}

/** Where a part's own source is. */
export function sourceFolder(source: string): string {
  return join(import.meta.dirname, '../..', source);
}

function hashFolder(folder: string): string {
  const hash = createHash('sha256');
  for (const file of globSync('*', { cwd: folder }).sort()) hash.update(file).update(readFileSync(join(folder, file)));
  return hash.digest('hex').slice(0, 12);
}

export function partFolder(name: PartName, env: Environment): string {
  return join(partsFolder(env), `${name}-${partVersion(name)}`);
}

/** Path of the executable; undefined when the part is not there. */
export function findPart(name: PartName, env: Environment): string | undefined {
  const executable = join(partFolder(name, env), parts[name].executable);
  try {
    accessSync(executable, constants.X_OK);
    return executable;
  } catch {
    return undefined;
  }
}
