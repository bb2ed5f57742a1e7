/** The same promise as in crash.test.ts, on the real file system, with a process that really is killed. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serviceKey } from '../../engine/model.ts';
import { createFileStore } from '../../engine/store/file.ts';

const kills = 40;
const writer = fileURLToPath(new URL('writer.ts', import.meta.url));
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubervisor-store-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Lets a writer acknowledge `acknowledgements` saves, kills it `delayMs` later and returns what it said last. */
async function writeUntilKilled(acknowledgements: number, delayMs: number): Promise<{ epoch: number; last: number }> {
  const child = spawn(process.execPath, [writer, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  let epoch = 0;
  let last = 0;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('loaded ')) epoch = Number(line.slice('loaded '.length));
    else {
      last = Number(line);
      seen += 1;
    }
    if (seen === acknowledgements) setTimeout(() => child.kill('SIGKILL'), delayMs);
  }
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
  expect(child.signalCode, 'the writer ended by itself').toBe('SIGKILL');
  return { epoch, last };
}

test(`after kill -9 at ${kills} instants the state is the last acknowledged one or the one after it`, {
  timeout: 120_000,
}, async () => {
  const random = seeded(20_261_123);
  let highestEpoch = 0;
  for (let kill = 0; kill < kills; kill++) {
    const { epoch, last } = await writeUntilKilled(1 + Math.floor(random() * 12), random() * 3);
    const store = createFileStore({ directory });
    const state = await store.load(new AbortController().signal);
    await store.close();

    expect([last, last + 1]).toContain(state.records.get(serviceKey('shop', 'pricer'))?.body);
    expect(state.problems).toEqual([]);
    expect(epoch).toBeGreaterThan(highestEpoch);
    expect(state.epoch).toBeGreaterThan(epoch);
    highestEpoch = state.epoch;
  }
  expect(await readdir(directory), 'locks of the dead and half-written files are gone').toEqual(
    expect.not.arrayContaining([expect.stringMatching(/^lock|\.damaged$/)]),
  );
});

/** A small generator (mulberry32), so that a failing run can be had again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
