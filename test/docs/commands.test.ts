/** Every command line of ours that a page shows is one that the program takes: names, options, values, what is required. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { expect, test } from 'vitest';
import { commands } from '../../cli/commands.ts';
import type { Context } from '../../cli/context.ts';

const root = join(import.meta.dirname, '../..');

const silent = { write: () => {}, isTerminal: false, columns: 100 };
const context: Context = {
  program: 'kubervisor',
  defaultServer: undefined,
  user: 'somebody',
  stdin: () => Promise.resolve(''),
  stdout: silent,
  stderr: silent,
  env: {},
  now: () => 0,
  interrupted: () => new AbortController().signal,
};

interface Shown {
  readonly place: string;
  /** From the name of the command on. */
  readonly words: readonly string[];
}

/** Of a page: lines of blocks, which are indented or begin with `$`; continued lines are one. */
function shownIn(page: string): readonly Shown[] {
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/\\\n/g, ' ');
  return [...text.matchAll(/^(?: +|\$ )(?:npx |kubectl )?kubervisor ([a-z].*)$/gm)].map(([line, rest = '']) => ({
    place: `${page}: ${line.trim()}`,
    words: wordsOf(rest),
  }));
}

/** Up to a comment, a redirection or the next command. */
function wordsOf(line: string): readonly string[] {
  const words = line.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? [];
  const end = words.findIndex((word) => /^(#|>|\||&&|;)/.test(word));
  return words.slice(0, end === -1 ? undefined : end).map((word) => word.replaceAll(/^["']|["']$/g, ''));
}

const shown = globSync('{*.md,docs/**/*.md}', { cwd: root }).toSorted().flatMap(shownIn);

test('the pages show commands', () => {
  expect(shown.length).toBeGreaterThan(20);
});

test.each(shown)('$place', async ({ words: [name, ...rest] }) => {
  const entry = commands.find((each) => each.name === name);
  if (entry === undefined) throw new Error(`there is no command ${name}`);
  const command = (await entry.load())(context).action(() => {});
  command.exitOverride().configureOutput({ writeErr: () => {}, outputError: () => {} });
  const outcome = await command.parseAsync(rest, { from: 'user' }).then(
    () => 'taken',
    (error: unknown) => (error instanceof CommanderError ? error.message : error),
  );
  expect(outcome).toBe('taken');
});
