import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { placeOf } from './place.ts';

it('is the namespace of the pod, outside of one kubervisor, and the name of the host', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kubervisor-place-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'namespace');
  const identity = hostname();
  expect(await placeOf({ lease: 'l' }, file)).toEqual({ namespace: 'kubervisor', lease: 'l', identity });
  await writeFile(file, 'mesh\n');
  expect(await placeOf({ lease: 'l' }, file)).toEqual({ namespace: 'mesh', lease: 'l', identity });
  const said = { namespace: 'n', lease: 'l', identity: 'i' };
  expect(await placeOf(said, file)).toEqual(said);
});
