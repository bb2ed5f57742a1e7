/** `kubervisor why`: the chain from verdicts to what is served. */
import type { Command } from 'commander';
import type { WhyResponse } from '../engine/admin/messages.ts';
import type { Context } from './context.ts';
import { tellNote } from './note.ts';
import { example, printJson, readCommand } from './options.ts';
import { printable } from './printable.ts';
import { openReader, type ReaderOptions } from './reader.ts';

interface Options extends ReaderOptions {
  readonly service?: string;
}

export function whyCommand(context: Context): Command {
  return readCommand('why', context)
    .description('Explain why a backend is out, or why it is not, and what has to happen next.')
    .argument('<POD_OR_ADDRESS>', 'pod name, backend id, address, address:port or [v6]:port')
    .option('-s, --service <namespace/service>', 'where a pod stands behind several Services')
    .addHelpText(
      'after',
      example(
        'kubervisor why pricer-3',
        'kubervisor why 10.1.0.9:8080 --service shop/pricer',
        'kubervisor why pricer-3 --context prod -n shop',
      ),
    )
    .action(async (backend: string, options: Options) => {
      const reader = await openReader(options.service, options, context);
      const answer = await reader.why(backend);
      if (options.output === 'json') return printJson(context, answer);
      context.stdout.write(explanation(answer));
      const note = reader.note(answer.replica);
      if (note.length > 0) tellNote(['', ...note], context.stderr);
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
