/** `kubervisor resume`: the end of a suspension. */
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { example } from './options.ts';
import { suspensionCommand } from './suspension.ts';

export function resumeCommand(context: Context): Command {
  return suspensionCommand('resume', context)
    .description(
      'End a suspension. Breakers observe `settle` evaluations before they act again. Without a Service it ends the ' +
        'suspension of everything; Services that are suspended by themselves stay so.',
    )
    .addHelpText(
      'after',
      example(
        'kubervisor resume shop/pricer --reason "load test is over"',
        'kubervisor resume shop/pricer --context prod --reason "load test is over"',
      ),
    );
}
