/**
 * Runs before every command, on whatever Node started npm, so with Node built-ins only: checks what must be there,
 * installs the dependencies when they are out of step with the lockfile, and hands over to the Node of this project.
 * Silent and quick when there is nothing to do.
 *
 *   node scripts/setup.mjs [--if-possible] [part...]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'node_modules/.bin');
const node = join(bin, 'node');

function fail(message) {
  console.error(`kubervisor: ${message}`);
  process.exit(1);
}

function checkPlatform() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    fail(
      `Linux on x64 is needed, this is ${process.platform} on ${process.arch}: use a Linux x64 machine or container`,
    );
  }
  if (Number(process.versions.node.split('.')[0]) < 20) {
    fail(
      `Node 20 or later is needed to start, this is ${process.version}: install a newer one from https://nodejs.org`,
    );
  }
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * npm writes down what it has installed. Optional packages are those of one platform each: whether they are there, and
 * whether the lockfile could name them, differs from machine to machine.
 */
function dependenciesInStep() {
  const wanted = readLock('package-lock.json');
  const installed = readLock('node_modules/.package-lock.json');
  if (wanted === undefined) {
    fail('package-lock.json cannot be read: restore it with `git checkout package-lock.json`');
  }
  if (installed === undefined || !existsSync(node)) {
    return false;
  }
  const asLocked = ([path, { version, integrity, optional }]) =>
    path === '' ||
    (installed[path] === undefined
      ? optional === true
      : installed[path].version === version && installed[path].integrity === integrity);
  const known = ([path, { optional }]) => wanted[path] !== undefined || optional === true;
  return Object.entries(wanted).every(asLocked) && Object.entries(installed).every(known);
}

function installDependencies() {
  const startedMs = Date.now();
  console.error('kubervisor: installing the dependencies as locked (npm, without their install scripts)');
  // Not on the Node inside node_modules, which this is about to replace.
  const outside = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== bin);
  // Not `npm ci`, which refuses a lockfile that lacks the optional packages of some platform. With --no-save the lockfile
  // is read and never written, and what was installed is compared with it below.
  const install = ['install', '--no-save', '--ignore-scripts', '--include=dev', '--include=optional'];
  const npm = spawnSync('npm', [...install, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    env: { ...process.env, PATH: outside.join(delimiter) },
    stdio: ['ignore', 2, 2],
  });
  if (npm.error !== undefined) {
    fail(`npm cannot be started (${npm.error.message}): install npm 10 or later`);
  }
  if (npm.status !== 0 || !dependenciesInStep()) {
    fail('npm did not install what package-lock.json names: see above, remove node_modules and run this command again');
  }
  console.error(`kubervisor: dependencies installed in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
}

checkPlatform();
if (!dependenciesInStep()) {
  installDependencies();
}
const prepared = spawnSync(node, [join(root, 'scripts/prepare.ts'), ...process.argv.slice(2)], {
  stdio: ['ignore', 2, 2],
});
process.exit(prepared.status ?? 1);
