/**
 * Named JSON documents in a directory, each replaced as a whole. `NAME.json` is the document, `NAME.json.bak` the one
 * before it. A write goes: new content to `.tmp` and to the disk, document to `.bak`, `.tmp` to document, directory to
 * the disk. So at every instant one of the two names holds a complete document: the last one that was acknowledged, or
 * the one being written.
 */
import { join } from 'node:path';
import type { Problem } from '../problem.ts';
import type { FileOps } from './file-ops.ts';
import { errnoOf, unlessMissing } from './file-ops.ts';
import { frame, unframe } from './frame.ts';
import { damagedState, newerState, recoveredState, unreadableState } from './problems.ts';
import type { JsonValue } from './store.ts';

export interface Documents {
  /** Names of all documents, those included of which only the copy is left. */
  names(): Promise<readonly string[]>;
  /** @throws ProblemError when the document exists and neither it nor its copy can be used. */
  read(name: string): Promise<FoundDocument | undefined>;
  /** Durable when it resolves. When it rejects, a read gives this payload or the one before. */
  write(name: string, payload: JsonValue): Promise<void>;
  remove(name: string): Promise<void>;
  /** Removes what interrupted writes left behind. Only when no write is under way. */
  removeLeftovers(): Promise<void>;
}

export interface FoundDocument {
  readonly payload: JsonValue;
  /** The document was lost and this is the one before it, or the same. */
  readonly fromCopy: boolean;
  readonly problem?: Problem;
}

const suffix = '.json';
const copySuffix = `${suffix}.bak`;
const temporarySuffix = `${suffix}.tmp`;

export function openDocuments(directory: string, ops: FileOps): Documents {
  /** Documents that were read from their copy because they are damaged, until the next write. */
  const damaged = new Set<string>();
  const document = (name: string): string => join(directory, name + suffix);
  const copy = (name: string): string => join(directory, name + copySuffix);
  const temporary = (name: string): string => join(directory, name + temporarySuffix);

  async function namesEndingIn(ending: string): Promise<readonly string[]> {
    const entries = await ops.list(directory);
    return entries.filter((entry) => entry.endsWith(ending)).map((entry) => entry.slice(0, -ending.length));
  }

  async function examine(path: string): Promise<ReturnType<typeof unframe> | { readonly kind: 'absent' }> {
    try {
      return unframe(await ops.read(path));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'ENOENT') return { kind: 'absent' };
      if (errno === 'EISDIR') return { kind: 'damaged', reason: 'it is a directory' };
      // The content may be well, and the trouble may pass: an older version in its place would be wrong.
      throw unreadableState(path, error);
    }
  }

  /** A damaged document must never take the place of its copy, the only good version. Kept for whoever asks why. */
  async function putAsideIfDamaged(name: string): Promise<void> {
    if (!damaged.has(name)) return;
    await unlessMissing(ops.rename(document(name), `${document(name)}.damaged`));
    await ops.syncDirectory(directory);
    damaged.delete(name);
  }

  return {
    async names() {
      return [...new Set([...(await namesEndingIn(suffix)), ...(await namesEndingIn(copySuffix))])].sort();
    },

    async read(name) {
      const main = await examine(document(name));
      if (main.kind === 'intact') return { payload: main.payload, fromCopy: false };
      if (main.kind === 'newer') throw newerState(document(name), main.format);

      const previous = await examine(copy(name));
      if (previous.kind === 'newer') throw newerState(copy(name), previous.format);
      if (previous.kind !== 'intact') {
        if (main.kind === 'absent' && previous.kind === 'absent') return undefined;
        throw damagedState(document(name), main.kind === 'damaged' ? main.reason : 'it is missing');
      }

      // A crash between the two renames of a write leaves exactly this; everything that was acknowledged is there.
      const interrupted = main.kind === 'absent' && (await namesEndingIn(temporarySuffix)).includes(name);
      if (interrupted) return { payload: previous.payload, fromCopy: true };
      if (main.kind === 'damaged') damaged.add(name);
      const reason = main.kind === 'damaged' ? main.reason : 'it is missing';
      return { payload: previous.payload, fromCopy: true, problem: recoveredState(document(name), reason) };
    },

    async write(name, payload) {
      await writeTemporary(ops, temporary(name), frame(payload));
      await putAsideIfDamaged(name);
      // Missing: the first write, or the first after one that failed right here; then the copy is the one to keep.
      await unlessMissing(ops.rename(document(name), copy(name)));
      await ops.rename(temporary(name), document(name));
      await ops.syncDirectory(directory);
    },

    async remove(name) {
      await putAsideIfDamaged(name);
      // The copy first, for good: otherwise a crash in between could bring back the version before the last.
      await unlessMissing(ops.unlink(copy(name)));
      await ops.syncDirectory(directory);
      await unlessMissing(ops.unlink(document(name)));
      await ops.syncDirectory(directory);
    },

    async removeLeftovers() {
      const current = await namesEndingIn(suffix);
      const copied = await namesEndingIn(copySuffix);
      for (const name of await namesEndingIn(temporarySuffix)) {
        // The trace of an interrupted write is what tells a missing document from a lost one.
        if (copied.includes(name) && !current.includes(name)) continue;
        await unlessMissing(ops.unlink(temporary(name)));
      }
    },
  };
}

async function writeTemporary(ops: FileOps, path: string, text: string): Promise<void> {
  const file = await ops.create(path, 'truncate');
  try {
    try {
      await file.write(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    // Half a file on a full disk is room that the next attempt needs.
    await ops.unlink(path).catch(() => {});
    throw error;
  }
}
