/** What `suspend` and `resume` share: one Service, or everything. */
import type { Command } from 'commander';
import { onlyServer } from './act-command.ts';
import { connect } from './client.ts';
import { type ClusterOptions, isOfCluster, openCluster, serviceIn } from './cluster/open.ts';
import type { SuspensionOptions } from './cluster/suspend.ts';
import type { Context } from './context.ts';
import {
  actorOf,
  clusterCommand,
  printJson,
  readService,
  type ServiceOptions,
  servicePath,
  usage,
  withReplicas,
} from './options.ts';

interface Options extends Omit<SuspensionOptions, 'output'>, ServiceOptions, ClusterOptions {
  readonly namespace?: string;
}

export function suspensionCommand(verb: 'suspend' | 'resume', context: Context): Command {
  return withReplicas(clusterCommand(verb, context))
    .argument('[NAMESPACE/SERVICE]', 'without it: everything')
    .requiredOption('--reason <text>', 'why, for whoever looks at it later')
    .option('--dry-run', 'with --context: let the API server check it, and do nothing')
    .action(async (service: string | undefined, options: Options) => {
      if (service === undefined && options.namespace !== undefined) {
        // To be taken at this word would be to act on everything.
        throw usage(
          `${verb} takes a Service or everything, not a namespace`,
          'name a Service, or leave -n out for everything',
        );
      }
      if (isOfCluster(options)) return inCluster(verb, service, options, context);
      onlyServer(options);
      const named = service === undefined ? undefined : readService(service, options.namespace);
      const path = named === undefined ? `/${verb}` : `${servicePath(named)}/${verb}`;
      const body = { reason: options.reason, actor: actorOf(context) };
      const response = await (await connect(options)).post(path, body);
      if (options.output === 'json') return printJson(context, response);
      const what = named === undefined ? 'everything' : `service/${named.namespace}/${named.name}`;
      context.stdout.write(`${what} ${verb === 'suspend' ? 'suspended' : 'resumed'}\n`);
    });
}

async function inCluster(
  verb: 'suspend' | 'resume',
  service: string | undefined,
  options: Options,
  context: Context,
): Promise<void> {
  const suspension = await import('./cluster/suspend.ts');
  const cluster = await openCluster(options, context);
  if (service === undefined) return suspension.everythingInCluster(cluster, verb, options, context);
  const act = verb === 'suspend' ? suspension.suspendInCluster : suspension.resumeInCluster;
  await act(cluster, serviceIn(cluster, service, options.namespace), options, context);
}
