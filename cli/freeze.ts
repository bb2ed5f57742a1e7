/** `kubervisor freeze` and `kubervisor unfreeze`. */
import type { Command } from 'commander';
import type { FreezeResponse } from '../engine/admin/messages.ts';
import { connect } from './client.ts';
import type { Context } from './context.ts';
import {
  actorOf,
  example,
  printJson,
  readActSeconds,
  readService,
  type ServiceOptions,
  serviceCommand,
  servicePath,
} from './options.ts';

interface UnfreezeOptions extends ServiceOptions {
  readonly reason: string;
}

interface FreezeOptions extends UnfreezeOptions {
  readonly for: number;
}

export function freezeCommand(context: Context): Command {
  return serviceCommand('freeze', context)
    .description(
      'For a while nobody goes out and nobody comes back by itself. Breakers judge and are shown, what they would do is ' +
        'held, and times out and steps of ramps wait. People, suspensions and the floor act as always.',
    )
    .argument('<NAMESPACE/SERVICE>')
    .requiredOption('--for <duration>', 'how long, such as 15m; at most 4h', readActSeconds)
    .requiredOption('--reason <text>', 'why, for whoever looks at it later')
    .addHelpText('after', example('kubervisor freeze shop/pricer --for 30m --reason "the metrics move house"'))
    .action(async (service: string, options: FreezeOptions) => {
      const named = readService(service, options.namespace);
      const body = { forSeconds: options.for, reason: options.reason, actor: actorOf(context) };
      const response = await (await connect(options)).post<FreezeResponse>(`${servicePath(named)}/freeze`, body);
      if (options.output === 'json') return printJson(context, response);
      const until = response.service.freeze?.untilTime ?? '';
      context.stdout.write(`service/${named.namespace}/${named.name} frozen until ${until}\n`);
    });
}

export function unfreezeCommand(context: Context): Command {
  return serviceCommand('unfreeze', context)
    .description('End a freeze before its time. Whose time out is over by then probes at once.')
    .argument('<NAMESPACE/SERVICE>')
    .requiredOption('--reason <text>', 'why, for whoever looks at it later')
    .addHelpText('after', example('kubervisor unfreeze shop/pricer --reason "the metrics are back"'))
    .action(async (service: string, options: UnfreezeOptions) => {
      const named = readService(service, options.namespace);
      const body = { reason: options.reason, actor: actorOf(context) };
      const response = await (await connect(options)).post<FreezeResponse>(`${servicePath(named)}/unfreeze`, body);
      if (options.output === 'json') return printJson(context, response);
      context.stdout.write(`service/${named.namespace}/${named.name} is not frozen any more\n`);
    });
}
