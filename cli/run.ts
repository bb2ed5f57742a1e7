/** From a command line to an exit code. Throws nothing: whatever happens becomes one readable line a problem. */
import { Command, CommanderError } from 'commander';
import { formatProblem, type Problem, ProblemError } from '../engine/problem.ts';
import { commands } from './commands.ts';
import type { Context } from './context.ts';
import { Exit, exitCodes, Interrupted } from './exit.ts';
import { printable } from './printable.ts';

export async function runCli(argv: readonly string[], context: Context): Promise<number> {
  try {
    const [name, ...rest] = spelledOut(argv);
    const entry = commands.find((candidate) => candidate.name === name);
    const command = entry === undefined ? overview() : (await entry.load())(context);
    command.exitOverride().configureOutput({
      writeOut: (text) => context.stdout.write(asCalled(text, context)),
      writeErr: (text) => context.stderr.write(asCalled(text, context)),
      outputError: (text, write) => write(`${command.name()}: ${oneLine(text)}\n`),
    });
    if (name === undefined) command.help({ error: true });
    await command.parseAsync([...(entry === undefined ? argv : rest)], { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    return tell(error, context);
  }
}

/** What people type by habit. */
function spelledOut(argv: readonly string[]): readonly string[] {
  const [first, second] = argv;
  if (first === '--version' || first === '-V') return ['version'];
  return first === 'help' && second !== undefined ? [second, '--help'] : argv;
}

/** In help, the program has the name under which it was called. */
function asCalled(text: string, { program }: Context): string {
  return text.replaceAll(/^(Usage: | {2}|)kubervisor(?= )/gm, `$1${program}`);
}

function oneLine(text: string): string {
  return text
    .replace(/^error: /, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ');
}

/** What there is; the commands themselves are loaded when they are called. */
function overview(): Command {
  const program = new Command('kubervisor')
    .description('Takes broken endpoints out of rotation in the mesh, and brings them back by evidence.')
    .helpCommand('help COMMAND', 'help for a command')
    .addHelpText('after', '\nkubervisor COMMAND --help has the options and an example.');
  for (const { name, summary } of commands) program.command(name).summary(summary).description(summary);
  return program;
}

function tell(error: unknown, { stderr }: Context): number {
  const say = (problems: readonly Problem[]): void => {
    for (const problem of problems) stderr.write(`${printable(formatProblem(problem))}\n`);
  };
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof Exit) {
    say(error.problems);
    return error.exitCode;
  }
  if (error instanceof ProblemError) {
    say(error.problems);
    return isBadInput(error.problem) ? exitCodes.badInput : exitCodes.error;
  }
  if (isInterruption(error)) {
    stderr.write('kubervisor: interrupted\n');
    return exitCodes.error;
  }
  stderr.write(`kubervisor: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return exitCodes.error;
}

/** Node wraps the reason of a signal where it aborts a wait of its own. */
function isInterruption(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof Error && error.cause instanceof Interrupted);
}

/**
 * Policies, input files and the serving config, with its metric sources, certificates and kubeconfig; a port in use is nobody's
 * typing error.
 */
function isBadInput({ code }: Problem): boolean {
  return /^KV0([125]|30[1-8]$|71[56]|750|804|815|850)/.test(code) && code !== 'KV0510';
}
