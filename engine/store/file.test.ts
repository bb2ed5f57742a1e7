import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSimulatedDisk } from '../../test/store/simulated-disk.ts';
import { serviceKey } from '../model.ts';
import { createFileStore } from './file.ts';
import type { FileOps } from './file-ops.ts';
import { nodeFileOps } from './file-ops.ts';
import { frame } from './frame.ts';
import type { JsonValue, Store, StoredState } from './store.ts';
import { noRevision } from './store.ts';

const pricer = serviceKey('shop', 'pricer');
const never = new AbortController().signal;
let parent: string;
let directory: string;
let open: Store[];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'kubervisor-store-'));
  directory = join(parent, 'deep', 'state');
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((store) => store.close()));
  await rm(parent, { recursive: true, force: true });
});

async function load(ops?: FileOps): Promise<{ store: Store; state: StoredState }> {
  const store = createFileStore(ops === undefined ? { directory } : { directory, ops });
  open.push(store);
  return { store, state: await store.load(never) };
}

/** Loads, does something, and gives the directory free: one life of a process. */
async function life(
  work: (store: Store, state: StoredState) => Promise<unknown> = async () => {},
): Promise<StoredState> {
  const { store, state } = await load();
  await work(store, state);
  await store.close();
  return state;
}

const file = (name: string): string => join(directory, name);

describe('what is kept', () => {
  test('is there after a restart: records, the global value, and nothing that was removed', async () => {
    const search = serviceKey('shop', 'search');
    const first = await life(async (store) => {
      expect(await store.save(pricer, { out: ['a'] }, noRevision)).toEqual({ kind: 'saved', revision: 1 });
      expect(await store.save(search, 'anything', noRevision)).toEqual({ kind: 'saved', revision: 2 });
      expect(await store.remove(search, 2)).toEqual({ kind: 'removed' });
      expect(await store.saveGlobal({ suspended: true })).toEqual({ kind: 'saved' });
    });
    expect(first).toEqual({ records: new Map(), epoch: 1, problems: [] });

    const place = { code: 'KV0403', file: file('shop.pricer.json'), remedy: expect.stringContaining('move it') };
    expect(await life()).toEqual({
      records: new Map([[pricer, { service: pricer, revision: 1, body: { out: ['a'] }, place }]]),
      global: { suspended: true },
      epoch: 2,
      problems: [],
    });
  });

  test('can be read by its owner only', async () => {
    await life((store) => store.save(pricer, 1, noRevision));
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(directory)) expect((await stat(file(name))).mode & 0o777, name).toBe(0o600);
  });

  test('has a copy of the version before', async () => {
    await life(async (store) => {
      await store.save(pricer, 'first', noRevision);
      await store.save(pricer, 'second', 1);
    });
    expect(JSON.parse(await readFile(file('shop.pricer.json'), 'utf8'))).toMatchObject({ payload: { body: 'second' } });
    expect(JSON.parse(await readFile(file('shop.pricer.json.bak'), 'utf8'))).toMatchObject({
      payload: { body: 'first' },
    });
  });
});

describe('compare and set', () => {
  test('a revision that is not the stored one changes nothing and gets the stored record', async () => {
    await life(async (store) => {
      expect(await store.save(pricer, 'too early', 7)).toEqual({ kind: 'conflict' });
      await store.save(pricer, 'first', noRevision);
      const current = { service: pricer, revision: 1, body: 'first' };
      expect(await store.save(pricer, 'blind', noRevision)).toEqual({ kind: 'conflict', current });
      expect(await store.remove(pricer, noRevision)).toEqual({ kind: 'conflict', current });
    });
    expect((await life()).records.get(pricer)?.body).toBe('first');
  });

  test('a revision is never used again, not even after a removal or a restart', async () => {
    await life(async (store) => {
      await store.save(pricer, 'first', noRevision);
      await store.remove(pricer, 1);
      expect(await store.save(pricer, 'second', noRevision)).toEqual({ kind: 'saved', revision: 2 });
    });
    await life(async (store) => {
      expect(await store.save(pricer, 'third', 2)).toEqual({ kind: 'saved', revision: 3 });
    });
  });

  test('saves that were called while one was under way become one write, durable for all of them', async () => {
    const disk = createSimulatedDisk();
    const { store } = await load(disk.ops);
    const before = disk.operations();
    await store.save(pricer, 0, noRevision);
    const perWrite = disk.operations() - before;

    const saves = Array.from({ length: 50 }, (_, index) => store.save(pricer, index + 1, 1));
    expect(new Set((await Promise.all(saves)).map((result) => JSON.stringify(result)))).toHaveLength(1);
    expect(disk.operations() - before).toBe(2 * perWrite);
    expect(JSON.parse(disk.content().get(file('shop.pricer.json')) ?? '')).toMatchObject({ payload: { body: 50 } });
  });

  test('whoever removed a record may begin anew before the removal is done; others may not', async () => {
    await life(async (store) => {
      await store.save(pricer, 'first', noRevision);
      const results = [
        store.save(pricer, 'second', 1),
        store.remove(pricer, 1),
        store.save(pricer, 'third', noRevision),
        store.save(pricer, 'blind', noRevision),
      ];
      expect((await Promise.all(results)).map(({ kind }) => kind)).toEqual(['saved', 'removed', 'saved', 'conflict']);
    });
    expect((await life()).records.get(pricer)?.body).toBe('third');
  });
});

describe('epochs', () => {
  test('grow with every load, a failed one included', async () => {
    expect((await life()).epoch).toBe(1);
    await mkdir(file('shop.pricer.json'));
    await expect(life()).rejects.toMatchObject({ problem: { code: 'KV0403' } });
    await rm(file('shop.pricer.json'), { recursive: true });
    expect((await life()).epoch).toBeGreaterThan(1);
  });

  test('stay above those of the records when their own file is taken away', async () => {
    for (let restart = 0; restart < 4; restart++) await life();
    await life((store) => store.save(pricer, 1, noRevision));
    for (const name of await readdir(directory)) if (name.startsWith('epoch.')) await rm(file(name));
    expect((await life()).epoch).toBe(6);
  });

  test('stay above the lost one when only the copy of their file is left', async () => {
    for (let restart = 0; restart < 3; restart++) await life();
    await writeFile(file('epoch.json'), 'x');
    const state = await life();
    expect(state.epoch).toBe(4);
    expect(state.problems).toMatchObject([{ code: 'KV0405', file: file('epoch.json') }]);
  });
});

describe('a damaged document', () => {
  const body = (text: string): JsonValue => ({ out: [text] });
  beforeEach(async () => {
    await life(async (store) => {
      await store.save(pricer, body('first'), noRevision);
      await store.save(pricer, body('second'), 1);
    });
  });

  const damages: ReadonlyArray<readonly [string, (path: string) => Promise<unknown>]> = [
    ['empty', (path) => writeFile(path, '')],
    ['cut', async (path) => writeFile(path, (await readFile(path)).subarray(0, -10))],
    [
      'flipped in one bit',
      async (path) =>
        writeFile(
          path,
          (await readFile(path)).map((byte, at) => (at === 120 ? byte ^ 4 : byte)),
        ),
    ],
    ['a directory', async (path) => (await rm(path), mkdir(path))],
    ['not text', (path) => writeFile(path, Uint8Array.of(0xff, 0xfe, 0, 1))],
    ['edited by hand', async (path) => writeFile(path, (await readFile(path, 'utf8')).replace('out', 'in'))],
  ];

  test.each(damages)('(%s) is replaced by its copy, and reported', async (_, damage) => {
    await damage(file('shop.pricer.json'));
    const state = await life();
    expect(state.records.get(pricer)).toMatchObject({ service: pricer, revision: 1, body: body('first') });
    expect(state.problems).toMatchObject([{ code: 'KV0405', severity: 'warning', file: file('shop.pricer.json') }]);
  });

  test.each(damages)('(%s) is kept aside when the next version is written', async (_, damage) => {
    await damage(file('shop.pricer.json'));
    await life((store) => store.save(pricer, body('third'), 1));
    expect(await readdir(directory)).toContain('shop.pricer.json.damaged');
    const copy = await readFile(file('shop.pricer.json.bak'), 'utf8');
    expect(copy, 'the good copy, not the damaged one').toContain('first');
    const state = await life();
    expect(state.records.get(pricer)?.body).toEqual(body('third'));
    expect(state.problems).toEqual([]);
  });

  test.each(damages)(
    '(%s) whose copy is damaged too is an error that names it, never "no decisions"',
    async (_, damage) => {
      await damage(file('shop.pricer.json'));
      await damage(file('shop.pricer.json.bak'));
      await expect(life()).rejects.toMatchObject({
        problem: { code: 'KV0403', file: file('shop.pricer.json'), remedy: expect.stringContaining('from a backup') },
      });
    },
  );

  test('that a person moved away, with its copy, is forgotten', async () => {
    await rename(file('shop.pricer.json'), join(parent, 'a'));
    await rename(file('shop.pricer.json.bak'), join(parent, 'b'));
    expect(await life()).toMatchObject({ records: new Map(), problems: [] });
  });

  test('that is missing is replaced by its copy, and reported', async () => {
    await rm(file('shop.pricer.json'));
    const state = await life();
    expect(state.records.get(pricer)?.body).toEqual(body('first'));
    expect(state.problems).toMatchObject([{ code: 'KV0405', message: expect.stringContaining('missing') }]);
  });

  test('of the copy only does not matter', async () => {
    await writeFile(file('shop.pricer.json.bak'), '');
    expect(await life()).toMatchObject({ records: new Map([[pricer, { body: body('second') }]]), problems: [] });
  });
});

test('what a crash between the two renames of a write leaves is used without a word, at every restart', async () => {
  await life((store) => store.save(pricer, 'acknowledged', noRevision));
  await rename(file('shop.pricer.json'), file('shop.pricer.json.bak'));
  await writeFile(file('shop.pricer.json.tmp'), frame('under way'));
  for (let restart = 0; restart < 2; restart++) {
    expect(await life()).toMatchObject({ records: new Map([[pricer, { body: 'acknowledged' }]]), problems: [] });
  }
});

describe('a document that is not ours to read is refused', () => {
  test('of a newer format, naming it, although the copy could be read', async () => {
    await life(async (store) => {
      await store.save(pricer, 'first', noRevision);
      await store.save(pricer, 'second', 1);
    });
    await writeFile(file('shop.pricer.json'), frame('from the future', 2));
    await expect(life()).rejects.toMatchObject({
      problem: { code: 'KV0404', file: file('shop.pricer.json'), message: expect.stringContaining('format 2') },
    });
  });

  test('of another Service, renamed or copied over this one', async () => {
    await life((store) => store.save(pricer, 'first', noRevision));
    await rename(file('shop.pricer.json'), file('shop.search.json'));
    await expect(life()).rejects.toMatchObject({ problem: { code: 'KV0413', file: file('shop.search.json') } });
  });

  test('while the disk gives an error, instead of using an older copy', async () => {
    const disk = createSimulatedDisk(new Map([[file('shop.pricer.json'), frame('x')]]));
    const failing: FileOps = {
      ...disk.ops,
      read: (path) =>
        path.endsWith('shop.pricer.json')
          ? Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }))
          : disk.ops.read(path),
    };
    await expect(load(failing)).rejects.toMatchObject({ problem: { code: 'KV0409', file: file('shop.pricer.json') } });
  });

  test('but files of other names are only reported', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(file('shop.pricer (1).json'), '{}');
    await writeFile(file('README'), 'hello');
    expect((await life()).problems).toMatchObject([
      { code: 'KV0408', severity: 'warning', file: file('shop.pricer (1).json') },
    ]);
  });
});

describe('a directory that cannot be used is one clear problem', () => {
  test('a file is in its place', async () => {
    await mkdir(join(parent, 'deep'));
    await writeFile(directory, '');
    await expect(life()).rejects.toMatchObject({ problem: { code: 'KV0401', file: directory } });
  });

  test('its parent takes no directories, or a link leads nowhere', async () => {
    const link = join(parent, 'link');
    await symlink(join(parent, 'nowhere', 'else'), link);
    for (const impossible of ['/proc/kubervisor', '/dev/null/state', link, join(link, 'state')]) {
      await expect(createFileStore({ directory: impossible }).load(never), impossible).rejects.toMatchObject({
        problem: { code: 'KV0401', file: impossible },
      });
    }
  });

  test.each(['EACCES', 'EROFS', 'ENOSPC'])('%s', async (errno) => {
    const refuse = (): Promise<never> => Promise.reject(Object.assign(new Error(`${errno}: no`), { code: errno }));
    await expect(load({ ...nodeFileOps, create: refuse })).rejects.toMatchObject({
      problem: { code: 'KV0401', message: expect.stringContaining(errno), remedy: expect.any(String) },
    });
  });

  test('another store holds it; after that one is closed it is free', async () => {
    const { store } = await load();
    await expect(load()).rejects.toMatchObject({ problem: { code: 'KV0402' } });
    await store.close();
    expect((await life()).epoch).toBe(2);
  });

  test.runIf(process.getuid?.() !== 0)('it may not be written', async () => {
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o500);
    await expect(life()).rejects.toMatchObject({
      problem: { code: 'KV0401', message: expect.stringContaining('EACCES') },
    });
  });
});

describe('a save that cannot be kept says so and the store goes on', () => {
  test.each([
    ['ENOSPC', 'full', 'KV0407'],
    ['EDQUOT', 'full', 'KV0407'],
    ['EIO', 'failed', 'KV0406'],
    ['EROFS', 'failed', 'KV0406'],
  ])('%s is %s', async (errno, kind, code) => {
    const disk = createSimulatedDisk();
    let broken = false;
    const ops: FileOps = {
      ...disk.ops,
      create: (path, how) =>
        broken ? Promise.reject(Object.assign(new Error(`${errno}: no`), { code: errno })) : disk.ops.create(path, how),
    };
    const { store } = await load(ops);
    await store.save(pricer, 'first', noRevision);
    broken = true;
    expect(await store.save(pricer, 'second', 1)).toMatchObject({
      kind,
      problem: { code, message: expect.stringContaining('shop/pricer') },
    });
    expect(await store.saveGlobal('x')).toMatchObject({ kind, problem: { code } });
    broken = false;
    expect(await store.save(pricer, 'third', 1)).toMatchObject({ kind: 'saved' });
  });

  test('what is no JSON value is refused as well', async () => {
    const { store } = await load(createSimulatedDisk().ops);
    const circular: Record<string, JsonValue> = {};
    circular['self'] = circular;
    expect(await store.save(pricer, circular, noRevision)).toMatchObject({
      kind: 'failed',
      problem: { code: 'KV0406' },
    });
  });

  test('before the load and after the close nothing is written', async () => {
    const store = createFileStore({ directory });
    expect(await store.save(pricer, 1, noRevision)).toMatchObject({ kind: 'failed' });
    await store.load(never);
    await store.close();
    expect(await store.save(pricer, 1, noRevision)).toMatchObject({ kind: 'failed' });
    expect(await store.remove(pricer, noRevision)).toMatchObject({ kind: 'failed' });
    expect(await store.saveGlobal(1)).toMatchObject({ kind: 'failed' });
    expect((await life()).records.size).toBe(0);
  });
});

test('closing waits for what was accepted', async () => {
  const { store } = await load();
  const saved = store.save(pricer, 'last words', noRevision);
  await store.close();
  expect(await saved).toMatchObject({ kind: 'saved' });
  expect((await life()).records.get(pricer)?.body).toBe('last words');
});

test('an aborted load throws the reason of the signal and leaves the directory free', async () => {
  await life((store) => store.save(pricer, 1, noRevision));
  const store = createFileStore({ directory });
  await expect(store.load(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  expect((await life()).records.size).toBe(1);
});
