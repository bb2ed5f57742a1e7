/** `kubervisor why`: the chain from verdicts to what is served. */
import type { Command } from 'commander';
import type { WhyResponse } from '../engine/admin/messages.ts';
import { connect } from './client.ts';
import type { Context } from './context.ts';
import { example, printJson, readService, type ServiceOptions, serviceCommand } from './options.ts';
import { printable } from './printable.ts';

interface Options extends ServiceOptions {
  readonly service?: string;
}

export function whyCommand(context: Context): Command {
  return serviceCommand('why', context)
    .description('Explain why a backend is out, or why it is not, and what has to happen next.')
    .argument('<POD_OR_ADDRESS>', 'pod name, backend id, address, address:port or [v6]:port')
    .option('-s, --service <namespace/service>', 'where a pod stands behind several Services')
    .addHelpText('after', example('kubervisor why pricer-3', 'kubervisor why 10.1.0.9:8080 --service shop/pricer'))
    .action(async (backend: string, options: Options) => {
      const { service, namespace } = options;
      const filter = service === undefined ? { namespace } : { ...readService(service, namespace) };
      const client = await connect(options);
      const answer = await client.get<WhyResponse>('/why', { backend, ...filter });
      if (options.output === 'json') return printJson(context, answer);
      context.stdout.write(explanation(answer));
    });
}

/** The stage is named where it begins. */
function explanation({ conclusion, steps }: WhyResponse): string {
  const width = Math.max(...steps.map(({ stage }) => stage.length));
  const lines = steps.map(({ stage, text }, index) => {
    const label = steps[index - 1]?.stage === stage ? '' : stage;
    return `  ${label.padEnd(width)}  ${printable(text)}\n`;
  });
  return `${printable(conclusion)}\n\n${lines.join('')}`;
}
