/** What `suspend` and `resume` share: one Service, or everything. */
import type { Command } from 'commander';
import { onlyServer } from './act-command.ts';
import type { ListResponse, ResumeResponse, ServiceView, SuspendResponse } from '../engine/admin/messages.ts';
import { connect } from './client.ts';
import { type ClusterOptions, isOfCluster, openCluster, serviceIn } from './cluster/open.ts';
import type { SuspensionOptions } from './cluster/suspend.ts';
import type { Context } from './context.ts';
import { failure } from './exit.ts';
import { tellStillSuspended } from './note.ts';
import {
  actorOf,
  clusterCommand,
  printJson,
  readReason,
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
    .requiredOption('--reason <text>', 'why, for whoever looks at it later', readReason)
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
      const client = await connect(options);
      const response = await client.post<SuspendResponse | ResumeResponse>(path, body);
      const { notStored } = response;
      const what = named === undefined ? 'everything' : `service/${named.namespace}/${named.name}`;
      const where = notStored === undefined ? '' : ', at this replica only';
      if (options.output === 'json') printJson(context, response);
      else context.stdout.write(`${what} ${verb === 'suspend' ? 'suspended' : 'resumed'}${where}\n`);
      if (named === undefined && verb === 'resume') {
        const { services } = await client.get<ListResponse>('/services');
        tellStillSuspended(services.filter(isSuspended).map(fullName), context.stderr);
      }
      if (notStored !== undefined) throw onlyHere(notStored);
    });
}

function isSuspended({ suspension, enforcement }: ServiceView): boolean {
  return suspension !== undefined || enforcement === 'Suspended';
}

function fullName({ namespace, name }: ServiceView): string {
  return `${namespace}/${name}`;
}

/** Who breaks the glass has to know that the others serve on as before. */
function onlyHere(why: string): Error {
  return failure({
    code: 'KV0814',
    message: `only the replica that was asked obeys: it is not on record yet: ${why}`,
    remedy: 'ask each of the others too, with its --server; once it can be written down all obey',
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
