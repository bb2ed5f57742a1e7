/** The checks as the source has them: by the number of the invariant, the names under which they object. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..');

export function rulesInSource(): readonly { readonly id: string; readonly name: string }[] {
  const files = globSync('{invariants/*,checked-*}.ts', { cwd: folder }).sort();
  const rules = files.flatMap((path) => [...readFileSync(join(folder, path), 'utf8').matchAll(/'(I\d+) ([^']+)'/g)]);
  return [...new Set(rules.map(([, id = '', name = '']) => `${id} ${name}`))].sort().map((rule) => {
    const space = rule.indexOf(' ');
    return { id: rule.slice(0, space), name: rule.slice(space + 1) };
  });
}
