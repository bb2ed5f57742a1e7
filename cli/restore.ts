/** `kubervisor restore`. */
import type { Command } from 'commander';
import type { BackendActResponse } from '../engine/admin/messages.ts';
import { type ActCommandOptions, actCommand, actOnService, onlyServer } from './act-command.ts';
import { connect } from './client.ts';
import { isOfCluster } from './cluster/open.ts';
import type { Context } from './context.ts';
import { actorOf, example, printJson, readReason, readService, servicePath, usage } from './options.ts';

interface Options extends ActCommandOptions {
  readonly reason: string;
  readonly ramp?: true;
  readonly local?: true;
}

export function restoreCommand(context: Context): Command {
  return actCommand('restore', context)
    .description('Bring a backend back, at full weight at once. A breaker that finds it bad again takes it out again.')
    .argument('<NAMESPACE/SERVICE>')
    .argument('<POD_OR_ADDRESS>', 'pod name, backend id, address, address:port or [v6]:port')
    .requiredOption('--reason <text>', 'why, for whoever looks at it later', readReason)
    .option('--ramp', 'through the ramp, by time')
    .option('--local', 'at the server named with --server alone, without the store: until anything else is decided')
    .addHelpText(
      'after',
      example(
        'kubervisor restore shop/pricer pricer-3 --reason "cache rebuilt"',
        'kubervisor restore shop/pricer pricer-3 --context prod --reason "cache rebuilt"',
      ),
    )
    .action(async (service: string, backend: string, options: Options) => {
      const { reason, ramp = false, local = false } = options;
      if (local && ramp) throw usage('--local excludes --ramp', 'a ramp is decided, and so it is the same everywhere');
      if (isOfCluster(options)) {
        if (local)
          throw usage('--local is for one replica', 'name it with --server; without --local the leader restores');
        const spec = { action: 'Restore', endpoint: backend, reason } as const;
        return actOnService(service, ramp ? { ...spec, ramp } : spec, options, context);
      }
      onlyServer(options);
      const path = `${servicePath(readService(service, options.namespace))}/restore`;
      const body = { backend, reason, ramp, local, actor: actorOf(context) };
      const response = await (await connect(options)).post<BackendActResponse>(path, body);
      if (options.output === 'json') return printJson(context, response);
      const { name, state, weightPercent } = response.backend;
      const what = local ? `at this replica only; it is ${state} on record` : `(${state}, weight ${weightPercent} %)`;
      context.stdout.write(`backend/${name} ${ramp ? 'is on its way back, by the ramp' : 'restored'} ${what}\n`);
    });
}
