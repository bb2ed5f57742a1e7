/** `kubervisor suspend`: the break-glass. */
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { example } from './options.ts';
import { suspensionCommand } from './suspension.ts';

export function suspendCommand(context: Context): Command {
  return suspensionCommand('suspend', context)
    .description(
      'Break-glass: bring everyone back that a breaker took out, and let no breaker act until resume. Works without ' +
        'metrics and without the store. What people took out of a Service stays out; suspending everything lifts that too.',
    )
    .addHelpText(
      'after',
      example(
        'kubervisor suspend shop/pricer --reason "load test"',
        'kubervisor suspend shop/pricer --context prod --reason "load test"',
        'kubervisor suspend --reason "the metrics lie, see the incident channel"',
      ),
    );
}
