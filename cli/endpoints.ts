/** `kubervisor endpoints`: the backends of a Service. */
import type { Command } from 'commander';
import type { BackendView } from '../engine/admin/messages.ts';
import type { Context } from './context.ts';
import { tellNote } from './note.ts';
import { example, printJson, readCommand } from './options.ts';
import { openReader, type ReaderOptions } from './reader.ts';
import { ageText, type Column, fitTo, numberText, table } from './table.ts';

type Row = BackendView & { readonly now: number };

const columns: readonly Column<Row>[] = [
  { header: 'NAME', cell: ({ name }) => name },
  { header: 'ADDRESS', cell: ({ addresses }) => addresses.join(','), wide: true },
  { header: 'ZONE', cell: ({ zone }) => zone, wide: true },
  { header: 'VERSION', cell: ({ version }) => version, wide: true },
  { header: 'STATE', cell: stateOf },
  { header: 'WEIGHT', cell: ({ weightPercent }) => String(weightPercent) },
  { header: 'VALUE', cell: ({ value }) => numberText(value) },
  { header: 'BOUND', cell: ({ bound }) => numberText(bound), yields: true },
  { header: 'BREAKER', cell: ({ breaker }) => breaker, yields: true },
  { header: 'RETRY', cell: retriesOf, yields: true },
  { header: 'SINCE', cell: ({ decision, now }) => ageText(decision?.sinceTime, now) },
  { header: 'WHY', cell: ({ reason }) => reason },
];

export function endpointsCommand(context: Context): Command {
  return readCommand('endpoints', context, ['table', 'wide', 'json'])
    .description('Show the backends of a Service: state, weight, what was measured, and why.')
    .argument('<NAMESPACE/SERVICE>')
    .addHelpText(
      'after',
      example(
        'kubervisor endpoints shop/pricer',
        'kubervisor endpoints pricer -n shop -o wide',
        'kubervisor endpoints shop/pricer --context prod',
      ),
    )
    .action(async (service: string, options: ReaderOptions) => {
      const reader = await openReader(service, options, context);
      const response = await reader.get();
      if (options.output === 'json') return printJson(context, response);
      const rows = response.service.backends.map((backend) => ({ ...backend, now: context.now() }));
      if (rows.length === 0) context.stderr.write('no backends\n');
      else context.stdout.write(table(columns, rows, { ...fitTo(context.stdout), wide: options.output === 'wide' }));
      tellNote(reader.note(response.replica), context.stderr);
    });
}

/** What Kubernetes keeps out is not in rotation, whatever its record says. */
function stateOf({ terminating, ready, state }: Row): string {
  if (terminating) return 'leaving';
  return ready ? state : `${state},unready`;
}

function retriesOf({ decision }: Row): string {
  return decision?.cause === 'breaker' ? `${decision.retries}/${decision.maxRetries}` : '';
}
