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
  const known = byCause(before);
  const current = byCause(now);
  for (const [cause, { message, severity, ...fields }] of current) {
    if (known.has(cause)) continue;
    if (severity === 'error') log.error(fields, message);
    else log.warn(fields, message);
  }
  for (const [cause, { message, severity: _, ...fields }] of known) {
    // It may have been mended, or what was doubted may have been confirmed: either way it does not stand any more.
    if (!current.has(cause)) log.info(fields, `no longer: ${message}`);
  }
}

/** The API server is away: each list and watch finds that for itself, at a time and with an error of its own. */
export function isOutage({ code }: { readonly code?: unknown }): boolean {
  return code === 'KV0801';
}

/** The first of each cause, in their order. */
function byCause(problems: readonly Problem[]): ReadonlyMap<string, Problem> {
  const causes = new Map<string, Problem>();
  for (const problem of problems) {
    const cause = isOutage(problem) ? problem.code : formatProblem(problem);
    if (!causes.has(cause)) causes.set(cause, problem);
  }
  return causes;
}
