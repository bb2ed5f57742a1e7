/**
 * Real programs that demo and tests run: where they are kept, and whether they are there. They are fetched or built
 * once by `scripts/parts.ts`, into a cache outside the checkout that all checkouts share.
 */
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Part {
  /** Names the folder in the cache: another version is another part. */
  readonly version: string;
  /** Relative to that folder. */
  readonly executable: string;
}

/** A new part is a line here and a recipe in `scripts/parts/`. */
export const parts = {
  envoy: { version: '1.40.0', executable: 'envoy' },
  // The oldest that we test with.
  'envoy-1.36': { version: '1.36.4', executable: 'envoy' },
  // Whatever the distribution has from 2.42 on; the API it offers is checked by asking, never by version.
  prometheus: { version: '2.42-or-later', executable: 'prometheus' },
  grpcurl: { version: '1.9.4', executable: 'grpcurl' },
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

export function partFolder(name: PartName, env: Environment): string {
  return join(partsFolder(env), `${name}-${parts[name].version}`);
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
