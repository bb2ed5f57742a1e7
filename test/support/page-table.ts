/** A table of a page as data, so that a test can hold the page to it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/**
 * The first table under a heading: a record for each row, by column, without the marks of code.
 * @throws when the page has no such heading, or no table under it.
 */
export function pageTable(page: string, heading: string): readonly Readonly<Record<string, string>>[] {
  const [, section] = readFileSync(join(root, page), 'utf8').split(`\n## ${heading}\n`);
  const [columns = [], , ...rows] = (section?.split('\n## ')[0]?.match(/^\|.*\|$/gm) ?? []).map(cells);
  if (rows.length === 0) throw new Error(`${page} has no table under "${heading}"`);
  return rows.map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index] ?? ''])));
}

function cells(line: string): readonly string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.replaceAll('`', '').trim());
}
