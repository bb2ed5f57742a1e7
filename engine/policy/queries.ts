/** Where a policy has PromQL, and whether it can be used. */
import { codes } from './codes.ts';
import type { Finding, Path } from './finding.ts';
import { markFault, type QueryChecker, type QueryFault } from './promql.ts';
import { queryMaxLength } from './schema/fields.ts';
import { isFields } from './walk.ts';

const codeOf = {
  syntax: codes.querySyntax,
  nesting: codes.badValue,
  type: codes.queryType,
  'frozen-time': codes.queryFrozen,
} as const;

/** Fields of a breaker that hold a query, as paths inside the breaker. */
const queryFields: readonly Path[] = [
  ['continuousValueDeviation', 'query'],
  ['discreteValueOutOfList', 'query'],
  ['threshold', 'query'],
  ['threshold', 'longQuery'],
  ['ratio', 'bad'],
  ['ratio', 'total'],
  ['outlier', 'query'],
  ['activity', 'query'],
];

/**
 * Characters of all queries of a policy. Each replica reads them at each start and at each edit, and while it does so it
 * does nothing else: this much takes a few hundredths of a second. Policies of people come to a few thousand.
 */
const queriesMaxLength = 16_384;

/** Tells every query that cannot be used; `object` need not have any particular shape. */
export function checkQueries(object: unknown, checkQuery: QueryChecker): readonly Finding[] {
  const queries = queriesOf(object);
  const total = queries.reduce((sum, { query }) => sum + query.length, 0);
  if (total > queriesMaxLength) {
    const message = `has queries of ${total} characters in all, ${queriesMaxLength} are the most`;
    const remedy = 'have the metric source record the long ones under names of their own';
    return [{ code: codes.badValue, path: ['spec', 'breakers'], at: 'key', message, remedy }];
  }
  return queries.flatMap(({ path, query }) => {
    const check = checkQuery(query);
    return check.kind === 'usable' ? [] : check.faults.map((fault) => toFinding(path, query, fault));
  });
}

interface QueryPlace {
  readonly path: Path;
  readonly query: string;
}

function queriesOf(object: unknown): readonly QueryPlace[] {
  const list = valueAt(object, ['spec', 'breakers']);
  const breakers: readonly Path[] = [
    ['spec', 'breaker'],
    ...(Array.isArray(list) ? list.map((_, index) => ['spec', 'breakers', index]) : []),
  ];
  return breakers
    .flatMap((breaker) => queryFields.map((field) => [...breaker, ...field]))
    .flatMap((path) => {
      const query = valueAt(object, path);
      // Too long a query is reported for its length; parsing megabytes to say more would be a way to stop us.
      return typeof query === 'string' && query !== '' && query.length <= queryMaxLength ? [{ path, query }] : [];
    });
}

function valueAt(object: unknown, path: Path): unknown {
  let value = object;
  for (const part of path) {
    if (typeof part === 'number' && Array.isArray(value)) value = value[part];
    else if (typeof part === 'string' && isFields(value) && Object.hasOwn(value, part)) value = value[part];
    else return undefined;
  }
  return value;
}

function toFinding(path: Path, query: string, { kind, offset, message }: QueryFault): Finding {
  const place = offset === 0 ? '' : `, at character ${offset + 1}: ${markFault(query, offset)}`;
  const text = kind === 'syntax' ? `is not valid PromQL: ${message}${place}` : `${message}${place}`;
  return { code: codeOf[kind], path, at: 'value', offset, message: text };
}
