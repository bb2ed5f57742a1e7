/** Throws an error that begins with the rule: the number of the invariant, and the name of the check. */
import { canonical } from '../../support/frozen.ts';

export function must(holds: boolean, rule: `I${number} ${string}` | 'defect', what: unknown = ''): asserts holds {
  if (!holds) throw new Error(`${rule}: ${typeof what === 'string' ? what : canonical(what)}`);
}

/** Whether the error is a violation of this rule. */
export function isOf(rule: string, error: unknown): boolean {
  return error instanceof Error && error.message.startsWith(`${rule}: `);
}
