/** PromQL at random, over the metric `price` with the labels `namespace` and `pod`, which every result keeps. */
import fc from 'fast-check';

export interface DrawnQuery {
  readonly query: string;
  readonly selectors: number;
}

const matchers = fc.constantFrom(
  ...['', '{}', '{pod=~".*"}', '{namespace="bank"}', "{namespace!='shop',}", '{namespace=~".+", pod!=""}'],
  ...['{pod!="} or price{"}', '{pod!=`"`}', '{ # namespace="shop"\n}', '{pod!="" # }\n, pod!="x"\n}'],
);
const seconds = fc.integer({ min: 60, max: 300 });

const selector = fc.tuple(fc.constantFrom('price', 'by', 'sum'), matchers).map(([name, labels]) => `${name}${labels}`);
const nameless = fc.constantFrom('{__name__="price"}', '{__name__=~"pri.*",pod!=""}');

const { vector } = fc.letrec<{ vector: DrawnQuery }>((tie) => ({
  vector: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(selector, nameless).map((query) => ({ query, selectors: 1 })),
    fc.tuple(selector, seconds).map(([of, range]) => ({ query: `max_over_time(${of}[${range}s])`, selectors: 1 })),
    fc
      .tuple(selector, seconds)
      .map(([of, range]) => ({ query: `last_over_time(${of}[${range}s] offset 0s)`, selectors: 1 })),
    tie('vector').map(({ query, selectors }) => ({ query: `(${query}) # or price{namespace="bank"}\n`, selectors })),
    tie('vector').map(({ query, selectors }) => ({ query: `min_over_time((${query})[1m:5s])`, selectors })),
    tie('vector').map(({ query, selectors }) => ({ query: `SUM BY (namespace, pod) (${query})`, selectors })),
    tie('vector').map(({ query, selectors }) => ({ query: `topk(2, ${query}) > bool 0`, selectors })),
    tie('vector').map(({ query, selectors }) => ({
      query: `label_replace(${query}, "of", "price{namespace=\\"$1\\"}", "namespace", '(.*)')`,
      selectors,
    })),
    fc
      .tuple(
        tie('vector'),
        tie('vector'),
        fc.constantFrom('or', 'and', 'unless', 'or on (pod)', '== on (namespace, pod)'),
      )
      .map(([a, b, operator]) => ({
        query: `(${a.query}) ${operator} (${b.query})`,
        selectors: a.selectors + b.selectors,
      })),
  ),
}));

export const queries: fc.Arbitrary<DrawnQuery> = vector;
