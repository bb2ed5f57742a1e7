/** Problems come and go; the log has a line for each time one does. */
import { formatProblem, type Problem } from '../problem.ts';

/** A pino logger is one. */
export interface SourceLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export function logDifference(log: SourceLog | undefined, before: readonly Problem[], now: readonly Problem[]): void {
  if (log === undefined) return;
  const known = new Set(before.map(formatProblem));
  const current = new Set(now.map(formatProblem));
  for (const problem of now) {
    if (known.has(formatProblem(problem))) continue;
    const { message, severity, ...fields } = problem;
    if (severity === 'error') log.error(fields, message);
    else log.warn(fields, message);
  }
  for (const problem of before) {
    // It may have been mended, or what was doubted may have been confirmed: either way it does not stand any more.
    const { message, severity: _, ...fields } = problem;
    if (!current.has(formatProblem(problem))) log.info(fields, `no longer: ${message}`);
  }
}
