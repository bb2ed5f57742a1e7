import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../demo/world/wait.ts';
import { type Certificate, createAuthority } from '../../test/support/certificates.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { formatProblem, type Problem } from '../problem.ts';
import { followTls } from './renewal.ts';

const authority = createAuthority();
const fields = { all: 'xds.tls', cert: 'xds.tls.certFile', key: 'xds.tls.keyFile', ca: 'xds.tls.clientCaFile' };

async function world(first: Certificate = authority.issue('one')) {
  const folder = await mkdtemp(join(tmpdir(), 'kubervisor-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key'), ca: join(folder, 'ca.crt') };
  const write = async ({ cert, key }: Certificate): Promise<void> => {
    await writeFile(files.cert, cert);
    await writeFile(files.key, key);
  };
  await write(first);
  await writeFile(files.ca, authority.cert);
  const clock = createManualClock(Date.now());
  const told: string[] = [];
  const observer = {
    inForce: () => told.push('in force'),
    renewed: () => told.push('renewed'),
    problem: (problem: Problem) => told.push(problem.code),
  };
  return {
    folder,
    files,
    write,
    told,
    follow: () => followTls({ files, fields, clock, observer }),
    /** Until it has looked as often as it does after a change. */
    async look(times = 2) {
      for (let time = 0; time < times; time += 1) {
        await clock.advance(5000);
        await eventually(() => clock.pending === 1, { timeoutMs: 20_000 });
      }
    },
    clock,
  };
}

describe('a new pair', () => {
  test('is taken when it is whole', async () => {
    const { write, follow, look, told } = await world();
    const renewal = await follow();
    const shown: string[] = [];
    renewal.onRenewed(({ cert }) => shown.push(cert.toString()));
    const next = authority.issue('two');
    await write(next);
    await look();
    expect(shown).toEqual([next.cert]);
    expect(renewal.current().cert.toString()).toBe(next.cert);
    expect(told).toEqual(['in force', 'in force', 'renewed']);
  });

  test('of which half is written is not: the key comes later, and then both are taken', async () => {
    const { files, follow, look, told } = await world();
    const renewal = await follow();
    const before = renewal.current();
    const next = authority.issue('two');
    await writeFile(files.cert, next.cert);
    await look();
    expect(renewal.current()).toBe(before);
    expect(renewal.problems().map(formatProblem)).toEqual([
      'error KV0751 xds.tls: the key is not that of the certificate; the former certificate stays in use (write certificate and key of one pair, as PEM files that this user can read)',
    ]);
    await writeFile(files.key, next.key);
    await look();
    expect([renewal.current().cert.toString(), renewal.problems()]).toEqual([next.cert, []]);
    expect(told).toEqual(['in force', 'KV0751', 'in force', 'renewed']);
  });

  test('comes by another symlink, as Kubernetes has it', async () => {
    const { folder, files, follow, look } = await world();
    const next = authority.issue('two');
    await writeFile(join(folder, 'new.crt'), next.cert);
    await writeFile(join(folder, 'new.key'), next.key);
    const renewal = await follow();
    for (const [from, to] of [
      ['new.crt', files.cert],
      ['new.key', files.key],
    ] as const) {
      await symlink(from, join(folder, 'link'));
      await rename(join(folder, 'link'), to);
    }
    await look();
    expect(renewal.current().cert.toString()).toBe(next.cert);
  });

  test('is taken although only the authorities of clients are new', async () => {
    const { files, follow, look, told } = await world();
    const renewal = await follow();
    const next = createAuthority('next authority').cert;
    await writeFile(files.ca, next);
    await look();
    expect(renewal.current().ca?.toString()).toBe(next);
    expect(told).toEqual(['in force', 'in force', 'renewed']);
  });
});

test('files that are back as they were are no problem any more', async () => {
  const first = authority.issue('one');
  const { files, write, follow, look, told } = await world(first);
  const renewal = await follow();
  await rm(files.cert);
  await look();
  expect(renewal.problems()).toHaveLength(1);
  await write(first);
  await look();
  expect(renewal.problems()).toEqual([]);
  expect(told).toEqual(['in force', 'KV0751']);
});

describe('the old one stays, and it is said once', () => {
  test.each([
    ['no certificate', 'cert', 'nonsense', 'is not a PEM file of certificates'],
    ['half of one', 'cert', authority.issue('two').cert.slice(0, 200), 'is not a PEM file of certificates'],
    ['no key', 'key', 'nonsense', 'is not a PEM file of a private key'],
    ['no authority', 'ca', '', 'is not a PEM file of certificates'],
  ] as const)('while there is %s', async (_, file, text, message) => {
    const { files, follow, look, told } = await world();
    const renewal = await follow();
    const before = renewal.current();
    await writeFile(files[file], text);
    await look(4);
    expect(renewal.current()).toBe(before);
    expect(renewal.problems()).toMatchObject([
      { code: 'KV0751', field: fields[file], message: expect.stringContaining(message) as string },
    ]);
    expect(told).toEqual(['in force', 'KV0751']);
  });

  test('while a file is gone', async () => {
    const { files, follow, look } = await world();
    const renewal = await follow();
    await rm(files.key);
    await look();
    expect(renewal.problems()).toMatchObject([{ code: 'KV0751', field: 'xds.tls.keyFile' }]);
  });

  test.each([
    ['once', 'has expired'],
    ['later', 'is not valid before'],
  ] as const)('while the new one is not valid: %s', async (valid, message) => {
    const { write, follow, look } = await world();
    const renewal = await follow();
    const before = renewal.current();
    await write(authority.issue('two', { valid }));
    await look();
    expect(renewal.current()).toBe(before);
    expect(renewal.problems()).toMatchObject([{ code: 'KV0751', message: expect.stringContaining(message) as string }]);
  });
});

test('nothing usable to begin with is an error with its file', async () => {
  const { files, follow } = await world();
  await writeFile(files.cert, 'nonsense');
  await expect(follow()).rejects.toMatchObject({ problem: { code: 'KV0750', field: 'xds.tls.certFile' } });
});

test('a certificate that nobody renews is told of before it expires, and after', async () => {
  const { follow, clock, look } = await world();
  const renewal = await follow();
  expect(renewal.problems()).toEqual([]);
  await clock.advance(55 * 60_000);
  await eventually(() => clock.pending === 1, { timeoutMs: 20_000 });
  await look(1);
  expect(renewal.problems()).toMatchObject([{ code: 'KV0752', severity: 'warning' }]);
  await clock.advance(10 * 60_000);
  await eventually(() => clock.pending === 1, { timeoutMs: 20_000 });
  await look(1);
  expect(renewal.problems()).toMatchObject([{ code: 'KV0752', severity: 'error' }]);
});

test('stopped, it looks no more', async () => {
  const { follow, clock } = await world();
  (await follow()).stop();
  expect(clock.pending).toBe(0);
});
