/**
 * A disk in memory whose power can be cut at any operation, and which then keeps no more than it has promised: content
 * that was not synced may be gone, half there or whole, and of the directory changes that were not synced any subset
 * may have happened. Real file systems are kinder; what survives this one survives them.
 */
import type { FileOps } from '../../engine/store/file-ops.ts';

export interface SimulatedDisk {
  readonly ops: FileOps;
  /** How many operations were asked for so far; a `fault` is placed by this number, counted from 0. */
  operations(): number;
  /** Every state the disk may be in if the power goes now. */
  afterPowerCut(): readonly DiskContent[];
  /** What a process that was only killed leaves: all that was written, synced or not. */
  content(): DiskContent;
}

export type DiskContent = ReadonlyMap<string, string>;

export type Fault =
  | { readonly kind: 'power-cut'; readonly at: number }
  /** A failing operation does half of its work where it can, then reports the error. */
  | { readonly kind: 'error'; readonly at: number; readonly errno: string };

class PowerCut extends Error {}

interface Inode {
  content: string;
  synced: string;
}

type Change = (entries: Map<string, Inode>) => void;

export function createSimulatedDisk(initial: DiskContent = new Map(), fault?: Fault): SimulatedDisk {
  const entries = new Map<string, Inode>();
  for (const [path, content] of initial) entries.set(path, { content, synced: content });
  const durableEntries = new Map(entries);
  let pending: Change[] = [];
  let count = 0;
  let off = false;

  /** One operation: fails when its turn has come, after `half` of it. */
  async function operation<T>(name: string, path: string, run: () => T, half?: () => void): Promise<T> {
    const turn = count++;
    await Promise.resolve();
    if (off || (fault?.kind === 'power-cut' && turn === fault.at)) {
      off = true;
      throw new PowerCut(`no power at operation ${turn} (${name} ${path})`);
    }
    if (fault?.kind === 'error' && turn === fault.at) {
      half?.();
      throw errno(fault.errno, `${name} '${path}'`);
    }
    return run();
  }

  function change(apply: Change): void {
    apply(entries);
    pending.push(apply);
  }

  function inodeAt(path: string, name: string): Inode {
    const inode = entries.get(path);
    if (inode === undefined) throw errno('ENOENT', `${name} '${path}'`);
    return inode;
  }

  const ops: FileOps = {
    makeDirectory: (path) => operation('mkdir', path, () => {}),
    list: (directory) =>
      operation('list', directory, () =>
        [...entries.keys()]
          .filter((path) => path.startsWith(`${directory}/`))
          .map((path) => path.slice(directory.length + 1)),
      ),
    read: (path) => operation('read', path, () => inodeAt(path, 'read').content),
    create: (path, how) =>
      operation('create', path, () => {
        const existing = entries.get(path);
        if (existing !== undefined && how === 'exclusive') throw errno('EEXIST', `create '${path}'`);
        const inode: Inode = existing ?? { content: '', synced: '' };
        inode.content = '';
        // Truncating needs no sync to reach the disk.
        inode.synced = '';
        if (existing === undefined) change((target) => target.set(path, inode));
        return {
          write: (text) =>
            operation(
              'write',
              path,
              () => {
                inode.content += text;
              },
              () => {
                inode.content += text.slice(0, text.length / 2);
              },
            ),
          sync: () =>
            operation('sync', path, () => {
              inode.synced = inode.content;
            }),
          close: () => operation('close', path, () => {}),
        };
      }),
    rename: (from, to) =>
      operation('rename', from, () => {
        const inode = inodeAt(from, 'rename');
        change((target) => {
          // On the disk the inode moves whether or not the entry it came from has got there.
          target.delete(from);
          target.set(to, inode);
        });
      }),
    unlink: (path) =>
      operation('unlink', path, () => {
        inodeAt(path, 'unlink');
        change((target) => target.delete(path));
      }),
    syncDirectory: (directory) =>
      operation('sync', directory, () => {
        for (const apply of pending) apply(durableEntries);
        pending = [];
      }),
  };

  return {
    ops,
    operations: () => count,
    content: () => new Map([...entries].map(([path, inode]) => [path, inode.content])),
    afterPowerCut() {
      const states = new Map<string, DiskContent>();
      for (const changes of subsets(pending)) {
        const survivors = new Map(durableEntries);
        for (const apply of changes) apply(survivors);
        for (const torn of [(i: Inode) => i.synced, (i: Inode) => halfWritten(i), (i: Inode) => i.content]) {
          const state = [...survivors].map(([path, inode]) => [path, torn(inode)] as const);
          states.set(JSON.stringify(state.toSorted(([one], [other]) => (one < other ? -1 : 1))), new Map(state));
        }
      }
      return [...states.values()];
    },
  };
}

function halfWritten({ content, synced }: Inode): string {
  return content === synced ? content : content.slice(0, (content.length + synced.length) / 2);
}

function subsets<T>(items: readonly T[]): readonly (readonly T[])[] {
  return items.reduce<readonly (readonly T[])[]>((sets, item) => [...sets, ...sets.map((set) => [...set, item])], [[]]);
}

function errno(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
