/**
 * Whether a label survives a query. `sum(rate(x[1m]))` parses and runs, and every evaluation says "no sample matches a
 * backend": the commonest mistake in a rule, visible in its text.
 */
import type { Expr } from './expr.ts';

/** These choose among series and leave their labels alone. */
const choosing = new Set(['topk', 'bottomk', 'limitk', 'limit_ratio']);
const labelless = new Set(['absent', 'absent_over_time', 'scalar', 'vector', 'time', 'pi']);

/** False only when the result cannot have the label, whatever the series have. */
export function keepsLabel(expr: Expr, label: string): boolean {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return false;
    case 'selector':
      return true;
    case 'aggregate': {
      const inner = expr.args.at(-1);
      const keeps = inner !== undefined && keepsLabel(inner, label);
      if (choosing.has(expr.operator)) return keeps;
      if (expr.operator === 'count_values' && names(expr.args[0], label)) return true;
      return (
        keeps && expr.grouping !== undefined && expr.grouping.labels.includes(label) === (expr.grouping.kind === 'by')
      );
    }
    case 'call':
      if (labelless.has(expr.name)) return false;
      if ((expr.name === 'label_replace' || expr.name === 'label_join') && names(expr.args[1], label)) return true;
      return expr.args.some((arg) => keepsLabel(arg, label));
    case 'binary':
      return binaryKeeps(expr, label);
    default:
      return keepsLabel(expr.of, label);
  }
}

function binaryKeeps(expr: Expr & { readonly kind: 'binary' }, label: string): boolean {
  const left = keepsLabel(expr.left, label);
  const right = keepsLabel(expr.right, label);
  if (expr.operator === 'or') return left || right;
  if (expr.operator === 'and' || expr.operator === 'unless') return left;
  if (isNumber(expr.left)) return right;
  if (isNumber(expr.right)) return left;
  const { matching } = expr;
  if (matching?.many === 'left') return left;
  if (matching?.many === 'right') return right;
  if (matching !== undefined && matching.labels.includes(label) !== (matching.kind === 'on')) return false;
  return left && right;
}

function names(expr: Expr | undefined, label: string): boolean {
  return expr?.kind === 'string' && expr.value === label;
}

/** A number has no labels and matches everything; so does arithmetic on numbers. */
function isNumber(expr: Expr): boolean {
  if (expr.kind === 'call') return ['scalar', 'time', 'pi'].includes(expr.name);
  if (expr.kind === 'binary') return isNumber(expr.left) && isNumber(expr.right);
  return expr.kind === 'number' || (expr.kind === 'unary' && isNumber(expr.of));
}
