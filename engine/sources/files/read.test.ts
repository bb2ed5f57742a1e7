import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DirectoryReading, FileReading } from './read.ts';
import { maxFileBytes, readDirectory } from './read.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubervisor-read-'));
});
afterEach(() => rm(directory, { recursive: true }));

function read(path = directory): Promise<DirectoryReading> {
  return readDirectory(path, new AbortController().signal);
}

async function readFiles(): Promise<Record<string, FileReading>> {
  const reading = await read();
  if (reading.kind !== 'files') throw new Error(reading.problem.message);
  return Object.fromEntries([...reading.files].map(([path, file]) => [path.slice(directory.length + 1), file]));
}

test('YAML and JSON files are read, sorted by name; hidden files, other files and directories are not', async () => {
  for (const name of ['b.yml', 'a.yaml', 'c.json', '.a.yaml.swp', '.hidden.yaml', 'a.yaml~', 'README.md']) {
    await writeFile(join(directory, name), name);
  }
  await mkdir(join(directory, 'd.yaml'));
  const files = await readFiles();
  expect(Object.keys(files)).toEqual(['a.yaml', 'b.yml', 'c.json']);
  expect(files['a.yaml']).toEqual({ kind: 'text', text: 'a.yaml' });
});

test('symlinks are followed, as in a mounted ConfigMap', async () => {
  await mkdir(join(directory, '..2026'));
  await writeFile(join(directory, '..2026', 'a.yaml'), 'mounted');
  await symlink('..2026', join(directory, '..data'));
  await symlink(join('..data', 'a.yaml'), join(directory, 'a.yaml'));
  expect(await readFiles()).toEqual({ 'a.yaml': { kind: 'text', text: 'mounted' } });
});

test('a byte order mark is dropped', async () => {
  await writeFile(join(directory, 'a.yaml'), '\uFEFFkind: Pod');
  expect(await readFiles()).toEqual({ 'a.yaml': { kind: 'text', text: 'kind: Pod' } });
});

test('a file that cannot be used is named, and the others are read', async () => {
  await writeFile(join(directory, 'good.yaml'), 'good');
  await writeFile(join(directory, 'binary.yaml'), Buffer.from([0xff, 0xfe, 0x00]));
  await writeFile(join(directory, 'large.yaml'), Buffer.alloc(maxFileBytes + 1, 'x'));
  await writeFile(join(directory, 'limit.yaml'), Buffer.alloc(maxFileBytes, 'x'));
  await symlink('nowhere', join(directory, 'dangling.yaml'));
  execFileSync('mkfifo', [join(directory, 'pipe.yaml')]);
  expect(await readFiles()).toMatchObject({
    'good.yaml': { kind: 'text' },
    'limit.yaml': { kind: 'text' },
    'binary.yaml': { kind: 'unreadable', problem: { code: 'KV0202', message: expect.stringContaining('UTF-8') } },
    'large.yaml': { kind: 'unreadable', problem: { code: 'KV0203', file: join(directory, 'large.yaml') } },
    'dangling.yaml': { kind: 'unreadable', problem: { code: 'KV0202', message: expect.stringContaining('ENOENT') } },
    'pipe.yaml': { kind: 'unreadable', problem: { message: 'the file is not a regular file' } },
  });
});

test('a directory that cannot be read is a problem with a remedy', async () => {
  const missing = join(directory, 'missing');
  expect(await read(missing)).toMatchObject({
    kind: 'unreadable',
    problem: { code: 'KV0201', file: missing, message: expect.stringContaining('ENOENT'), remedy: expect.any(String) },
  });
  await writeFile(join(directory, 'file'), '');
  expect(await read(join(directory, 'file'))).toMatchObject({ kind: 'unreadable', problem: { code: 'KV0201' } });
});

test('files are all from before a change or all from after it', async () => {
  const names = ['a.yaml', 'b.yaml', 'c.yaml'];
  const mount = async (version: number): Promise<void> => {
    const target = `..v${version}`;
    await mkdir(join(directory, target));
    for (const name of names) await writeFile(join(directory, target, name), `${version}`);
    await symlink(target, join(directory, '..data_tmp'));
    await rename(join(directory, '..data_tmp'), join(directory, '..data'));
  };
  await mount(0);
  for (const name of names) await symlink(join('..data', name), join(directory, name));
  let isWriting = true;
  const writing = (async () => {
    for (let version = 1; version <= 50; version++) await mount(version);
    isWriting = false;
  })();
  const mixed: string[][] = [];
  while (isWriting) {
    const texts = Object.values(await readFiles()).flatMap((file) => (file.kind === 'text' ? [file.text] : []));
    if (new Set(texts).size > 1) mixed.push(texts);
  }
  await writing;
  expect(mixed).toEqual([]);
  expect(Object.values(await readFiles())).toEqual(names.map(() => ({ kind: 'text', text: '50' })));
});

test('an aborted reading says so instead of blaming a file', async () => {
  await writeFile(join(directory, 'a.yaml'), 'a');
  await expect(readDirectory(directory, AbortSignal.abort())).rejects.toThrow('aborted');
});
