/** What the pages say is so: links lead somewhere, codes are explained, rules name tests that exist. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { crashSteps } from '../cluster/crash-steps.ts';
import { pageTable } from '../support/page-table.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const find = (pattern: string): string[] => globSync(pattern, { cwd: root }).sort();
const exists = (path: string): boolean => find(path).length > 0;

const pages = find('{*.md,docs/**/*.md}');

test.each(pages)('every link of %s leads to a file', (page) => {
  const targets = [...read(page).matchAll(/\]\(([^)#\s]+)/g)].map(([, target = '']) => target);
  const broken = targets.filter((target) => !/^https?:/.test(target) && !exists(join(dirname(page), target)));
  expect(broken).toEqual([]);
});

test('every code that the source can give has one entry in docs/errors.md, and the page has no other', () => {
  const sources = find('{engine,xds,cli,proto}/**/*.ts').filter((path) => !path.endsWith('.test.ts'));
  const given = new Set(sources.flatMap((path) => read(path).match(/KV\d{4}/g) ?? []));
  const explained = [...read('docs/errors.md').matchAll(/^### (KV\d{4}): /gm)].map(([, code]) => code);
  expect(explained).toEqual([...given].sort());
});

test('every decision is in the index of docs/adr', () => {
  const listed = [...read('docs/adr/README.md').matchAll(/\]\((\d{4}-.*\.md)\)/g)].map(
    ([, page]) => `docs/adr/${page}`,
  );
  expect(listed).toEqual(find('docs/adr/[0-9]*.md'));
});

test('docs/architecture.md has a row for each rule', () => {
  const rules = [...read('docs/architecture.md').matchAll(/^\| (R\d+) \|/gm)].map(([, rule]) => rule);
  expect(rules).toEqual(Array.from({ length: 18 }, (_, index) => `R${index + 1}`));
});

test.each(['docs/architecture.md', 'docs/faults.md'])('every test that %s names is in the file beside it', (page) => {
  const proofs = [...read(page).matchAll(/\]\(\.\.\/(\S+\.test\.ts)\)((?:,? `[^`]+`)+)/g)];
  expect(proofs.length).toBeGreaterThan(20);
  const missing = proofs.flatMap(([, path = '', names = '']) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name).filter((name) => !read(path).includes(name)),
  );
  expect(missing).toEqual([]);
});

test('docs/xds-conformance.md has a row for each rule that is tested, rules are numbered, and each row names its test', () => {
  const rows = [
    ...read('docs/xds-conformance.md').matchAll(/^\| ([A-Z]\d+) \| .* \| \[.*\]\(\.\.\/(\S+)\) `(.+)` \|$/gm),
  ].map(([, rule = '', path, name]) => ({ rule, path, name }));
  const tests = find('test/xds/conformance/*.test.ts').flatMap((path) =>
    [...read(path).matchAll(/\btest\('(([A-Z]\d+): [^']+)'/g)].map(([, name, rule = '']) => ({ rule, path, name })),
  );
  const byNumber = (a: { rule: string }, b: { rule: string }): number =>
    a.rule.localeCompare(b.rule, 'en', { numeric: true });
  expect(rows.toSorted(byNumber)).toEqual(tests.toSorted(byNumber));
  for (const group of Map.groupBy(rows, ({ rule }) => rule.charAt(0)).values()) {
    expect(group.map(({ rule }) => Number(rule.slice(1)))).toEqual(group.map((_, index) => index + 1));
  }
  const all = find('test/xds/conformance/*.test.ts').map((path) => read(path).match(/\btest(\.\w+)?\(/g)?.length ?? 0);
  expect(all.reduce((sum, count) => sum + count, 0)).toBe(rows.length);
});

test('docs/faults.md has a row for each step of a decision at which a replica is killed', () => {
  const rows = pageTable('docs/faults.md', 'Killed at each step').map((row) => row['killed when']);
  expect(rows).toEqual(crashSteps.map(([title]) => title));
});
