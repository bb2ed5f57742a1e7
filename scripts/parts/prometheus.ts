/**
 * Prometheus: the distribution's package, unpacked without root and without installing it; where there is none, built
 * from its Go module.
 */
import { globSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parts } from '../../demo/world/parts.ts';
import type { Recipe } from '../parts.ts';
import { mustRun, runTool } from '../tool.ts';
import { goBuild, hasGo } from './go.ts';

const goProgram = {
  module: 'github.com/prometheus/prometheus',
  version: 'v0.53.3',
  package: './cmd/prometheus',
  ldflags: '-X github.com/prometheus/common/version.Version=2.53.3',
};

const oldest = '2.42';

export const prometheus: Recipe = async (into, say) => {
  const executable = join(into, parts.prometheus.executable);
  const work = join(into, 'work');
  mkdirSync(work);
  say('downloading the package of this distribution (19 MB)');
  const apt = await fromPackage(work, executable);
  rmSync(work, { recursive: true, force: true });
  if (apt.ok) {
    return;
  }
  say(`no package: ${apt.output}`);
  if (!(await hasGo())) {
    throw new Error(
      'neither a package nor Go to build it with: run `apt-get update` as root, or install Go 1.24 or later',
    );
  }
  say('building from its Go module (1 to 5 min)');
  await goBuild(goProgram, executable);
};

async function fromPackage(work: string, executable: string): Promise<{ ok: boolean; output: string }> {
  let download = await runTool('apt-get', ['download', 'prometheus'], { cwd: work });
  if (!download.ok) {
    download = await downloadWithOwnLists(work);
  }
  const deb = globSync('*.deb', { cwd: work })[0];
  if (!download.ok || deb === undefined) {
    return { ok: false, output: lastLine(download.output) };
  }
  const version = await mustRun('dpkg-deb', ['--field', join(work, deb), 'Version']);
  if (!(await runTool('dpkg', ['--compare-versions', version, 'ge', oldest])).ok) {
    return { ok: false, output: `the package has version ${version}, older than ${oldest}` };
  }
  await mustRun('dpkg-deb', ['--extract', join(work, deb), join(work, 'root')]);
  renameSync(join(work, 'root/usr/bin/prometheus'), executable);
  return { ok: true, output: '' };
}

/** A fresh image has no package lists, and updating the system's needs root: keep lists of our own for a moment. */
async function downloadWithOwnLists(work: string): Promise<{ ok: boolean; output: string }> {
  const state = join(work, 'state');
  const cache = join(work, 'cache');
  mkdirSync(join(state, 'lists/partial'), { recursive: true });
  mkdirSync(join(cache, 'archives/partial'), { recursive: true });
  const own = [
    '-o',
    `Dir::State=${state}`,
    '-o',
    `Dir::Cache=${cache}`,
    '-o',
    'Dir::State::status=/var/lib/dpkg/status',
  ];
  const update = await runTool('apt-get', [...own, 'update'], { cwd: work });
  return update.ok ? await runTool('apt-get', [...own, 'download', 'prometheus'], { cwd: work }) : update;
}

function lastLine(output: string): string {
  return output.slice(output.lastIndexOf('\n') + 1);
}
