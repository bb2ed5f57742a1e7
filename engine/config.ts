/**
 * The serving config, `kubervisor.yaml`. All that is wrong with it is said at once, each with its place; nothing of a
 * config that has errors is used.
 */
import { readFile } from 'node:fs/promises';
import type { Config } from './config/config.ts';
import { resolveConfig } from './config/resolve.ts';
import type { ConfigFile } from './config/schema.ts';
import { checkShape, type Flaw } from './config/shape.ts';
import { readYaml } from './config/yaml.ts';
import { byPlace, fieldOf, type Locate } from './policy/finding.ts';
import { type Problem, ProblemError } from './problem.ts';

export type {
  AdminAuth,
  AdminListener,
  Config,
  ServingTiming,
  XdsLimits,
  XdsListener,
  XdsTls,
} from './config/config.ts';
export type { ListenAddress } from './config/listen.ts';

/** @throws ProblemError when the file cannot be read, or {@link parseConfig} throws. */
export async function loadConfig(file: string, signal: AbortSignal): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, { encoding: 'utf8', signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw unreadable(file, cause);
  }
  return parseConfig(text, file);
}

/**
 * @param file where the text is from: problems name it, and relative paths are relative to its directory.
 * @throws ProblemError with every error and, after them, the warnings.
 */
export function parseConfig(text: string, file: string): Config {
  const yaml = readYaml(text, file);
  if (yaml.kind === 'unreadable') throw refusal(yaml.problems);
  const { value, locate } = yaml;
  const located = (flaws: readonly Flaw[]): readonly Problem[] => flaws.map((flaw) => toProblem(flaw, file, locate));
  const shapeProblems = located(checkShape(value));
  if (shapeProblems.length > 0) throw refusal(shapeProblems);

  const { config, flaws, problems } = resolveConfig(value as ConfigFile, file);
  const found = [...located(flaws), ...problems.map((problem) => placed(problem, file, locate))].sort(byPlace);
  if (found.some(({ severity }) => severity === 'error')) throw refusal(found);
  return { ...config, warnings: found };
}

function toProblem(
  { code, severity = 'error', path, at, message, remedy }: Flaw,
  file: string,
  locate: Locate,
): Problem {
  return {
    code,
    severity,
    file,
    ...locate({ path, at }),
    ...(path.length === 0 ? {} : { field: fieldOf(path) }),
    message,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** Metric sources know their fields but not the file. */
function placed(problem: Problem, file: string, locate: Locate): Problem {
  return { ...problem, file, ...locate({ path: problem.field?.split('.') ?? [], at: 'value' }) };
}

function refusal(problems: readonly Problem[]): ProblemError {
  const errorsFirst = (one: Problem, other: Problem): number =>
    Number(one.severity === 'warning') - Number(other.severity === 'warning') || byPlace(one, other);
  const [first, ...rest] = problems.toSorted(errorsFirst);
  if (first === undefined) throw new Error('a refusal needs a problem');
  return new ProblemError([first, ...rest]);
}

function unreadable(file: string, cause: unknown): ProblemError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ProblemError(
    {
      code: 'KV0509',
      severity: 'error',
      file,
      message: `the serving config cannot be read: ${reason}`,
      remedy: 'name it with --config; the least it needs is `source: {files: DIRECTORY}`',
    },
    { cause },
  );
}
