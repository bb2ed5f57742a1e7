/** How a command ends. The codes follow sysexits, as scripts of other mesh tools know them. */
import type { Problem } from '../engine/problem.ts';

export const exitCodes = {
  ok: 0,
  /** It could not be done: refused, not there, not reachable. */
  error: 1,
  /** The command line is wrong. */
  usage: 64,
  /** A file or a value is wrong. */
  badInput: 65,
  /** Nothing is wrong, but something is odd: findings of lint that are only warnings. */
  onlyWarnings: 79,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command, with problems for a person to read on standard error; none when the output has said it all. */
export class Exit extends Error {
  readonly exitCode: ExitCode;
  readonly problems: readonly Problem[];

  constructor(exitCode: ExitCode, ...problems: readonly Problem[]) {
    super(problems[0]?.message ?? `exit ${exitCode}`);
    this.name = 'Exit';
    this.exitCode = exitCode;
    this.problems = problems;
  }
}

export function failure(problem: Omit<Problem, 'severity'>, exitCode: ExitCode = exitCodes.error): Exit {
  return new Exit(exitCode, { severity: 'error', ...problem });
}

/** Somebody ended the command from outside; nothing went wrong. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}
