/** What package.json, the lockfile and docs/dependencies.md must say about dependencies. Each rule returns its findings. */
import type { Floor } from '../floors.ts';

export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Lockfile {
  /** By path, such as `node_modules/a/node_modules/b`; the project itself is the empty path. */
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly resolved?: string }>>;
}

export function belowFloor(lockfile: Lockfile, floors: readonly Floor[]): string[] {
  return Object.entries(lockfile.packages).flatMap(([path, { version }]) => {
    const floor = floors.find((candidate) => candidate.package === path.split('node_modules/').at(-1));
    return floor === undefined || version === undefined || isGood(version, floor.atLeast)
      ? []
      : [`${path} is ${version}, needed is ${floor.atLeast.join(' or ')}: ${floor.reason}`];
  });
}

function isGood(version: string, atLeast: readonly string[]): boolean {
  const [major = 0] = numbers(version);
  const sameLine = atLeast.find((floor) => numbers(floor)[0] === major);
  return sameLine === undefined
    ? atLeast.every((floor) => (numbers(floor)[0] ?? 0) < major)
    : compare(version, sameLine) >= 0;
}

/** A pre-release comes before its release. */
function compare(left: string, right: string): number {
  const [a, b] = [numbers(left), numbers(right)];
  const difference = [0, 1, 2].map((index) => (a[index] ?? 0) - (b[index] ?? 0)).find((part) => part !== 0);
  return difference ?? Number(right.includes('-')) - Number(left.includes('-'));
}

function numbers(version: string): number[] {
  return (version.split(/[-+]/)[0] ?? '').split('.').map(Number);
}

/** A range would let two checkouts of one commit differ. */
export function notExact(manifest: Manifest): string[] {
  return all(manifest)
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `package.json: ${name} has "${version}", an exact version is wanted`);
}

/** Each dependency has a line with its exact version in the page that gives the reason for it. */
export function undocumented(manifest: Manifest, page: string): string[] {
  const rows = page.split('\n').filter((line) => line.startsWith('|'));
  const named = new Set(rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map((match) => match[1])));
  const wanted = all(manifest).map(([name, version]) => `${name} ${version}`);
  const missing = wanted.filter((dependency) => !named.has(dependency));
  return missing.map((dependency) => `docs/dependencies.md has no row for \`${dependency}\``);
}

/** Addresses in the lockfile would tie it to the place one person fetched from. */
export function namesHosts(lockfile: Lockfile): string[] {
  return Object.entries(lockfile.packages)
    .filter(([, { resolved }]) => resolved !== undefined)
    .map(([path]) => `package-lock.json: ${path} names where it was fetched from ("resolved")`);
}

function all(manifest: Manifest): [string, string][] {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  return [dependencies, devDependencies, optionalDependencies].flatMap((part) => Object.entries(part ?? {}));
}
