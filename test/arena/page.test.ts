/** The page is written by a run, and must not be of another set of scenarios than those that are run. */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { jsonForm, recommendedCluster } from '../../xds/cluster.ts';
import { lessons } from './lessons.ts';
import { contenderNames } from './recording.ts';
import { scenarios } from './scenarios.ts';

const docs = join(import.meta.dirname, '../../docs');
const page = readFileSync(join(docs, 'arena.md'), 'utf8');
const names = scenarios.map(({ name }) => name);

it('has a section for each scenario, in order, with what became of each contender', () => {
  const sections = page.split('\n### ').slice(1);
  expect(sections.map((section) => section.split('\n')[0])).toEqual(scenarios.map(({ title }) => title));
  for (const section of sections) {
    const rows = [...section.matchAll(/^\| ([a-z-]+) \| \d+ \|/gm)].map(([, contender]) => contender);
    expect(rows).toEqual([...contenderNames]);
  }
});

it('has a lesson for each scenario, and no other', () => {
  expect(Object.keys(lessons)).toEqual(names);
});

it('has a plot for each scenario, and no other', () => {
  expect([...page.matchAll(/\]\(arena\/([a-z-]+)\.svg\)/g)].map(([, name]) => name)).toEqual(names);
  expect(
    globSync('arena/*.svg', { cwd: docs })
      .map((file) => basename(file, '.svg'))
      .sort(),
  ).toEqual(names.toSorted());
});

it('recommends what is rendered', () => {
  const facts = { name: 'a', serviceName: 'a', edsConfig: {}, ejectedAs: 'DRAINING' } as const;
  const { outlier_detection } = recommendedCluster(facts, jsonForm) as Record<string, unknown>;
  const [, block = ''] = /\n## What to combine\n[^]*?```yaml\n([^]*?)```/.exec(page) ?? [];
  expect(parse(block)).toEqual({ outlier_detection });
});
