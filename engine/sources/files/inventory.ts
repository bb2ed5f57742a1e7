/**
 * What the directory holds, with memory. Presence is believed at once; absence is not: a file can be missing for a
 * moment while it is replaced, and a half-written one can end at the boundary of a document. So what is gone stays in
 * the inventory until a later reading, at least `confirmAfterMs` after the first, still does not have it.
 *
 * EndpointSlices of a file that is still there are the exception: Kubernetes moves endpoints between slices and drops
 * the empty ones, so there it is not the slice that counts but its backends, and the guard watches those.
 */
import type { EpochMs } from '../../model.ts';
import type { Problem } from '../../problem.ts';
import type { FileObject, ParsedFile } from './parse-file.ts';
import type { FileReading } from './read.ts';

export interface Inventory {
  readonly files: ReadonlyMap<string, KnownFile>;
  readonly objects: ReadonlyMap<string, KnownObject>;
  readonly problems: readonly Problem[];
}

interface KnownFile {
  /** As last read; absent when it could not be. */
  readonly text?: string;
  /** Its last good content; absent when it never had any. */
  readonly content?: readonly FileObject[];
  /** Whether that is its content now, rather than from before it broke or vanished. */
  readonly isCurrent: boolean;
  readonly problems: readonly Problem[];
  readonly missingSinceMs?: EpochMs;
}

interface KnownObject {
  readonly object: FileObject;
  /** Whether it is in a file now, rather than remembered from one that broke, vanished or lost it. */
  readonly isCurrent: boolean;
  readonly missingSinceMs?: EpochMs;
}

export interface InventoryStep {
  readonly inventory: Inventory;
  /** What left the inventory now, its absence confirmed. */
  readonly confirmedAbsent: readonly FileObject[];
}

export const emptyInventory: Inventory = { files: new Map(), objects: new Map(), problems: [] };

export interface InventoryOptions {
  readonly now: EpochMs;
  readonly confirmAfterMs: number;
  readonly parse: (file: string, text: string) => ParsedFile;
}

/** @param readings what every file says now, by path, sorted */
export function takeInventory(
  previous: Inventory,
  readings: ReadonlyMap<string, FileReading>,
  options: InventoryOptions,
): InventoryStep {
  const { now, confirmAfterMs } = options;
  const isConfirmed = (missingSinceMs: EpochMs): boolean => now - missingSinceMs >= confirmAfterMs;

  const files = new Map<string, KnownFile>();
  for (const [name, reading] of readings) files.set(name, knownFile(name, previous.files.get(name), reading, options));
  const deleted = new Set<FileObject>();
  for (const [name, known] of previous.files) {
    if (readings.has(name) || known.content === undefined) continue;
    const missingSinceMs = known.missingSinceMs ?? now;
    if (isConfirmed(missingSinceMs)) for (const object of known.content) deleted.add(object);
    else files.set(name, { ...known, isCurrent: false, problems: [missingFile(name)], missingSinceMs });
  }

  const { objects, duplicates } = collect(files);
  const problems = [...[...files.values()].flatMap((file) => file.problems), ...duplicates];
  const confirmedAbsent: FileObject[] = [];
  for (const [key, { object, missingSinceMs = now }] of previous.objects) {
    if (objects.has(key)) continue;
    if (deleted.has(object) || isConfirmed(missingSinceMs)) {
      confirmedAbsent.push(object);
    } else if (object.kind !== 'EndpointSlice') {
      objects.set(key, { object, isCurrent: false, missingSinceMs });
      problems.push(missingObject(object));
    }
  }
  return { inventory: { files, objects, problems }, confirmedAbsent };
}

/** After a state of the directory that proves nothing, absences have to be confirmed anew. */
export function doubtAnew({ files, objects, problems }: Inventory, now: EpochMs): Inventory {
  return { files: missingSince(files, now), objects: missingSince(objects, now), problems };
}

function missingSince<Known extends { readonly missingSinceMs?: EpochMs }>(
  all: ReadonlyMap<string, Known>,
  now: EpochMs,
): ReadonlyMap<string, Known> {
  return new Map(
    [...all].map(([key, known]) => [
      key,
      known.missingSinceMs === undefined ? known : { ...known, missingSinceMs: now },
    ]),
  );
}

/** Since when each thing that is doubted has been missing. */
export function absentSince({ files, objects }: Inventory): readonly EpochMs[] {
  return [...files.values(), ...objects.values()].flatMap(({ missingSinceMs }) => missingSinceMs ?? []);
}

/** Whether every file has been understood at least once; while not, what is missing is not known to be absent. */
export function isComplete({ files }: Inventory): boolean {
  return [...files.values()].every((file) => file.content !== undefined);
}

export function hasContent({ files }: Inventory): boolean {
  return [...files.values()].some(({ content = [] }) => content.length > 0);
}

function knownFile(
  name: string,
  before: KnownFile | undefined,
  reading: FileReading,
  { parse }: InventoryOptions,
): KnownFile {
  const former = before?.content === undefined ? {} : { content: before.content };
  const kept = (problem: Problem): Problem => {
    const consequence =
      former.content === undefined ? 'nothing of it is in force' : 'its last good content stays in force';
    return { ...problem, message: `${problem.message}; ${consequence}` };
  };
  if (reading.kind === 'unreadable') return { ...former, isCurrent: false, problems: [kept(reading.problem)] };
  const { text } = reading;
  // Unchanged text is not parsed again: objects keep their identity, and a large directory costs little to re-read.
  if (before?.text === text && before.missingSinceMs === undefined) return before;
  const parsed = parse(name, text);
  if (parsed.kind === 'good') return { text, content: parsed.objects, isCurrent: true, problems: parsed.warnings };
  return { text, ...former, isCurrent: false, problems: parsed.problems.map(kept) };
}

/** What a file says now beats what a broken or missing file said before; else the first file by name wins. */
function collect(files: ReadonlyMap<string, KnownFile>): {
  readonly objects: Map<string, KnownObject>;
  readonly duplicates: readonly Problem[];
} {
  const objects = new Map<string, KnownObject>();
  const duplicates: Problem[] = [];
  const [current = [], former = []] = [true, false].map((isCurrent) =>
    [...files.values()].filter((file) => file.isCurrent === isCurrent).flatMap(({ content = [] }) => content),
  );
  for (const object of current) {
    const winner = objects.get(keyOf(object))?.object;
    if (winner === undefined) objects.set(keyOf(object), { object, isCurrent: true });
    else duplicates.push(duplicate(object, winner));
  }
  for (const object of former) {
    if (!objects.has(keyOf(object))) objects.set(keyOf(object), { object, isCurrent: false });
  }
  return { objects, duplicates };
}

function keyOf({ kind, namespace, name }: FileObject): string {
  return `${kind} ${namespace}/${name}`;
}

function missingFile(file: string): Problem {
  return {
    code: 'KV0213',
    severity: 'warning',
    file,
    message: 'the file is missing; it counts until that is confirmed',
  };
}

function missingObject({ kind, namespace, name, place }: FileObject): Problem {
  return {
    code: 'KV0213',
    severity: 'warning',
    file: place.file,
    message: `${kind} ${namespace}/${name} is missing; it counts until that is confirmed`,
  };
}

function duplicate({ kind, namespace, name, place }: FileObject, winner: FileObject): Problem {
  return {
    code: 'KV0208',
    severity: 'error',
    ...place,
    message: `${kind} ${namespace}/${name} is already in ${winner.place.file}:${winner.place.line}; this one is ignored`,
    remedy: 'remove one of the two',
  };
}
