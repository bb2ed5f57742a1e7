/** `kubervisor eject` and `kubervisor pause`. */
import type { Command } from 'commander';
import type { BackendActResponse } from '../engine/admin/messages.ts';
import { formatDuration } from '../engine/policy/duration.ts';
import { connect } from './client.ts';
import { type ActCommandOptions, actCommand, actOnService, onlyServer } from './act-command.ts';
import { isOfCluster } from './cluster/open.ts';
import type { Context } from './context.ts';
import { actorOf, example, printJson, readActSeconds, readReason, readService, servicePath } from './options.ts';

interface Options extends ActCommandOptions {
  readonly for: number;
  readonly reason: string;
  readonly force?: true;
}

export function ejectCommand(context: Context): Command {
  return takeOut('eject', context).description(
    'Take a backend out of rotation. After the time it probes its way back, judged at each step.',
  );
}

export function pauseCommand(context: Context): Command {
  return takeOut('pause', context).description(
    'Take a backend out of rotation to look at it. It is kept as it is: no activator evicts it for being paused.',
  );
}

function takeOut(verb: 'eject' | 'pause', context: Context): Command {
  return actCommand(verb, context)
    .argument('<NAMESPACE/SERVICE>')
    .argument('<POD_OR_ADDRESS>', 'pod name, backend id, address, address:port or [v6]:port')
    .requiredOption('--for <duration>', 'how long, such as 15m; at most 4h', readActSeconds)
    .requiredOption('--reason <text>', 'why, for whoever looks at it later', readReason)
    .option('--force', 'skip guards, velocity and maxEjectedPercent; never the floor')
    .addHelpText(
      'after',
      example(
        `kubervisor ${verb} shop/pricer pricer-3 --for 15m --reason "heap dump"`,
        `kubervisor ${verb} pricer pricer-3 --context prod -n shop --for 15m --reason "heap dump"`,
      ),
    )
    .action(async (service: string, backend: string, options: Options) => {
      const { for: forSeconds, reason, force = false } = options;
      if (isOfCluster(options)) {
        const action = verb === 'eject' ? 'Eject' : 'Pause';
        // The API has no fractions of a second but in this form.
        const spec = { action, endpoint: backend, for: formatDuration(forSeconds * 1000), reason } as const;
        return actOnService(service, force ? { ...spec, force } : spec, options, context);
      }
      onlyServer(options);
      const path = `${servicePath(readService(service, options.namespace))}/${verb}`;
      const body = { backend, forSeconds, reason, force, actor: actorOf(context) };
      const response = await (await connect(options)).post<BackendActResponse>(path, body);
      if (options.output === 'json') return printJson(context, response);
      const { name, state, decision } = response.backend;
      const until = decision?.nextTime === undefined ? '' : ` until ${decision.nextTime}`;
      const { left } = response.service.budget;
      context.stdout.write(`backend/${name} ${state}${until} (${left === 0 ? 'no' : left} more may go)\n`);
    });
}
