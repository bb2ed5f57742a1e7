/**
 * How far into the past a query looks. A backend is let back in only on samples taken wholly after its step began, so
 * this must never be too small: too large costs time, too small lets old samples vouch for a broken backend.
 */
import { type Expr, operands } from './expr.ts';

/** Prometheus' default lookback: a bare selector returns the newest sample of the last five minutes. */
export const instantLookbackMs = 300_000;

/**
 * The largest sum of range, subquery range and offset along any path, in milliseconds; at least 0, since nothing is
 * known of the future. `instantMs` is how old the newest sample of a bare selector may be.
 */
export function lookbackMs(expr: Expr, instantMs: number = instantLookbackMs): number {
  return Math.max(0, reach(expr, { instantMs, offsetFactor: 1 }));
}

/** The span of time one answer summarises, in milliseconds: ranges alone, wherever they lie. */
export function windowMs(expr: Expr): number {
  return Math.max(0, reach(expr, { instantMs: 0, offsetFactor: 0 }));
}

interface Measure {
  readonly instantMs: number;
  readonly offsetFactor: 0 | 1;
}

/** -Infinity for an expression that reads no samples, so that it never wins. */
function reach(expr: Expr, measure: Measure): number {
  switch (expr.kind) {
    case 'selector':
      return measure.instantMs;
    case 'range':
      return expr.rangeMs;
    case 'extended':
      return reach(expr.of, measure) + measure.instantMs;
    case 'subquery':
      return reach(expr.of, measure) + expr.rangeMs;
    case 'offset':
      return reach(expr.of, measure) + expr.offsetMs * measure.offsetFactor;
    default:
      return Math.max(Number.NEGATIVE_INFINITY, ...operands(expr).map((operand) => reach(operand, measure)));
  }
}
