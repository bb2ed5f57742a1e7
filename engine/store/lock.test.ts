import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSimulatedDisk } from '../../test/store/simulated-disk.ts';
import { nodeFileOps } from './file-ops.ts';
import { lockDirectory } from './lock.ts';
import type { Processes } from './processes.ts';
import { linuxProcesses } from './processes.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubervisor-lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const lock = (): Promise<() => Promise<void>> => lockDirectory(directory, nodeFileOps, linuxProcesses);

test('a directory that this process already holds is refused, and free again after the release', async () => {
  const release = await lock();
  await expect(lock()).rejects.toThrow(`in use by process ${process.pid}`);
  await release();
  await (await lock())();
  expect(await readdir(directory)).toEqual([]);
});

test('a directory that another living process holds is refused, naming its pid; once it is dead the lock is taken over', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  try {
    const own = await linuxProcesses.self();
    expect(await linuxProcesses.isAlive({ ...own, pid }), 'the same id, started at another time').toBe(false);

    const other = await lockNameOf(pid);
    await writeFile(join(directory, other), '');
    await expect(lock()).rejects.toMatchObject({ problem: { code: 'KV0402' } });
    await expect(lock()).rejects.toThrow(`in use by process ${pid}`);
    expect(await readdir(directory), 'the refused one leaves nothing').toEqual([other]);

    child.kill('SIGKILL');
    await once(child, 'exit');
    const release = await lock();
    expect(await readdir(directory)).not.toContain(other);
    await release();
  } finally {
    child.kill('SIGKILL');
  }
});

test('the lock of an earlier process with an id that is in use again is stale', async () => {
  await writeFile(join(directory, `lock.${process.pid}-1-0badb007`), '');
  await writeFile(join(directory, 'lock.1-1-0badb007'), '');
  const release = await lock();
  expect(await readdir(directory)).toHaveLength(1);
  await release();
});

test('of processes that start at once at most one gets the directory, however their steps interleave', async () => {
  const alive: Processes['isAlive'] = async () => true;
  for (let delay = 0; delay < 40; delay++) {
    const disk = createSimulatedDisk();
    const processes = [1, 2, 3].map((pid): Processes => ({ self: async () => ({ pid, start: 's' }), isAlive: alive }));
    const attempts = processes.map(async (each, index) => {
      for (let turn = 0; turn < (delay * index) % 7; turn++) await Promise.resolve();
      return lockDirectory('/state', disk.ops, each);
    });
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(1);
  }
});

/** As processes.ts has it: start time in ticks since boot, then the boot. */
async function lockNameOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `lock.${pid}-${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}-${boot.slice(0, 8)}`;
}
