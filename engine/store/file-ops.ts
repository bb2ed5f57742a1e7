/**
 * The few file operations the store is made of. They are a port so that a test can fail, or cut the power at, each one
 * of them; the store may rely on nothing but what is promised here.
 */
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface FileOps {
  /** Creates the directory and its parents where missing, for the owner only, and makes them durable. */
  makeDirectory(path: string): Promise<void>;
  list(directory: string): Promise<readonly string[]>;
  read(path: string): Promise<string>;
  /** Readable and writable by the owner only. `exclusive` fails with EEXIST where the file exists. */
  create(path: string, how: 'exclusive' | 'truncate'): Promise<WritableFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(directory: string): Promise<void>;
}

export interface WritableFile {
  write(text: string): Promise<void>;
  /** Makes what was written durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const nodeFileOps: FileOps = {
  makeDirectory,
  list: (directory) => readdir(directory),
  read: (path) => readFile(path, 'utf8'),
  async create(path, how) {
    const handle = await open(path, how === 'exclusive' ? 'wx' : 'w', 0o600);
    return {
      write: (text) => handle.writeFile(text, 'utf8'),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  },
  rename,
  unlink,
  syncDirectory,
};

/** Node's own recursion never ends where a parent exists but takes no entries, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EEXIST' && (await isDirectory(path))) return;
    if (errno !== 'ENOENT' || (await isDirectory(dirname(path)))) throw error;
    await makeDirectory(dirname(path));
    await mkdir(path, { mode: 0o700 });
  }
  // An entry of its parent: unless that is durable too, a power cut forgets everything below.
  await syncDirectory(dirname(path));
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** `ENOSPC` and the like; undefined where the error is not one of the system. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Runs `operation`; a file that is not there is as good as done. */
export async function unlessMissing(operation: Promise<void>): Promise<void> {
  try {
    await operation;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
