/** `kubervisor proxies`: who is connected, and how far each has followed. */
import type { Command } from 'commander';
import type { ProxiesResponse, ProxyView, SubscriptionView } from '../engine/admin/messages.ts';
import { connect } from './client.ts';
import type { Context } from './context.ts';
import { example, printJson, type ServerOptions, serverCommand } from './options.ts';
import { ageText, type Column, defaultWidth, table } from './table.ts';

interface Row {
  readonly proxy: ProxyView;
  readonly subscription: SubscriptionView | undefined;
  readonly now: number;
}

const columns: readonly Column<Row>[] = [
  { header: 'NAME', cell: ({ proxy }) => proxy.nodeId || proxy.address },
  { header: 'CLUSTER', cell: ({ proxy }) => proxy.nodeCluster, wide: true },
  { header: 'ADDRESS', cell: ({ proxy }) => proxy.address, wide: true },
  { header: 'VERSION', cell: ({ proxy }) => proxy.version },
  { header: 'AGE', cell: ({ proxy, now }) => ageText(proxy.connectedTime, now) },
  { header: 'TYPE', cell: ({ subscription }) => subscription?.type ?? '' },
  { header: 'SUBSCRIBED', cell: ({ subscription }) => String(subscription?.resources ?? 0) },
  { header: 'ACKED', cell: ({ subscription }) => subscription?.ackedVersion ?? '' },
  { header: 'SENT', cell: ({ subscription }) => subscription?.sentVersion ?? '', wide: true },
  { header: 'LAG', cell: ({ subscription, now }) => ageText(subscription?.waitingSinceTime, now) },
  { header: 'NACK', cell: ({ subscription }) => nackText(subscription) },
];

export function proxiesCommand(context: Context): Command {
  return serverCommand('proxies', context, ['table', 'wide', 'json'])
    .description('Show connected proxies: what each asked for, has accepted, or has refused.')
    .addHelpText('after', example('kubervisor proxies', 'kubervisor proxies -o wide'))
    .action(async (options: ServerOptions) => {
      const response = await (await connect(options)).get<ProxiesResponse>('/proxies');
      if (options.output === 'json') return printJson(context, response);
      const now = context.now();
      const rows = response.proxies.flatMap((proxy): readonly Row[] =>
        proxy.subscriptions.length === 0
          ? [{ proxy, subscription: undefined, now }]
          : proxy.subscriptions.map((subscription) => ({ proxy, subscription, now })),
      );
      if (rows.length === 0) context.stderr.write('no proxy is connected\n');
      else context.stdout.write(table(columns, rows, { width: defaultWidth, wide: options.output === 'wide' }));
    });
}

function nackText(subscription: SubscriptionView | undefined): string {
  if (subscription === undefined || subscription.nackedVersion === '') return '';
  return `${subscription.nackedVersion}: ${subscription.nackMessage}`;
}
