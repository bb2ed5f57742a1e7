/** The invariants on the page are those that are checked, none is missing, and each check is named. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { invariants } from '../properties/invariants/index.ts';
import { rulesInSource } from '../properties/invariants/rules.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/architecture.md'), 'utf8');

test('there are twenty, in order, and each has a check', () => {
  expect(invariants.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, index) => `I${index + 1}`));
  expect(new Set(rulesInSource().map(({ id }) => id))).toEqual(new Set(invariants.map(({ id }) => id)));
});

test('docs/architecture.md says of each what it means and which checks hold it', () => {
  const rows = invariants.map(({ id, says }) => {
    const names = rulesInSource().filter((rule) => rule.id === id);
    return `| ${id} | ${says} | ${names.map(({ name }) => name).join(', ')} |`;
  });
  expect(page.match(/^\| I\d+ \| .*$/gm)).toEqual(rows);
});
