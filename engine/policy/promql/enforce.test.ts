/** That nothing is read but what bears the label, whatever the query: see also test/prometheus/tenants.test.ts. */
import { parser } from '@prometheus-io/lezer-promql';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { queries } from '../../../test/support/promql.ts';
import { checkQuery } from '../promql.ts';
import { enforceLabel } from './enforce.ts';

function enforced(query: string): string {
  const outcome = enforceLabel(query, 'namespace', 'shop');
  if (outcome.kind === 'refused') throw new Error(outcome.reason);
  return outcome.query;
}

/** The text of each selector. */
function selectorsOf(query: string): readonly string[] {
  const found: string[] = [];
  parser.parse(query).iterate({
    enter: ({ type, from, to }) => {
      if (type.name === 'VectorSelector') found.push(query.slice(from, to));
    },
  });
  return found;
}

it('every selector has the matcher, exactly once, and the rest of the query is as it was', () => {
  fc.assert(
    fc.property(queries, ({ query, selectors }) => {
      const found = selectorsOf(enforced(query));
      expect(found).toHaveLength(selectors);
      for (const text of found) expect(text).toMatch(/^\w*\{namespace="shop"[,\s}]/);
      expect(checkQuery(enforced(query)).kind).toBe('usable');
      const bare = (text: string): string => text.replaceAll(/#.*\n|\s/g, '').replaceAll('{}', '');
      const without = bare(enforced(query).replaceAll(/\{namespace="shop",?/g, '{'));
      const before = bare(query);
      expect(without).toBe(before);
    }),
    { numRuns: 1000, seed: 1 },
  );
});

it.each([
  ['price', 'price{namespace="shop"}'],
  ['price{}', 'price{namespace="shop"}'],
  ['{a="b",}', '{namespace="shop",a="b",}'],
  ['price{namespace="bank"}', 'price{namespace="shop",namespace="bank"}'],
  ['{"my.metric", "a.b"="c"}', '{namespace="shop","my.metric", "a.b"="c"}'],
  ['rate(price[5m] offset 1m)', 'rate(price{namespace="shop"}[5m] offset 1m)'],
  ['by / on (pod) sum{a="}"}', 'by{namespace="shop"} / on (pod) sum{namespace="shop",a="}"}'],
])('%s becomes %s', (query, expected) => {
  expect(enforced(query)).toBe(expected);
});

it('a comment is taken out: for Prometheus it ends at a carriage return, for our grammar it does not', () => {
  expect(enforced('price # \r or price')).toBe('price{namespace="shop"}  ');
});

it('the value is written so that it stays one', () => {
  expect(enforceLabel('price', 'team', 'a"} or price{b="')).toEqual({
    kind: 'query',
    query: 'price{team="a\\"} or price{b=\\""}',
  });
});

it.each([
  'sum(price',
  'price{a="b',
  'price{a="b\n,c="}',
  'price{a="b\\\n"}',
  'price{a=`b\n`}',
  'info(price)',
  'INFO(price, {a="b"})',
  'price keep_metric_names',
  'WITH (x = price) x',
  'price{a="b" or c="d"}',
])('%j is refused: some server could read more in it than we do', (query) => {
  expect(enforceLabel(query, 'namespace', 'shop').kind).toBe('refused');
});
