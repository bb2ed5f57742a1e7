/** How far a query looks back, of queries that are put together at random: it is known while they are built. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkQuery, lookbackMs } from './promql.ts';

interface Built {
  readonly query: string;
  readonly seconds: number;
  /** It reads samples; a number reads none. */
  readonly reads: boolean;
}

const seconds = fc.integer({ min: 1, max: 3_600 });
const label = fc.constantFrom('', '{code=~"5.."}', '{pod="a b[5m] offset 1h"}');

/** What gives a vector at an instant. */
const { vector } = fc.letrec<{ vector: Built }>((tie) => ({
  vector: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    // rate(m[r] offset o)
    fc.tuple(seconds, fc.integer({ min: 0, max: 3_600 }), label).map(([range, offset, labels]) => {
      const moved = offset === 0 ? '' : ` offset ${offset}s`;
      return { query: `rate(m${labels}[${range}s]${moved})`, seconds: range + offset, reads: true };
    }),
    // A bare selector: the newest sample of the last five minutes.
    fc.tuple(label, seconds).map(([labels, offset]) => {
      return { query: `m${labels} offset ${offset}s`, seconds: 300 + offset, reads: true };
    }),
    fc.constant({ query: '100', seconds: 0, reads: false }),
    // max_over_time(X[r:s] offset o)
    fc.tuple(tie('vector'), seconds, seconds).map(([of, range, offset]) => ({
      query: `max_over_time((${of.query})[${range}s:5s] offset ${offset}s)`,
      seconds: of.reads ? of.seconds + range + offset : 0,
      reads: of.reads,
    })),
    fc.tuple(tie('vector'), tie('vector'), fc.constantFrom('+', '/', '> bool')).map(([a, b, operator]) => ({
      query: `(${a.query}) ${operator} (${b.query})`,
      seconds: Math.max(a.reads ? a.seconds : 0, b.reads ? b.seconds : 0),
      reads: a.reads || b.reads,
    })),
    tie('vector').map(({ query, ...rest }) => ({ query: `sum by (pod) (clamp_min(${query}, 0))`, ...rest })),
  ),
}));

it('is the longest way through ranges, subqueries and offsets', () => {
  fc.assert(
    fc.property(vector, (built) => {
      const check = checkQuery(built.query);
      // A scalar where a vector belongs is refused, and asks nothing.
      fc.pre(check.kind === 'usable');
      expect(lookbackMs(check.expr)).toBe(built.seconds * 1_000);
    }),
    { numRuns: 1_000 },
  );
});

it.each(['m @ 1609746000', 'rate(m[5m] @ end())', 'max_over_time((m @ start())[5m:1m])'])(
  'of what stands still in time, %s, there is none: it is refused',
  (query) => {
    expect(checkQuery(query)).toMatchObject({ kind: 'faulty', faults: [{ kind: 'frozen-time' }] });
  },
);
