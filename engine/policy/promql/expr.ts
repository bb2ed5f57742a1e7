/** A PromQL expression as the checks need it: what the grammar has, with postfix modifiers on their true operand. */

export type Expr =
  | { readonly kind: 'number'; readonly from: number }
  | { readonly kind: 'string'; readonly from: number; readonly value: string }
  | { readonly kind: 'selector'; readonly from: number }
  /** `of[range]` */
  | { readonly kind: 'range'; readonly from: number; readonly of: Expr; readonly rangeMs: number }
  /** `of[range:step]` */
  | { readonly kind: 'subquery'; readonly from: number; readonly of: Expr; readonly rangeMs: number }
  | { readonly kind: 'offset'; readonly from: number; readonly of: Expr; readonly offsetMs: number }
  /** `of @ time` */
  | { readonly kind: 'at'; readonly from: number; readonly of: Expr }
  /** `anchored` and `smoothed`: the range borrows a sample from outside it. */
  | { readonly kind: 'extended'; readonly from: number; readonly of: Expr }
  | { readonly kind: 'unary'; readonly from: number; readonly of: Expr }
  | {
      readonly kind: 'binary';
      readonly from: number;
      readonly operator: string;
      readonly matching?: Matching;
      readonly left: Expr;
      readonly right: Expr;
    }
  | {
      readonly kind: 'aggregate';
      readonly from: number;
      readonly operator: string;
      readonly grouping?: Grouping;
      readonly args: readonly Expr[];
    }
  | { readonly kind: 'call'; readonly from: number; readonly name: string; readonly args: readonly Expr[] };

export interface Grouping {
  readonly kind: 'by' | 'without';
  readonly labels: readonly string[];
}

export interface Matching {
  readonly kind: 'on' | 'ignoring';
  readonly labels: readonly string[];
  /** The side with several series per match; its labels survive. */
  readonly many?: 'left' | 'right';
}

/** Something wrong with a query. */
export interface QueryFault {
  readonly kind: 'syntax' | 'nesting' | 'type' | 'frozen-time';
  /** 0-based, in characters. */
  readonly offset: number;
  readonly message: string;
}

export function operands(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'selector':
      return [];
    case 'binary':
      return [expr.left, expr.right];
    case 'aggregate':
    case 'call':
      return expr.args;
    default:
      return [expr.of];
  }
}

export function some(expr: Expr, test: (expr: Expr) => boolean): boolean {
  return test(expr) || operands(expr).some((operand) => some(operand, test));
}
