/**
 * What a command needs before it starts, once Node and the dependencies are there: generated protos and named parts.
 *
 *   node scripts/prepare.ts [--if-possible] [part...]
 *
 * A part that cannot be had ends with exit code 1. With `--if-possible` it is reported and the tests that need it are
 * skipped, so that a person without it can work on; CI=true allows no such gap.
 */
import { type PartName, isPartName, partVersion, parts } from '../demo/world/parts.ts';
import { generate } from './gen.ts';
import { installPart } from './parts.ts';

const args = process.argv.slice(2);
const optional = args.includes('--if-possible') && process.env['CI'] !== 'true';
const names = args.filter((arg) => arg !== '--if-possible');

async function install(name: PartName): Promise<boolean> {
  try {
    await installPart(name, process.env);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`${name} ${partVersion(name)}: ${message}${optional ? '; tests that need it are skipped' : ''}`);
    return false;
  }
}

const unknown = names.filter((name) => !isPartName(name));
if (unknown.length > 0) {
  console.error(`kubervisor: unknown part ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}`);
  process.exit(64);
}
await generate();
const installed = await Promise.all(names.filter(isPartName).map(install));
process.exitCode = installed.every(Boolean) || optional ? 0 : 1;
