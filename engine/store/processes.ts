/**
 * Who is alive on this machine. A process id alone says little, because ids are used again: a process is its id, its
 * start time and the boot it belongs to.
 */
import { readFile } from 'node:fs/promises';
import { errnoOf } from './file-ops.ts';

export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot, then the boot: opaque, compared only. */
  readonly start: string;
}

export interface Processes {
  self(): Promise<ProcessIdentity>;
  /** In doubt (the process belongs to another user and is hidden from us) it is alive. */
  isAlive(identity: ProcessIdentity): Promise<boolean>;
}

export const linuxProcesses: Processes = {
  async self() {
    const start = await startOf(process.pid);
    if (start === undefined) throw new Error('/proc is not mounted');
    return { pid: process.pid, start };
  },
  async isAlive({ pid, start }) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      if (errnoOf(error) === 'ESRCH') return false;
    }
    const current = await startOf(pid);
    return current === undefined || current === start;
  },
};

/** `zombie` for a process that has ended and was not yet waited for; undefined when it cannot be known. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    // The second field is the command in parentheses and may contain anything, spaces and parentheses too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    if (startTicks === undefined) return undefined;
    return state === 'Z' || state === 'X' ? 'zombie' : `${startTicks}-${boot.slice(0, 8)}`;
  } catch {
    return undefined;
  }
}
