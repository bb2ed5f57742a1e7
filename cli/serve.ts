/** `kubervisor serve`. */
import { Command } from 'commander';
import metadata from '../package.json' with { type: 'json' };
import type { Context } from './context.ts';
import { example } from './options.ts';

export function serveCommand(context: Context): Command {
  return new Command('kubervisor serve')
    .description('Run Kubervisor: decide, and serve the decisions to Envoys by xDS, until it is told to stop.')
    .requiredOption('--config <file>', 'the serving config; docs/serving-config.md has every key')
    .addHelpText('after', example('kubervisor serve --config kubervisor.yaml'))
    .action(async ({ config }: { readonly config: string }) => {
      // The engine and gRPC are a second of loading that no other command should pay for.
      const { serve } = await import('../engine/main.ts');
      const { growHeapSlowly } = await import('../engine/heap.ts');
      growHeapSlowly();
      await serve({ config, signal: context.interrupted(), version: metadata.version });
    });
}
