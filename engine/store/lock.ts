/**
 * One process per state directory: two would overwrite each other's decisions.
 *
 * Each process puts an empty file `lock.PID-START` there, named after itself, and then looks for others. Because it
 * shows itself before it looks, of two that start together at least one sees the other and gives way. And because a
 * name is never anybody else's, removing the file of a dead process cannot remove the lock of a living one, which is
 * what makes taking over a single shared lock file unsafe. It protects within one machine and process namespace.
 */
import { join } from 'node:path';
import type { FileOps } from './file-ops.ts';
import { errnoOf, unlessMissing } from './file-ops.ts';
import { directoryInUse } from './problems.ts';
import type { Processes, ProcessIdentity } from './processes.ts';

/** Resolves to the function that gives the directory free. @throws ProblemError when a living process holds it. */
export async function lockDirectory(
  directory: string,
  ops: FileOps,
  processes: Processes,
): Promise<() => Promise<void>> {
  const self = await processes.self();
  const own = lockName(self);
  try {
    await (await ops.create(join(directory, own), 'exclusive')).close();
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw directoryInUse(directory, self.pid);
    throw error;
  }
  const release = (): Promise<void> => unlessMissing(ops.unlink(join(directory, own)));
  try {
    for (const entry of await ops.list(directory)) {
      const other = parseLockName(entry);
      if (other === undefined || entry === own) continue;
      if (await processes.isAlive(other)) throw directoryInUse(directory, other.pid);
      await unlessMissing(ops.unlink(join(directory, entry)));
    }
  } catch (error) {
    await release().catch(() => {});
    throw error;
  }
  return release;
}

function lockName({ pid, start }: ProcessIdentity): string {
  return `lock.${pid}-${start}`;
}

function parseLockName(entry: string): ProcessIdentity | undefined {
  const match = /^lock\.(\d+)-(.+)$/.exec(entry);
  return match === null ? undefined : { pid: Number(match[1]), start: match[2] ?? '' };
}
