/** The checks of a PromQL query that need no Prometheus: it parses, returns one value per series, and is not frozen. */
import { type Expr, operands, type QueryFault, some } from './promql/expr.ts';
import { readQuery } from './promql/read.ts';
import { type ResultType, typeOf } from './promql/types.ts';

export type { Expr, QueryFault } from './promql/expr.ts';
export { keepsLabel } from './promql/labels.ts';
export { instantLookbackMs, lookbackMs, windowMs } from './promql/reach.ts';

export type QueryCheck =
  | { readonly kind: 'usable'; readonly expr: Expr }
  | { readonly kind: 'faulty'; readonly faults: readonly [QueryFault, ...QueryFault[]] };

export type QueryChecker = (query: string) => QueryCheck;

/** Reads each query once, however many ask about it. To be let go with the policy that the queries are of. */
export function createQueryChecker(): QueryChecker {
  const checks = new Map<string, QueryCheck>();
  return (query) => {
    const check = checks.get(query) ?? checkQuery(query);
    checks.set(query, check);
    return check;
  };
}

/** Never throws, whatever the text. */
export function checkQuery(query: string): QueryCheck {
  const reading = readQuery(query);
  if (reading.kind === 'unreadable') return { kind: 'faulty', faults: [reading.fault] };
  const { expr } = reading;
  const faults: QueryFault[] = [];
  const type = typeOf(expr, faults);
  // What the whole returns is a mere consequence of what is wrong inside: told only when the inside is fine.
  const unfit = faults.length === 0 ? whyUnfit(expr, type) : undefined;
  if (unfit !== undefined) faults.push({ kind: 'type', offset: 0, message: unfit });
  const [first, ...rest] = faults;
  return first === undefined ? { kind: 'usable', expr } : { kind: 'faulty', faults: [first, ...rest] };
}

/** A breaker needs one value per backend. */
function whyUnfit(expr: Expr, type: ResultType): string | undefined {
  if (type === 'range vector') return 'returns a range vector; wrap it in a function such as rate()';
  if (type !== 'instant vector') return `returns a ${type}, not one value per backend`;
  const reads = some(expr, (part) => part.kind === 'selector');
  return reads ? undefined : 'reads no metric, so it says nothing about any backend';
}

/** Some part of the query asks for samples of the future, where there are none. */
export function looksAhead(expr: Expr): boolean {
  return some(expr, (part) => part.kind === 'offset' && part.offsetMs < 0);
}

/** Some part is a bare selector, whose newest sample may be minutes old. */
export function readsInstant(expr: Expr): boolean {
  if (expr.kind === 'range') return false;
  return expr.kind === 'selector' || operands(expr).some(readsInstant);
}

/** Functions whose result is per second, or per step, and no longer says how many there were. */
const rates = new Set(['rate', 'irate', 'deriv', 'idelta']);

/** Some part of the query makes rates of counts. */
export function makesRates(expr: Expr): boolean {
  return some(expr, (part) => part.kind === 'call' && rates.has(part.name));
}

/**
 * The query with a mark at the fault, on one line: `rate(foo <HERE>bar)`. Long queries are cut around it.
 */
export function markFault(query: string, offset: number): string {
  const around = 40;
  const before = query.slice(Math.max(0, offset - around), offset);
  const after = query.slice(offset, offset + around);
  const head = offset > around ? '...' : '';
  const tail = query.length > offset + around ? '...' : '';
  return `${head}${before}<HERE>${after}${tail}`.replace(/\s+/g, ' ').trim();
}
