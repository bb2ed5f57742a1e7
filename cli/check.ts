/** `kubervisor check`: whether a cluster is ready for it, and whether it is well. */
import { Command } from 'commander';
import { createWorld } from './check/world.ts';
import { type Checked, checks, checksBefore, runChecks } from './check/run.ts';
import type { ReplicasOptions } from './cluster/leader.ts';
import { type ClusterOptions, openCluster } from './cluster/open.ts';
import type { Context, Output } from './context.ts';
import { Exit, exitCodes } from './exit.ts';
import { example, type Format, outputOption, printJson, withReplicas } from './options.ts';
import { printable } from './printable.ts';

interface Options extends ClusterOptions, ReplicasOptions {
  readonly pre?: true;
  readonly allowWarnings?: true;
  readonly config?: string;
  readonly output: Format;
}

export function checkCommand(context: Context): Command {
  const command = new Command('kubervisor check')
    .description(
      'Look at a cluster: with --pre, whether Kubervisor can be installed there; without, whether it is well.',
    )
    .option('--pre', 'before the installation')
    .option('--allow-warnings', 'exit code 0 for those, where only failures count')
    .option('--context <name>', 'context of the kubeconfig; default: the current one')
    .option('--kubeconfig <file>', 'default: as kubectl finds it')
    .option('-n, --namespace <namespace>', 'look at the Services of this namespace only; default: of all')
    .option('--config <file>', 'a serving config: its metric sources are asked as well');
  return withReplicas(command)
    .addOption(outputOption())
    .addHelpText('after', example('kubervisor check --pre --context prod', 'kubervisor check --context prod -n shop'))
    .action((options: Options) => run(options, context));
}

async function run(options: Options, context: Context): Promise<void> {
  const { namespace, config, controllerNamespace, lease, output } = options;
  const world = createWorld({
    cluster: await openCluster(options, context),
    now: context.now(),
    controllerNamespace,
    lease,
    ...(namespace === undefined ? {} : { namespace }),
    ...(config === undefined ? {} : { config }),
  });
  const tell = (checked: Checked): void => {
    if (output !== 'json') context.stdout.write(linesOf(checked, context.stdout));
  };
  const found = await runChecks(options.pre === true ? checksBefore : checks, world, tell);
  const count = (outcome: Checked['outcome']): number => found.filter((each) => each.outcome === outcome).length;
  const summary = { ok: count('ok'), warnings: count('warning'), failed: count('failed') };
  if (output === 'json') printJson(context, { checks: found, summary });
  else context.stdout.write(`\n${summary.ok} ok, ${summary.warnings} warnings, ${summary.failed} failed\n`);
  if (summary.failed > 0) throw new Exit(exitCodes.error);
  if (summary.warnings > 0 && options.allowWarnings === undefined) throw new Exit(exitCodes.onlyWarnings);
}

/** A log or a mail may know no such signs. */
const signs = {
  ok: { terminal: '✓', plain: 'ok  ' },
  warning: { terminal: '‼', plain: 'warn' },
  failed: { terminal: '✗', plain: 'FAIL' },
} as const;

function linesOf({ outcome, message, hint }: Checked, { isTerminal }: Output): string {
  const sign = signs[outcome][isTerminal ? 'terminal' : 'plain'];
  const indent = ' '.repeat(sign.length + 1);
  return `${sign} ${printable(message)}\n${hint === undefined ? '' : `${indent}${printable(hint)}\n`}`;
}
