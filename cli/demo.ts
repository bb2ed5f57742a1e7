/** `kubervisor demo`. */
import { Command } from 'commander';
import type { Context } from './context.ts';
import { example } from './options.ts';

export function demoCommand(context: Context): Command {
  return new Command('kubervisor demo')
    .description('Play a flight search: one pod of six turns bad, comes back, and then five of six turn bad together.')
    .option('--ci', 'no live table; the figures as JSON on the last line')
    .option('--keep', 'leave everything running afterwards, until Ctrl-C')
    .addHelpText('after', example('npm run demo -- --keep'))
    .action(async ({ ci = false, keep = false }: { readonly ci?: boolean; readonly keep?: boolean }) => {
      const { runDemo } = await import('../demo/run.ts');
      await runDemo({ isCi: ci, keep, out: context.stdout, env: context.env, signal: context.interrupted() });
    });
}
