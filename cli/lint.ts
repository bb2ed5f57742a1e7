/** `kubervisor lint`: what `serve` would say about this input, before it has to. */
import { Command } from 'commander';
import { formatProblem, type Problem } from '../engine/problem.ts';
import type { Context } from './context.ts';
import { Exit, exitCodes } from './exit.ts';
import { type LintInput, readLintInput } from './lint-input.ts';
import type { OnlineCheck } from './lint-online.ts';
import { example, type Format, outputOption, printJson } from './options.ts';
import { printable } from './printable.ts';
import { type Column, fitTo, table } from './table.ts';

interface Options {
  readonly file: string;
  readonly online?: true;
  readonly config?: string;
  readonly output: Format;
}

export function lintCommand(context: Context): Command {
  return new Command('kubervisor lint')
    .description('Check policies, Services and EndpointSlices as `serve` would, without running anything.')
    .requiredOption('-f, --file <file-or-directory>', 'what to check; - is standard input')
    .option('--online', 'ask the metric sources too: series found, matched, unmatched, would be flagged now')
    .option('--config <file>', 'serving config with the metric sources; without it Prometheus at 127.0.0.1:9090')
    .addOption(outputOption())
    .addHelpText(
      'after',
      example(
        'kubervisor lint -f ./config',
        'kubervisor lint -f ./config --online --config kubervisor.yaml',
        'kubectl get kvs -A -o yaml | kubervisor lint -f -',
      ),
    )
    .action((options: Options) => run(options, context));
}

async function run({ file, online, config, output }: Options, context: Context): Promise<void> {
  const input = await readLintInput(file, context.now(), context.stdin);
  const { checks, unasked } =
    online === undefined ? { checks: [], unasked: [] } : await checkOnline(input, config, context);
  const problems = [...input.problems, ...unasked, ...checks.flatMap((check) => check.problems)];
  if (output === 'json') {
    printJson(context, {
      policies: input.policies.map(({ namespace, name }) => `${namespace}/${name}`),
      problems,
      ...(online === undefined ? {} : { online: checks.map(({ problems: _, ...check }) => check) }),
    });
  } else {
    for (const problem of problems) context.stdout.write(`${printable(formatProblem(problem))}\n`);
    if (checks.length > 0) {
      context.stdout.write(table(columns, checks, fitTo(context.stdout)));
      const asked = new Set(checks.map(({ source }) => source));
      context.stdout.write(`asked ${printable([...asked].join(', '))}\n`);
    }
    context.stdout.write(`${summary(input, problems)}\n`);
  }
  const isWrong = (found: readonly Problem[]): boolean => found.some(({ severity }) => severity === 'error');
  if (isWrong(input.problems)) throw new Exit(exitCodes.badInput);
  if (isWrong(problems)) throw new Exit(exitCodes.error);
  if (problems.length > 0) throw new Exit(exitCodes.onlyWarnings);
}

async function checkOnline(
  input: LintInput,
  config: string | undefined,
  context: Context,
): Promise<{ readonly checks: readonly OnlineCheck[]; readonly unasked: readonly Problem[] }> {
  // Loading the metric sources takes longer than reading a directory: only who asks for it pays.
  const { checkPolicies, notAsked } = await import('./lint-online.ts');
  return { checks: await checkPolicies(input, config, context.interrupted()), unasked: notAsked(input) };
}

const columns: readonly Column<OnlineCheck>[] = [
  { header: 'NAME', cell: ({ service, breaker }) => `${service}/${breaker}` },
  { header: 'OUTCOME', cell: ({ outcome }) => outcome },
  { header: 'SERIES', cell: ({ series }) => String(series) },
  { header: 'MATCHED', cell: ({ matched, backends }) => `${matched}/${backends}` },
  { header: 'UNMATCHED', cell: ({ unmatched }) => String(unmatched) },
  { header: 'FLAGGED', cell: ({ flagged }) => flagged.map(({ name }) => name).join(',') },
];

function summary({ policies, files }: LintInput, problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const found = problems.length === 0 ? 'nothing to say' : `${count(errors, 'error')}, ${count(warnings, 'warning')}`;
  return `${count(files, 'file')}, ${policies.length === 1 ? '1 policy' : `${policies.length} policies`}: ${found}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
