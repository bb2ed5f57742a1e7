/** What a process uses, as the kernel counts it. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** USER_HZ is 100 on every Linux that Node runs on. */
const tickMs = 10;

/** User and system time since its start, of all its threads. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is a name in parentheses, which may have anything in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

/** Resident memory. */
export function rssMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Resolves when it has used no time for a moment: all that it was told is done. */
export async function untilQuiet(pid: number): Promise<void> {
  let last = cpuMs(pid);
  for (let stillFor = 0, looks = 0; stillFor < 3 && looks < 500; looks++) {
    await sleep(2 * tickMs);
    const now = cpuMs(pid);
    stillFor = now === last ? stillFor + 1 : 0;
    last = now;
  }
}
