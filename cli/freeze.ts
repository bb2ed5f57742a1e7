/** `kubervisor freeze` and `kubervisor unfreeze`. */
import type { Command } from 'commander';
import type { FreezeResponse } from '../engine/admin/messages.ts';
import { connect } from './client.ts';
import { leadershipOf, type ReplicasOptions } from './cluster/leader.ts';
import { type ClusterOptions, isOfCluster, openCluster } from './cluster/open.ts';
import type { Context } from './context.ts';
import { failure } from './exit.ts';
import { forwardTo } from './note.ts';
import {
  actorOf,
  clusterCommand,
  example,
  printJson,
  readActSeconds,
  readReason,
  readService,
  type ServiceOptions,
  servicePath,
  withReplicas,
} from './options.ts';

interface UnfreezeOptions extends ServiceOptions, ClusterOptions, ReplicasOptions {
  readonly namespace?: string;
  readonly reason: string;
}

interface FreezeOptions extends UnfreezeOptions {
  readonly for: number;
}

export function freezeCommand(context: Context): Command {
  return withReplicas(clusterCommand('freeze', context))
    .description(
      'For a while nobody goes out and nobody comes back by itself. Breakers judge and are shown, what they would do is ' +
        'held, and times out and steps of ramps wait. People, suspensions and the floor act as always.',
    )
    .argument('<NAMESPACE/SERVICE>')
    .requiredOption('--for <duration>', 'how long, such as 15m; at most 4h', readActSeconds)
    .requiredOption('--reason <text>', 'why, for whoever looks at it later', readReason)
    .addHelpText('after', example('kubervisor freeze shop/pricer --for 30m --reason "the metrics move house"'))
    .action(async (service: string, options: FreezeOptions) => {
      if (isOfCluster(options)) throw await onlyTheLeader(options, context);
      const named = readService(service, options.namespace);
      const body = { forSeconds: options.for, reason: options.reason, actor: actorOf(context) };
      const response = await (await connect(options)).post<FreezeResponse>(`${servicePath(named)}/freeze`, body);
      if (options.output === 'json') return printJson(context, response);
      const until = response.service.freeze?.untilTime ?? '';
      context.stdout.write(`service/${named.namespace}/${named.name} frozen until ${until}\n`);
    });
}

export function unfreezeCommand(context: Context): Command {
  return withReplicas(clusterCommand('unfreeze', context))
    .description('End a freeze before its time. Whose time out is over by then probes at once.')
    .argument('<NAMESPACE/SERVICE>')
    .requiredOption('--reason <text>', 'why, for whoever looks at it later', readReason)
    .addHelpText('after', example('kubervisor unfreeze shop/pricer --reason "the metrics are back"'))
    .action(async (service: string, options: UnfreezeOptions) => {
      if (isOfCluster(options)) throw await onlyTheLeader(options, context);
      const named = readService(service, options.namespace);
      const body = { reason: options.reason, actor: actorOf(context) };
      const response = await (await connect(options)).post<FreezeResponse>(`${servicePath(named)}/unfreeze`, body);
      if (options.output === 'json') return printJson(context, response);
      context.stdout.write(`service/${named.namespace}/${named.name} is not frozen any more\n`);
    });
}

/** It is no object that a person could make: the leader keeps it with its decisions. */
async function onlyTheLeader(options: UnfreezeOptions, context: Context): Promise<Error> {
  const leadership = await leadershipOf(await openCluster(options, context), options, context.now());
  const message = 'a freeze is asked of the leader itself, not of the cluster';
  if (leadership.kind !== 'leads') return failure({ code: 'KV0837', message: `${message}; ${leadership.why}` });
  const remedy = `${forwardTo(leadership.holder, options)}, then --server http://127.0.0.1:18080`;
  return failure({ code: 'KV0837', message, remedy });
}
