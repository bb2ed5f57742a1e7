/** Something went wrong that we thought could not: told as a problem, so that everything else goes on. */
import type { Problem } from './problem.ts';

export function defect(what: string, error: unknown): Problem {
  const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const message = `${what} failed: ${cause}`;
  return { code: 'KV0001', severity: 'error', message, remedy: 'this is a defect; please report it' };
}
