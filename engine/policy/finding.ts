/** Something to say about a policy before it is known where in a file that is. */
import type { Problem } from '../problem.ts';
import type { codes } from './codes.ts';

/** From the root of the object: `['spec', 'breakers', 0, 'name']`. */
export type Path = readonly (string | number)[];

export interface Finding {
  readonly code: (typeof codes)[keyof typeof codes];
  /** Error unless said otherwise. */
  readonly severity?: Problem['severity'];
  readonly path: Path;
  /** What to point at: the name of the field, or its value. */
  readonly at: 'key' | 'value';
  /** Where inside a text value, in characters; only with `at: 'value'`. */
  readonly offset?: number;
  readonly message: string;
  readonly remedy?: string;
}

/** 1-based. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Knows where things are; for objects that came without a file it knows nothing. */
export type Locate = (finding: Pick<Finding, 'path' | 'at' | 'offset'>) => Position | undefined;

export function toProblem(finding: Finding, file?: string, locate?: Locate): Problem {
  const { code, severity = 'error', message, remedy, path } = finding;
  return {
    code,
    severity,
    message,
    ...(remedy === undefined ? {} : { remedy }),
    ...(file === undefined ? {} : { file }),
    ...locate?.(finding),
    ...(path.length === 0 ? {} : { field: fieldOf(path) }),
  };
}

/** `spec.breakers[0].name` */
export function fieldOf(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** By place in the file, as a person repairs it; what has no place comes last. */
export function byPlace(a: Problem, b: Problem): number {
  const last = Number.MAX_SAFE_INTEGER;
  return (a.line ?? last) - (b.line ?? last) || (a.column ?? last) - (b.column ?? last);
}

/** A value as a person recognises it, on one line and short. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string')
    return typeof value === 'number' || typeof value === 'boolean' ? `${value}` : typeof value;
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export function warning(code: Finding['code'], path: Path, message: string, remedy: string): Finding {
  return { code, severity: 'warning', path, at: 'key', message, remedy };
}
