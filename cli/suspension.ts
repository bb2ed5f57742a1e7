/** What `suspend` and `resume` share: one Service, or everything. */
import type { Command } from 'commander';
import { connect } from './client.ts';
import type { Context } from './context.ts';
import { actorOf, printJson, readService, type ServiceOptions, serviceCommand, servicePath, usage } from './options.ts';

interface Options extends ServiceOptions {
  readonly reason: string;
}

export function suspensionCommand(verb: 'suspend' | 'resume', context: Context): Command {
  return serviceCommand(verb, context)
    .argument('[NAMESPACE/SERVICE]', 'without it: everything')
    .requiredOption('--reason <text>', 'why, for whoever looks at it later')
    .action(async (service: string | undefined, options: Options) => {
      if (service === undefined && options.namespace !== undefined) {
        // To be taken at this word would be to act on everything.
        throw usage(
          `${verb} takes a Service or everything, not a namespace`,
          'name a Service, or leave -n out for everything',
        );
      }
      const named = service === undefined ? undefined : readService(service, options.namespace);
      const path = named === undefined ? `/${verb}` : `${servicePath(named)}/${verb}`;
      const body = { reason: options.reason, actor: actorOf(context) };
      const response = await (await connect(options)).post(path, body);
      if (options.output === 'json') return printJson(context, response);
      const what = named === undefined ? 'everything' : `service/${named.namespace}/${named.name}`;
      context.stdout.write(`${what} ${verb === 'suspend' ? 'suspended' : 'resumed'}\n`);
    });
}
