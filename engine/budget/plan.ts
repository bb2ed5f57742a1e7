/** Who may go, worst first, and why the others may not. */
import type { BackendId } from '../model.ts';
import { type Budget, outOf } from './arithmetic.ts';
import type { HeldCause } from './held.ts';

export interface Candidate {
  readonly id: BackendId;
  readonly breaker: string;
  readonly severity: number;
  /** A guard that stops it, whatever the budget says. */
  readonly guard?: HeldCause | undefined;
}

export interface Allowance {
  readonly budget: Budget;
  /** Ready backends that are serving now. */
  readonly serving: number;
  /** New ejections still allowed by the Service's velocity. */
  readonly velocity: number;
  /** New ejections still allowed over all Services. */
  readonly globalVelocity: number;
  /** Free places in the Service's record. */
  readonly room: number;
}

export interface Plan<C extends Candidate> {
  readonly granted: readonly C[];
  readonly held: readonly { readonly candidate: C; readonly cause: HeldCause }[];
}

/**
 * Grants in order of severity, ties by identity, so that the order of the input cannot change who goes. The budget
 * counts the state AFTER the act; checked before it, the last ejection would be one too many.
 */
export function plan<C extends Candidate>(candidates: readonly C[], allowance: Allowance): Plan<C> {
  const granted: C[] = [];
  const held: { candidate: C; cause: HeldCause }[] = [];
  for (const candidate of candidates.toSorted(worstFirst)) {
    const cause = candidate.guard ?? exhausted(allowance, granted.length);
    if (cause === undefined) granted.push(candidate);
    else held.push({ candidate, cause });
  }
  return { granted, held };
}

function exhausted(allowance: Allowance, granted: number): HeldCause | undefined {
  if (outOf(allowance.budget, allowance.serving - granted - 1) > allowance.budget.maxOut) return 'budget';
  if (granted >= allowance.velocity) return 'velocity';
  if (granted >= allowance.globalVelocity) return 'global-velocity';
  if (granted >= allowance.room) return 'store-full';
  return undefined;
}

function worstFirst(a: Candidate, b: Candidate): number {
  return b.severity - a.severity || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
