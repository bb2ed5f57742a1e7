/** How many may be out. Every number an operator sees in `why` is computed here, once. */
import type { BudgetPolicy } from '../policy/policy.ts';

export interface Budget {
  /** B of base.ts. */
  readonly base: number;
  /** Backends that must stay ready and serving; at least 1 when there is anyone. */
  readonly floor: number;
  /** min(B - floor, maxEjectedPercent of B): how many of B may be out at once, for whatever reason. */
  readonly maxOut: number;
}

export function budgetOf(base: number, policy: BudgetPolicy): Budget {
  const ratio = Math.ceil((base * policy.minAvailableRatioPercent) / 100);
  const floor = Math.max(policy.minAvailableCount, ratio, 1);
  const ejectable = Math.floor((base * policy.maxEjectedPercent) / 100);
  return { base, floor, maxOut: Math.max(0, Math.min(base - floor, ejectable)) };
}

/** New ejections allowed per velocity window: the larger of a count and a share of B. */
export function velocityLimit(base: number, policy: BudgetPolicy): number {
  return Math.max(policy.velocity.count, Math.floor((base * policy.velocity.percent) / 100));
}

/** `2 out of at most 2 (base 6, floor 3)`: the arithmetic as people read it. */
export function describeBudget(budget: Budget, serving: number): string {
  const out = Math.max(0, budget.base - serving);
  return `${out} of ${budget.base} not serving, at most ${budget.maxOut} may be (floor ${budget.floor})`;
}
