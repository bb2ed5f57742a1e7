/**
 * What a query returns. The grammar accepts `foo[5m]` and `rate(foo)`; Prometheus refuses them only when asked, which
 * would be at the first evaluation. Only what is certain from the text is refused here.
 */
import type { Expr, QueryFault } from './expr.ts';

export type ResultType = 'scalar' | 'string' | 'instant vector' | 'range vector';

const rangeFunctions = new Set([
  ...['changes', 'delta', 'deriv', 'double_exponential_smoothing', 'idelta', 'increase', 'irate'],
  ...['predict_linear', 'rate', 'resets'],
]);

const scalarFunctions = new Set(['scalar', 'time', 'pi', 'start', 'end', 'range', 'step']);

const takesRange = (name: string): boolean => rangeFunctions.has(name) || name.endsWith('_over_time');

/** The type, or every fault found on the way to it. */
export function typeOf(expr: Expr, faults: QueryFault[]): ResultType {
  const fault = (at: Expr, message: string): void => void faults.push({ kind: 'type', offset: at.from, message });
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'selector':
      return 'instant vector';
    case 'range':
      typeOf(expr.of, faults);
      if (expr.of.kind !== 'selector')
        fault(expr, 'a range such as [5m] must follow a metric; for an expression write [5m:]');
      return 'range vector';
    case 'subquery':
      if (typeOf(expr.of, faults) !== 'instant vector') fault(expr, 'a subquery needs an instant vector before it');
      return 'range vector';
    case 'at':
      faults.push({
        kind: 'frozen-time',
        offset: expr.from,
        message: 'the @ modifier is refused: a query fixed in time never sees fresh evidence',
      });
      return typeOf(expr.of, faults);
    case 'offset':
    case 'extended': {
      const type = typeOf(expr.of, faults);
      if (!isSelection(expr.of)) fault(expr, 'a modifier such as offset must follow a metric, a range or a subquery');
      return type;
    }
    case 'unary': {
      const type = typeOf(expr.of, faults);
      if (type === 'range vector' || type === 'string') fault(expr, `a sign cannot stand before a ${type}`);
      return type;
    }
    case 'binary': {
      const sides = [expr.left, expr.right].map((side) => ({ side, type: typeOf(side, faults) }));
      for (const { side, type } of sides) {
        if (type === 'range vector' || type === 'string') fault(side, `"${expr.operator}" cannot be used on a ${type}`);
      }
      return sides.every(({ type }) => type === 'scalar') ? 'scalar' : 'instant vector';
    }
    case 'aggregate': {
      const types = expr.args.map((arg) => typeOf(arg, faults));
      const last = expr.args.at(-1);
      if (types.at(-1) !== 'instant vector') {
        fault(
          last ?? expr,
          `${expr.operator} needs an instant vector${last === undefined ? '' : `, not a ${types.at(-1)}`}`,
        );
      }
      return 'instant vector';
    }
    case 'call': {
      const types = expr.args.map((arg) => typeOf(arg, faults));
      const ranges = types.includes('range vector');
      if (takesRange(expr.name) && !ranges) fault(expr, `${expr.name} needs a range vector such as foo[5m]`);
      if (!takesRange(expr.name) && ranges) fault(expr, `${expr.name} needs an instant vector, not a range vector`);
      return scalarFunctions.has(expr.name) ? 'scalar' : 'instant vector';
    }
  }
}

/** What `offset` and its kin may follow: they move where samples are read, and only these read samples. */
function isSelection(expr: Expr): boolean {
  if (expr.kind === 'at' || expr.kind === 'offset' || expr.kind === 'extended') return isSelection(expr.of);
  return expr.kind === 'selector' || expr.kind === 'range' || expr.kind === 'subquery';
}
