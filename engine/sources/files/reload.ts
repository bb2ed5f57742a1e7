/** One reading of the directory against what is in force: what changed, as one batch. Pure, so that it can be simulated. */
import { isDeepStrictEqual } from 'node:util';
import type { EpochMs } from '../../model.ts';
import type { Problem } from '../../problem.ts';
import { ProblemError } from '../../problem.ts';
import type { PoliciesState } from '../policies.ts';
import { policyChanges, updatePolicies } from '../policies.ts';
import type { SourceChange } from '../source.ts';
import type { FleetsState } from './fleets.ts';
import { doubtFleetsAnew, updateFleets } from './fleets.ts';
import type { Inventory, InventoryOptions } from './inventory.ts';
import { absentSince, doubtAnew, emptyInventory, hasContent, takeInventory } from './inventory.ts';
import type { DirectoryReading } from './read.ts';

/** What the readings so far have left in force. */
export interface FilesState {
  readonly inventory: Inventory;
  readonly fleets: FleetsState;
  readonly policies: PoliciesState;
  /** What is wrong with the directory as a whole; everything else stays as it was before. */
  readonly unusable?: Problem;
}

export interface ReloadOptions extends InventoryOptions {
  readonly directory: string;
}

export interface Reload {
  readonly state: FilesState;
  readonly changes: readonly SourceChange[];
}

/**
 * @param previous absent on the first load
 * @throws ProblemError when the first load finds no readable directory
 */
export function reload(previous: FilesState | undefined, reading: DirectoryReading, options: ReloadOptions): Reload {
  if (reading.kind === 'unreadable') {
    if (previous === undefined) throw new ProblemError(reading.problem);
    return frozen(previous, reading.problem, options.now);
  }
  if (reading.files.size === 0 && previous !== undefined && hasContent(previous.inventory)) {
    // An unmounted volume looks like this. Nobody means "remove everything" by it.
    return frozen(previous, emptied(options.directory), options.now);
  }
  const { inventory, confirmedAbsent } = takeInventory(previous?.inventory ?? emptyInventory, reading.files, options);
  if (previous !== undefined && previous.fleets.doubts.size === 0 && isSame(previous.inventory, inventory)) {
    const { fleets, policies } = previous;
    return { state: { inventory, fleets, policies }, changes: [] };
  }
  const known = [...inventory.objects.values()];
  const objects = known.map(({ object }) => object);
  const remembered = new Set(known.filter(({ isCurrent }) => !isCurrent).map(({ object }) => object));
  const fleets = updateFleets(previous?.fleets, { objects, remembered, confirmedAbsent, ...options });
  const claims = objects.filter((object) => object.kind === 'KubervisorService');
  const policies = updatePolicies(previous?.policies, claims, fleets.fleets, 'the directory');
  const state = { inventory, fleets, policies };
  return { state, changes: changesBetween(previous, state) };
}

/** When something doubted can be confirmed by reading again; undefined when nothing is. */
export function confirmAtMs({ inventory, fleets }: FilesState, confirmAfterMs: number): EpochMs | undefined {
  const doubted = [...fleets.doubts.values()].flatMap((since) => [...since.values()]);
  const earliest = [...doubted, ...absentSince(inventory)].reduce((a, b) => Math.min(a, b), Infinity);
  return earliest === Infinity ? undefined : earliest + confirmAfterMs;
}

export function problemsOf({ inventory, fleets, policies, unusable }: FilesState): readonly Problem[] {
  return [
    ...(unusable === undefined ? [] : [unusable]),
    ...inventory.problems,
    ...fleets.problems,
    ...policies.problems,
  ];
}

function frozen(previous: FilesState, unusable: Problem, now: EpochMs): Reload {
  const inventory = doubtAnew(previous.inventory, now);
  const fleets = doubtFleetsAnew(previous.fleets, now);
  return { state: { ...previous, inventory, fleets, unusable }, changes: [] };
}

function emptied(directory: string): Problem {
  return {
    code: 'KV0214',
    severity: 'error',
    file: directory,
    message: 'the input directory holds no files any more; everything read before stays in force',
    remedy: 'to really remove everything, leave one file with a v1 List with "items: []"',
  };
}

/** Unchanged files keep their parsed objects, so that comparing them by identity is enough. */
function isSame(a: Inventory, b: Inventory): boolean {
  if (a.objects.size !== b.objects.size) return false;
  return [...b.objects].every(([key, { object }]) => a.objects.get(key)?.object === object);
}

/** Fleets come before the policies that judge them, and go after them. */
function changesBetween(before: FilesState | undefined, after: FilesState): readonly SourceChange[] {
  const changes: SourceChange[] = [];
  for (const [service, fleet] of after.fleets.fleets) {
    if (!isDeepStrictEqual(before?.fleets.fleets.get(service), fleet)) changes.push({ kind: 'fleet', fleet });
  }
  changes.push(...policyChanges(before?.policies, after.policies));
  for (const service of before?.fleets.fleets.keys() ?? []) {
    if (!after.fleets.fleets.has(service)) changes.push({ kind: 'fleet-gone', service });
  }
  return changes;
}
