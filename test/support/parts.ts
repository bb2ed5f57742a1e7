/** Suites that need a real program: skipped for a person who does not have it, never in CI. */
import { describe } from 'vitest';
import { type PartName, findPart } from '../../demo/world/parts.ts';

/**
 * `describe`, with the paths of the executables the suite needs.
 * @throws under CI=true when one is missing: there, a skipped test would be a silent hole.
 */
export function describeWith<Name extends PartName>(
  needed: readonly Name[],
  title: string,
  suite: (executables: Readonly<Record<Name, string>>) => void,
): void {
  const missing = needed.filter((name) => findPart(name, process.env) === undefined);
  const remedy = `npm run setup -- ${missing.join(' ')}`;
  if (missing.length > 0 && process.env['CI'] === 'true') {
    throw new Error(`${title}: ${missing.join(', ')} is not in the parts cache; ${remedy}`);
  }
  const executables = Object.fromEntries(needed.map((name) => [name, findPart(name, process.env) ?? '']));
  describe.skipIf(missing.length > 0)(missing.length > 0 ? `${title} (needs: ${remedy})` : title, () => {
    suite(executables as Record<Name, string>);
  });
}
