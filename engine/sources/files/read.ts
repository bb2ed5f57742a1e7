/** Reads the input directory as one consistent state: no file half from before and half from after a change. */
import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { lstat, open, readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Problem } from '../../problem.ts';

/** No sane file is larger, and parsing a larger one would hold up everything else. */
export const maxFileBytes = 1024 * 1024;

const extensions = new Set(['.yaml', '.yml', '.json']);

/** How often a directory that changes under the reader is read again before what moves is left for the next time. */
const attempts = 4;

export type FileReading =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'unreadable'; readonly problem: Problem };

export type DirectoryReading =
  /** By path, sorted. */
  | { readonly kind: 'files'; readonly files: ReadonlyMap<string, FileReading> }
  | { readonly kind: 'unreadable'; readonly problem: Problem };

/**
 * Reads every YAML and JSON file of the directory, sorted by name. Hidden files are skipped: editors' scratch files and
 * the `..data` directories of a mounted ConfigMap, whose swap is followed through the symlinks that point into them.
 */
export async function readDirectory(directory: string, signal: AbortSignal): Promise<DirectoryReading> {
  try {
    let before = await stampsOf(directory);
    for (let attempt = 1; ; attempt += 1) {
      const files = new Map<string, FileReading>();
      for (const path of before.keys()) files.set(path, await readOne(path, signal));
      const after = await stampsOf(directory);
      const moving = [...new Set([...before.keys(), ...after.keys()])].filter(
        (path) => before.get(path) !== after.get(path),
      );
      if (moving.length === 0) return { kind: 'files', files };
      if (attempt === attempts) {
        for (const path of moving) files.set(path, { kind: 'unreadable', problem: keepsChanging(path) });
        return { kind: 'files', files };
      }
      before = after;
    }
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'unreadable', problem: unreadableDirectory(directory, error) };
  }
}

/** What tells one state of a file from another without reading it. Symlinks are followed. */
async function stampsOf(directory: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('.') && extensions.has(extname(name)));
  const stamps = new Map<string, string>();
  for (const path of names.sort().map((name) => join(directory, name))) {
    try {
      const stats = await stat(path, { bigint: true });
      if (!stats.isDirectory()) stamps.set(path, stampOf(stats));
    } catch (error) {
      // Gone since it was listed: it is not there. Anything else (a broken symlink, no permission) is told by reading it.
      const exists = await lstat(path).then(Boolean, () => false);
      if (exists) stamps.set(path, `unreadable ${codeOf(error)}`);
    }
  }
  return stamps;
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

async function readOne(path: string, signal: AbortSignal): Promise<FileReading> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile()) return unreadable(path, 'is not a regular file');
    if (stats.size > maxFileBytes) return { kind: 'unreadable', problem: tooLarge(path) };
    const bytes = await file.readFile({ signal });
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    signal.throwIfAborted();
    return unreadable(path, error instanceof TypeError ? 'is not UTF-8 text' : `cannot be read (${codeOf(error)})`);
  } finally {
    await file?.close();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function unreadable(path: string, what: string): FileReading {
  return {
    kind: 'unreadable',
    problem: { code: 'KV0202', severity: 'error', file: path, message: `the file ${what}` },
  };
}

function keepsChanging(path: string): Problem {
  return {
    code: 'KV0202',
    severity: 'warning',
    file: path,
    message: 'the file kept changing while it was read; it is read again later',
    remedy: 'write a new file and rename it into place',
  };
}

function tooLarge(path: string): Problem {
  return {
    code: 'KV0203',
    severity: 'error',
    file: path,
    message: `the file is larger than ${maxFileBytes} bytes`,
    remedy: 'split it',
  };
}

function unreadableDirectory(directory: string, error: unknown): Problem {
  return {
    code: 'KV0201',
    severity: 'error',
    file: directory,
    message: `the input directory cannot be read (${codeOf(error)})`,
    remedy: 'make it a readable directory of Kubernetes YAML, or name another one under source.files',
  };
}
