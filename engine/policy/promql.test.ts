import { describe, expect, test } from 'vitest';
import {
  checkQuery,
  createQueryChecker,
  type Expr,
  keepsLabel,
  lookbackMs,
  markFault,
  readsInstant,
  windowMs,
} from './promql.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

function usable(query: string): Expr {
  const check = checkQuery(query);
  if (check.kind === 'faulty') throw new Error(check.faults[0].message);
  return check.expr;
}

function faultsOf(query: string): readonly (readonly [number, string])[] {
  const check = checkQuery(query);
  return check.kind === 'faulty' ? check.faults.map(({ offset, message }) => [offset, message]) : [];
}

describe('how far a query looks back', () => {
  test.each([
    ['a bare metric: five minutes', 'foo', 5 * minute],
    ['a range', 'rate(foo[10s])', 10 * second],
    ['a range in several units', 'rate(foo[1h30m])', 90 * minute],
    ['a range in seconds without unit', 'rate(foo[300])', 300 * second],
    ['the longest of both operands', 'rate(a[10s]) / rate(b[4m])', 4 * minute],
    ['the longest of all arguments', 'histogram_quantile(0.9, rate(a[30s])) > avg by (pod) (rate(b[2m]))', 2 * minute],
    ['an offset is added', 'rate(foo[1m] offset 1h)', hour + minute],
    ['an offset belongs to its operand only', 'rate(a[10m]) / foo offset 1m', 10 * minute],
    ['an offset on the last operand of a chain', 'a + b + rate(c[1m] offset 9m)', 10 * minute],
    ['a subquery adds to what is inside it', 'max_over_time(rate(foo[1m])[10m:1m])', 11 * minute],
    ['a subquery over a bare metric', 'max_over_time(foo[10m:])', 15 * minute],
    ['an offset of a subquery', 'max_over_time(rate(foo[1m])[10m:1m] offset 1h)', hour + 11 * minute],
    ['offsets at both levels', 'max_over_time(rate(foo[1m] offset 5m)[10m:1m] offset 1h)', hour + 16 * minute],
    ['a negative offset shortens its path', 'rate(foo[10m] offset -4m)', 6 * minute],
    ['a negative offset does not shorten another path', 'rate(a[10m] offset -4m) / rate(b[9m])', 9 * minute],
    ['never below zero', 'foo offset -1h', 0],
    ['an offset before a negated parenthesis', 'foo offset -(5m)', 0],
    ['a range that borrows a sample from before it', 'rate(foo[1m] anchored)', 6 * minute],
    ['comments do not matter', '# rate(foo[9h])\nrate(foo[10s])', 10 * second],
  ])('%s', (_, query, ms) => {
    expect(lookbackMs(usable(query))).toBe(ms);
  });

  test('a bare metric looks back as far as the caller vouches for', () => {
    expect(lookbackMs(usable('foo / rate(bar[30s])'), 20 * second)).toBe(30 * second);
    expect(lookbackMs(usable('foo / rate(bar[30s])'), 40 * second)).toBe(40 * second);
  });

  test('the window is what one answer summarises: ranges, not offsets nor staleness', () => {
    expect(windowMs(usable('rate(foo[1m] offset 1h)'))).toBe(minute);
    expect(windowMs(usable('foo'))).toBe(0);
    expect(windowMs(usable('max_over_time(rate(foo[1m])[10m:1m])'))).toBe(11 * minute);
  });

  test('a range is no bare metric', () => {
    expect(readsInstant(usable('rate(foo[1m])'))).toBe(false);
    expect(readsInstant(usable('rate(foo[1m]) / bar'))).toBe(true);
  });
});

describe('a query is refused', () => {
  test.each([
    ['an unknown function', 'rat(foo[5m])', 3, '"rat" is not a PromQL function'],
    ['a stray word', 'foo bar', 4, 'unexpected "bar"'],
    ['a stray bracket', 'foo)', 3, 'unexpected ")"'],
    ['nothing', '', 0, 'unexpected end of query'],
    ['only a comment', '# foo', 5, 'unexpected end of query'],
    ['an open bracket', 'rate(foo[5m]', 12, 'unexpected end of query'],
    ['a broken matcher', 'foo{a=}', 6, 'unexpected "}"'],
    ['a range of zero', 'rate(foo[0s])', 9, 'a range must be longer than 0'],
    ['arithmetic on durations', 'rate(foo[5m+1m])', 9, '"5m+1m" must be a plain duration such as 5m'],
    [
      'a frozen time',
      'foo @ 1700000000',
      4,
      'the @ modifier is refused: a query fixed in time never sees fresh evidence',
    ],
    [
      'a frozen time of the range',
      'rate(foo[1m] @ end())',
      13,
      'the @ modifier is refused: a query fixed in time never sees fresh evidence',
    ],
    ['a range vector', 'foo[5m]', 0, 'returns a range vector; wrap it in a function such as rate()'],
    ['a subquery', 'foo[5m:1m]', 0, 'returns a range vector; wrap it in a function such as rate()'],
    ['a number', '42', 0, 'returns a scalar, not one value per backend'],
    ['a number computed', '2 * time()', 0, 'returns a scalar, not one value per backend'],
    ['a text', '"foo"', 0, 'returns a string, not one value per backend'],
    ['no metric at all', 'vector(1)', 0, 'reads no metric, so it says nothing about any backend'],
    ['a rate of no range', 'rate(foo)', 0, 'rate needs a range vector such as foo[5m]'],
    ['a range where none belongs', 'abs(foo[5m])', 0, 'abs needs an instant vector, not a range vector'],
    ['a sum of a range', 'sum(foo[5m])', 4, 'sum needs an instant vector, not a range vector'],
    [
      'a range of an expression',
      'rate((a + b)[5m])',
      6,
      'a range such as [5m] must follow a metric; for an expression write [5m:]',
    ],
    [
      'an offset on a sum',
      'sum(foo) offset 5m',
      0,
      'a modifier such as offset must follow a metric, a range or a subquery',
    ],
    ['a negated range', '-foo[5m]', 0, 'a sign cannot stand before a range vector'],
  ])('%s', (_, query, offset, message) => {
    expect(faultsOf(query)).toEqual([[offset, message]]);
  });

  test('for both operands at once, each at its place', () => {
    expect(faultsOf('a[5m] + b[5m]').map(([offset]) => offset)).toEqual([0, 8]);
  });

  test.each(['(', '-', 'a+', '{', 'sum(', 'rate(a[', '"', '\\', '\u0000', '😀'])(
    'without a crash when "%s" is repeated to the bound',
    (part) => {
      expect(checkQuery(part.repeat(4096 / part.length)).kind).toBe('faulty');
    },
  );
});

describe('the label that names the backend survives', () => {
  test.each([
    'foo',
    'rate(foo[1m]) / rate(bar[1m])',
    'sum by (pod) (rate(foo[1m]))',
    'sum(foo) by (pod, code)',
    'sum without (code) (foo)',
    'topk(3, foo)',
    '100 * foo',
    'foo > bool 5',
    'a / on (pod) b',
    'a * on (node) group_left b',
    'a * on (node) group_right b',
    'label_replace(sum by (instance) (foo), "pod", "$1", "instance", "(.*):.*")',
    'histogram_quantile(0.99, sum by (le, pod) (rate(foo[1m])))',
    'foo or sum(bar)',
    'foo and on () (sum(bar) > 5)',
    'sum by ("pod") (foo)',
  ])('%s', (query) => {
    expect(keepsLabel(usable(query), 'pod')).toBe(true);
  });
});

describe('the label that names the backend is lost', () => {
  test.each([
    'sum(rate(foo[1m]))',
    'sum by (code) (foo)',
    'sum without (pod) (foo)',
    'topk(3, sum by (code) (foo))',
    'a / on (node) b',
    'a / ignoring (pod) b',
    'foo / sum(foo)',
    'foo * on (node) group_left sum by (pod) (bar) / on (node) c',
    'absent(foo)',
    'count_values("v", foo)',
    'vector(scalar(foo))',
  ])('%s', (query) => {
    expect(keepsLabel(usable(query), 'pod')).toBe(false);
  });
});

describe('the mark in a message', () => {
  test('stands at the fault, on one line', () => {
    expect(markFault('rate(foo)\n  / rat(bar)', 17)).toBe('rate(foo) / rat<HERE>(bar)');
  });

  test('cuts a long query around it', () => {
    expect(markFault(`${'a'.repeat(100)}!${'b'.repeat(100)}`, 100)).toBe(
      `...${'a'.repeat(40)}<HERE>!${'b'.repeat(39)}...`,
    );
  });
});

/** Whoever may write a policy may write any text, which every replica reads: it must not take long, whatever it is. */
describe('a query that would take long to read', () => {
  const nested = (open: string, times: number, close: string): string => `${open.repeat(times)}a${close.repeat(times)}`;

  test.each([
    ['brackets', '(', ')'],
    ['aggregations', 'sum(', ')'],
    ['aggregations of sums', 'sum(a + ', ')'],
    ['subqueries', 'max_over_time(', '[1m:])'],
  ])('%s nest 64 deep at most', (_, open, close) => {
    const deepest = close.includes('[') ? 63 : 64;
    expect(faultsOf(nested(open, deepest, close))).toEqual([]);
    const tooDeep = nested(open, 65, close);
    const offset = open.indexOf('(') + 64 * open.length;
    expect(faultsOf(tooDeep)).toEqual([[offset, 'has brackets nested more than 64 deep']]);
  });

  test('brackets in texts and comments are none', () => {
    const many = '('.repeat(100);
    expect(faultsOf(`a{b="${many}\\"${many}", c='${many}', d=\`${many}\`} # ${many}`)).toEqual([]);
    expect(faultsOf(`a{b="\\\\"} + ${many}`)).toEqual([
      [`a{b="\\\\"} + `.length + 64, 'has brackets nested more than 64 deep'],
    ]);
  });

  test.each([
    ['a text in double quotes', 'a{b="c}', 4, 'a text that begins with " is not closed'],
    ['one that goes on in the next line', 'a{b="\\\n"} + a', 4, 'a text that begins with " is not closed'],
    ['a text in single quotes', "a{b='c}", 4, "a text that begins with ' is not closed"],
    ['a text in backticks', 'a{b=`c}', 4, 'a text that begins with ` is not closed'],
  ])('%s hides no brackets: it is refused where it begins', (_, query, offset, message) => {
    expect(faultsOf(query)).toEqual([[offset, message]]);
  });

  test('one that several ask about is read once', () => {
    const check = createQueryChecker();
    expect(check('rate(foo[1m])')).toBe(check('rate(foo[1m])'));
    expect(check('rate(foo[1m])')).toEqual(checkQuery('rate(foo[1m])'));
  });

  test('of a text that goes wrong early the rest is not read', () => {
    const [[offset, message] = []] = faultsOf(`{${'{'.repeat(50)}`);
    expect([offset, message]).toEqual([1, 'unexpected "{"']);
    expect(faultsOf('a '.repeat(2000))).toEqual([[2, 'unexpected "a"']]);
    expect(faultsOf(`a ${'b'.repeat(4000)}`)).toEqual([[2, `unexpected "${'b'.repeat(64)}"`]]);
  });
});
