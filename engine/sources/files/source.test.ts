/** On a real directory. Time is a manual clock's, so that a second passes when a test says so; events are the system's. */
import { mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createManualClock } from '../../../test/support/manual-clock.ts';
import { systemClock } from '../../clock.ts';
import type { Fleet } from '../../model.ts';
import { serviceKey } from '../../model.ts';
import { ProblemError } from '../../problem.ts';
import type { Source, SourceChange } from '../source.ts';
import type { FilesSourceOptions } from './source.ts';
import { createFilesSource } from './source.ts';

const clock = createManualClock();
let root: string;
let directory: string;
let stop: AbortController;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kubervisor-files-'));
  directory = join(root, 'config');
  stop = new AbortController();
  await mkdir(directory);
});
afterEach(async () => {
  stop.abort();
  await rm(root, { recursive: true });
});

function pricer(pods: number, name = 'pricer'): string {
  const endpoints = Array.from(
    { length: pods },
    (_, n) => `- addresses: [10.0.0.${n}]\n  targetRef: {kind: Pod, name: p${n}}`,
  );
  return `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-a, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{port: 8080}]
endpoints:${pods === 0 ? ' []' : `\n${endpoints.join('\n')}`}
`;
}

function path(name: string): string {
  return join(directory, name);
}

interface Started {
  readonly source: Source;
  readonly batches: readonly (readonly SourceChange[])[];
  /** What the source said of itself while it handed over each batch. */
  readonly completeness: readonly (boolean | undefined)[];
  size(name?: string): number | undefined;
  codes(): readonly string[];
}

async function start(options: Partial<FilesSourceOptions> = {}): Promise<Started> {
  const source = createFilesSource({ directory, clock, quietMs: 0, ...options });
  const batches: (readonly SourceChange[])[] = [];
  const completeness: (boolean | undefined)[] = [];
  const fleets = new Map<string, Fleet>();
  await source.start((changes) => {
    batches.push(changes);
    completeness.push(source.isComplete?.());
    for (const change of changes) {
      if (change.kind === 'fleet') fleets.set(change.fleet.service, change.fleet);
      if (change.kind === 'fleet-gone') fleets.delete(change.service);
    }
  }, stop.signal);
  return {
    source,
    batches,
    completeness,
    size: (name = 'pricer') => fleets.get(serviceKey('default', name))?.backends.length,
    codes: () => source.problems().map(({ code }) => code),
  };
}

/** Waits for a condition; what is due on the clock happens meanwhile, but no time passes on it. */
function eventually<Value>(read: () => Value) {
  return expect.poll(
    async () => {
      await clock.advance(0);
      return read();
    },
    { timeout: 4_000, interval: 5 },
  );
}

describe('start', () => {
  test('hands over everything in one batch before it resolves', async () => {
    await writeFile(path('a.yaml'), pricer(3));
    await writeFile(path('b.yaml'), pricer(2, 'router'));
    const { batches, completeness, size } = await start();
    expect(batches).toHaveLength(1);
    expect([size('pricer'), size('router')]).toEqual([3, 2]);
    expect(completeness).toEqual([true]);
  });

  test('hands over an empty batch when there is nothing', async () => {
    expect((await start()).batches).toEqual([[]]);
  });

  test('fails on a directory that cannot be read, naming it and the remedy', async () => {
    const missing = join(root, 'missing');
    const failure = createFilesSource({ directory: missing, clock }).start(() => {}, stop.signal);
    await expect(failure).rejects.toThrow(ProblemError);
    await expect(failure).rejects.toMatchObject({
      problem: { code: 'KV0201', file: missing, remedy: expect.stringContaining('source.files') },
    });
    expect(watchersLeft()).toBe(0);
  });

  test('ends with its signal and leaves no watch behind', async () => {
    await writeFile(path('a.yaml'), pricer(3));
    await start();
    expect(watchersLeft()).toBe(1);
    stop.abort();
    await expect.poll(watchersLeft).toBe(0);
  });
});

function watchersLeft(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'FSEventWrap').length;
}

describe('a change is obeyed', () => {
  test('when a file is edited in place', async () => {
    await writeFile(path('a.yaml'), pricer(3));
    const { size } = await start();
    await writeFile(path('a.yaml'), pricer(4));
    await eventually(size).toBe(4);
  });

  test('when an editor renames a new file into place', async () => {
    await writeFile(path('a.yaml'), pricer(3));
    const { size } = await start();
    await writeFile(path('.a.yaml.swp'), pricer(4));
    await rename(path('.a.yaml.swp'), path('a.yaml'));
    await eventually(size).toBe(4);
  });

  test('when a ConfigMap is updated: all its files in one batch', async () => {
    const mount = async (version: string, pods: number): Promise<void> => {
      await mkdir(path(`..${version}`));
      await writeFile(path(`..${version}/a.yaml`), pricer(pods));
      await writeFile(path(`..${version}/b.yaml`), pricer(pods, 'router'));
      await symlink(`..${version}`, path('..data_tmp'));
      await rename(path('..data_tmp'), path('..data'));
    };
    await mount('v1', 3);
    for (const name of ['a.yaml', 'b.yaml']) await symlink(`..data/${name}`, path(name));
    const { batches, size } = await start();
    await mount('v2', 4);
    await eventually(() => [size('pricer'), size('router')]).toEqual([4, 4]);
    expect(batches.slice(1).map((changes) => changes.length)).toEqual([2]);
  });

  test('when a file is added', async () => {
    const { size } = await start();
    await writeFile(path('new.yaml'), pricer(1));
    await eventually(size).toBe(1);
  });

  test('when no event tells: a file behind a symlink is read again in time', async () => {
    await writeFile(join(root, 'elsewhere.yaml'), pricer(3));
    await symlink(join(root, 'elsewhere.yaml'), path('a.yaml'));
    const { size, source } = await start();
    await eventually(() => source.problems()).toEqual([]);
    await writeFile(join(root, 'elsewhere.yaml'), pricer(4));
    await clock.advance(10_000);
    await eventually(size).toBe(4);
  });

  test('and a burst of writes ends with the last one', async () => {
    await writeFile(path('a.yaml'), pricer(10));
    const { size, batches } = await start({ clock: systemClock, quietMs: 5, confirmAfterMs: 50 });
    for (let n = 0; n < 100; n++) await writeFile(path('a.yaml'), pricer(10 + (n % 7)));
    await writeFile(path('a.yaml'), pricer(20));
    await eventually(size).toBe(20);
    // Written in place, so that a reading may find the file cut anywhere: nothing of that may show.
    for (const change of batches.flat())
      expect(change.kind === 'fleet' && change.fleet.backends.length >= 7).toBe(true);
  });
});

describe('nothing is lost', () => {
  test('while a file is broken; it is reported with its place, and logged once when found and when mended', async () => {
    await writeFile(path('a.yaml'), pricer(3));
    const lines: object[] = [];
    const line = (fields: object, message: string): void => {
      lines.push({ ...fields, message });
    };
    const { size, batches, source } = await start({ log: { info: line, warn: line, error: line } });
    await writeFile(path('a.yaml'), `${pricer(2)}oops: [`);
    await eventually(() => source.problems()).toMatchObject([
      { code: 'KV0204', file: path('a.yaml'), line: 16, column: 8 },
    ]);
    expect(size()).toBe(3);
    await writeFile(path('a.yaml'), pricer(4));
    await eventually(() => source.problems()).toEqual([]);
    expect(size()).toBe(4);
    expect(batches).toHaveLength(2);
    expect(lines).toMatchObject([
      { code: 'KV0204', file: path('a.yaml'), line: 16 },
      { code: 'KV0204', message: expect.stringMatching(/^no longer: /) },
    ]);
  });

  test('while a file is half written or empty', async () => {
    const whole = pricer(10);
    await writeFile(path('a.yaml'), whole);
    const { size, codes } = await start();
    await truncate(path('a.yaml'), whole.indexOf('- addresses: [10.0.0.4]'));
    await eventually(codes).toEqual(['KV0212']);
    expect(size()).toBe(10);
    await truncate(path('a.yaml'));
    await eventually(codes).toEqual(['KV0205', 'KV0212']);
    await clock.advance(60_000);
    await eventually(codes).toEqual(['KV0205', 'KV0212']);
    expect(size()).toBe(10);
    await writeFile(path('a.yaml'), whole);
    await eventually(codes).toEqual([]);
    expect(size()).toBe(10);
  });

  test('when a file is away for a moment', async () => {
    await writeFile(path('a.yaml'), pricer(2));
    await writeFile(path('b.yaml'), pricer(1, 'router'));
    const { codes, batches } = await start();
    await rename(path('a.yaml'), join(root, 'aside.yaml'));
    await eventually(codes).toEqual(['KV0213']);
    await clock.advance(999);
    await rename(join(root, 'aside.yaml'), path('a.yaml'));
    await eventually(codes).toEqual([]);
    await clock.advance(60_000);
    await eventually(codes).toEqual([]);
    expect(batches).toHaveLength(1);
  });

  test('but a deleted file is gone after a second', async () => {
    await writeFile(path('a.yaml'), pricer(2));
    await writeFile(path('b.yaml'), pricer(1, 'router'));
    const { size, codes } = await start();
    await rm(path('a.yaml'));
    await eventually(codes).toEqual(['KV0213']);
    expect(size()).toBe(2);
    await clock.advance(1000);
    await eventually(size).toBeUndefined();
    expect(size('router')).toBe(1);
    await eventually(codes).toEqual([]);
  });

  test('and backends that vanish in bulk are gone after a second', async () => {
    await writeFile(path('a.yaml'), pricer(10));
    const { size, codes } = await start();
    await writeFile(path('a.yaml'), pricer(0));
    await eventually(codes).toEqual(['KV0212']);
    expect(size()).toBe(10);
    await clock.advance(1000);
    await eventually(size).toBe(0);
    await eventually(codes).toEqual([]);
  });

  test('when the directory vanishes or is emptied; and another one in its place is watched', async () => {
    await writeFile(path('a.yaml'), pricer(3));
    const { size, codes, batches } = await start();
    await rename(directory, join(root, 'aside'));
    await clock.advance(10_000);
    await eventually(codes).toEqual(['KV0201']);
    await mkdir(directory);
    await clock.advance(60_000);
    await eventually(codes).toEqual(['KV0214']);
    expect(batches).toHaveLength(1);
    await writeFile(path('a.yaml'), pricer(4));
    await eventually(size).toBe(4);
    expect(codes()).toEqual([]);
  });

  test('when the receiver fails: the same changes come again', async () => {
    await writeFile(path('a.yaml'), pricer(3));
    const source = createFilesSource({ directory, clock, quietMs: 0 });
    const taken: string[] = [];
    let failures = 0;
    await source.start((changes) => {
      if (taken.length === 1 && failures++ === 0) throw new Error('not now');
      taken.push(changes.map(({ kind }) => kind).join());
    }, stop.signal);
    await writeFile(path('a.yaml'), pricer(4));
    await eventually(() => source.problems()).toMatchObject([
      { code: 'KV0217', message: expect.stringContaining('not now') },
    ]);
    await clock.advance(1000);
    await eventually(() => taken).toEqual(['fleet', 'fleet']);
    expect(source.problems()).toEqual([]);
  });
});

test('input that was never readable makes the source incomplete, and its mending is told even if nothing changes', async () => {
  await writeFile(path('a.yaml'), pricer(3));
  await writeFile(path('b.yaml'), '[');
  const { source, batches, completeness } = await start();
  expect(source.isComplete?.()).toBe(false);
  await writeFile(path('b.yaml'), '{apiVersion: v1, kind: List, items: []}');
  await eventually(() => source.isComplete?.()).toBe(true);
  expect(batches.slice(1)).toEqual([[]]);
  expect(completeness).toEqual([false, true]);
});
