/** `kubervisor version`. */
import { Command } from 'commander';
import metadata from '../package.json' with { type: 'json' };
import type { Context } from './context.ts';
import { example, type Format, outputOption, printJson } from './options.ts';

export function versionCommand(context: Context): Command {
  return new Command('kubervisor version')
    .description('Print the version.')
    .addOption(outputOption())
    .addHelpText('after', example('kubervisor version -o json'))
    .action(({ output }: { readonly output: Format }) => {
      const { name, version } = metadata;
      if (output === 'json') printJson(context, { name, version, node: process.version });
      else context.stdout.write(`${name} ${version} (Node ${process.version})\n`);
    });
}
