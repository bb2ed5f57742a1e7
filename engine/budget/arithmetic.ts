/** How many may be out. Every number an operator sees in `why` is computed here, once. */
import type { BudgetPolicy } from '../policy/policy.ts';

export interface Budget {
  /** B of base.ts. */
  readonly base: number;
  /** Backends that must stay ready and serving; at least 1 when there is anyone. */
  readonly floor: number;
  /** min(B - floor, maxEjectedPercent of B): how many of B may be out at once, for whatever reason. */
  readonly maxOut: number;
  /** Backends that should be there, and are not, besides B: they count as out, as nobody can serve in their place. */
  readonly missing: number;
}

/** @param desired How many backends there should be; 0 where nobody knows. */
export function budgetOf(base: number, policy: BudgetPolicy, desired = 0): Budget {
  const ratio = Math.ceil((base * policy.minAvailableRatioPercent) / 100);
  const floor = Math.max(policy.minAvailableCount, ratio, 1);
  const ejectable = Math.floor((base * policy.maxEjectedPercent) / 100);
  const maxOut = Math.max(0, Math.min(base - floor, ejectable));
  return { base, floor, maxOut, missing: Math.max(0, desired - base) };
}

/** How many of those that there should be do not serve, for whatever reason. */
export function outOf({ base, missing }: Budget, serving: number): number {
  return Math.max(0, base - serving) + missing;
}

/** New ejections allowed per velocity window: the larger of a count and a share of B. */
export function velocityLimit(base: number, policy: BudgetPolicy): number {
  return Math.max(policy.velocity.count, Math.floor((base * policy.velocity.percent) / 100));
}

/** `1 of 6 not serving, at most 2 may be by maxEjectedPercent (floor 3)`: the arithmetic as people read it, with the limit that binds. */
export function describeBudget(budget: Budget, serving: number): string {
  const { base, floor, maxOut, missing } = budget;
  const lacking = missing === 0 ? '' : `, ${missing} of them not there at all`;
  const limit = maxOut < base - floor ? ' by maxEjectedPercent' : '';
  return `${outOf(budget, serving)} of ${base + missing} not serving${lacking}, at most ${maxOut} may be${limit} (floor ${floor})`;
}
