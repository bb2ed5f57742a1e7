/**
 * A problem a person can act on: a stable code, what is wrong, where, and what to do. Problems are data; they travel
 * from the room that found them to the log, `/readyz`, the metrics and the terminal without being rephrased.
 * `docs/errors.md` has one paragraph per code.
 */

/** `KV` + two digits for the room + two for the case; never reused. */
export type ProblemCode = `KV${number}`;

export interface Problem {
  readonly code: ProblemCode;
  readonly severity: 'error' | 'warning';
  /** One sentence: what is wrong and, where it helps, what was expected. */
  readonly message: string;
  /** What to do about it, when it is not obvious from the message. */
  readonly remedy?: string;
  readonly file?: string;
  /** 1-based. */
  readonly line?: number;
  /** 1-based. */
  readonly column?: number;
  /** Dotted path inside the object, such as `spec.breakers[0].ratio`. */
  readonly field?: string;
}

/** What problems with one thing have in common. */
export type Place = Pick<Problem, 'code' | 'file' | 'field' | 'remedy'>;

/**
 * Thrown where going on is impossible: at start, and in commands. Carries every problem that was found, because a
 * person who repairs a file wants the whole list, not one line per attempt. The message has one line per problem.
 */
export class ProblemError extends Error {
  readonly problems: readonly [Problem, ...(readonly Problem[])];

  constructor(problems: Problem | readonly [Problem, ...(readonly Problem[])], options?: ErrorOptions) {
    const list: readonly [Problem, ...(readonly Problem[])] = 'code' in problems ? [problems] : problems;
    super(list.map(formatProblem).join('\n'), options);
    this.name = 'ProblemError';
    this.problems = list;
  }

  /** The first one: the only one, where only one can be. */
  get problem(): Problem {
    return this.problems[0];
  }
}

/** One line for a terminal: `pricer.yaml:12:5: error KV0104 spec.settle: must be at most 1000 (set it lower)`. */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
  const field = problem.field === undefined ? '' : ` ${problem.field}:`;
  const remedy = problem.remedy === undefined ? '' : ` (${problem.remedy})`;
  return `${place === '' ? '' : `${place}: `}${problem.severity} ${problem.code}${field} ${problem.message}${remedy}`;
}
