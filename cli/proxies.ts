/** `kubervisor proxies`: who is connected, how far each has followed, and which version of a Service each holds. */
import type { Command } from 'commander';
import type { HoldingView, ProxiesResponse, ProxyView, SubscriptionView } from '../engine/admin/messages.ts';
import { connect } from './client.ts';
import type { Context } from './context.ts';
import { example, printJson, readService, type ServiceName, type ServiceOptions, serviceCommand } from './options.ts';
import { printable } from './printable.ts';
import { ageText, type Column, defaultWidth, table } from './table.ts';

interface Row {
  readonly proxy: ProxyView;
  readonly subscription: SubscriptionView | undefined;
  readonly now: number;
}

interface HoldingRow extends Row {
  readonly holding: HoldingView;
}

const name: Column<Row> = { header: 'NAME', cell: ({ proxy }) => proxy.nodeId || proxy.address };
const version: Column<Row> = { header: 'VERSION', cell: ({ proxy }) => proxy.version };
const type: Column<Row> = { header: 'TYPE', cell: ({ subscription }) => shortType(subscription?.type ?? '') };
/** Of the proxy, for those who want to see it all. */
const wideColumns: readonly Column<Row>[] = [
  { header: 'CLUSTER', cell: ({ proxy }) => proxy.nodeCluster, wide: true },
  { header: 'ADDRESS', cell: ({ proxy }) => proxy.address, wide: true },
  { header: 'IDENTITY', cell: ({ proxy }) => proxy.identity ?? '', wide: true },
  { header: 'ZONE', cell: ({ proxy }) => proxy.zone, wide: true },
];

const columns: readonly Column<Row>[] = [
  name,
  ...wideColumns,
  version,
  { header: 'AGE', cell: ({ proxy, now }) => ageText(proxy.connectedTime, now) },
  type,
  { header: 'SUBSCRIBED', cell: ({ subscription }) => String(subscription?.resources ?? 0) },
  { header: 'STATUS', cell: ({ subscription }) => subscription?.status ?? '' },
  { header: 'ACKED', cell: ({ subscription }) => subscription?.ackedVersion ?? '' },
  { header: 'SENT', cell: ({ subscription }) => subscription?.sentVersion ?? '', wide: true },
  { header: 'LAG', cell: ({ subscription, now }) => ageText(subscription?.waitingSinceTime, now) },
  { header: 'NACK', cell: ({ subscription, now }) => nackText(subscription, now) },
];

const holdingColumns: readonly Column<HoldingRow>[] = [
  name,
  ...wideColumns,
  { ...version, wide: true },
  type,
  { header: 'RESOURCE', cell: ({ holding }) => holding.name },
  { header: 'STATUS', cell: ({ holding }) => holding.status },
  { header: 'HOLDS', cell: ({ holding }) => holding.ackedVersion },
  { header: 'CURRENT', cell: ({ holding }) => holding.currentVersion },
  { header: 'SENT', cell: ({ holding }) => holding.sentVersion, wide: true },
  { header: 'LAG', cell: ({ holding, now }) => ageText(holding.behindSinceTime, now) },
  { header: 'NACK', cell: ({ holding, now }) => nackText(holding, now) },
];

export function proxiesCommand(context: Context): Command {
  return serviceCommand('proxies', context, ['table', 'wide', 'json'])
    .description('Show connected proxies: what each asked for, has accepted, or has refused.')
    .argument('[NAMESPACE/SERVICE]', 'who holds which version of this Service')
    .addHelpText('after', example('kubervisor proxies', 'kubervisor proxies -o wide', 'kubervisor proxies shop/pricer'))
    .action(async (service: string | undefined, options: ServiceOptions) => {
      const client = await connect(options);
      const filter = filterOf(service, options.namespace);
      const response = await client.get<ProxiesResponse>('/proxies', { ...filter });
      if (options.output === 'json') return printJson(context, response);
      const { stdout, stderr } = context;
      for (const note of response.notes) stderr.write(`note: ${printable(note)}\n`);
      if (response.proxies.length === 0) stderr.write(`${nobody(filter)}\n`);
      else
        stdout.write(
          filter === undefined ? proxiesText(response, options, context) : holdingsText(response, options, context),
        );
    });
}

type Filter = ServiceName | { readonly namespace: string };

function filterOf(service: string | undefined, namespace: string | undefined): Filter | undefined {
  if (service !== undefined) return readService(service, namespace);
  return namespace === undefined ? undefined : { namespace };
}

function nobody(filter: Filter | undefined): string {
  if (filter === undefined) return 'no proxy is connected';
  return `no proxy asks for ${filter.namespace}/${'name' in filter ? filter.name : '*'}`;
}

function proxiesText({ proxies }: ProxiesResponse, { output }: ServiceOptions, { now }: Context): string {
  const rows = proxies.flatMap((proxy): readonly Row[] =>
    proxy.subscriptions.length === 0
      ? [{ proxy, subscription: undefined, now: now() }]
      : proxy.subscriptions.map((subscription) => ({ proxy, subscription, now: now() })),
  );
  return table(columns, rows, { width: defaultWidth, wide: output === 'wide' });
}

function holdingsText({ proxies }: ProxiesResponse, { output }: ServiceOptions, { now }: Context): string {
  const rows = proxies.flatMap((proxy) =>
    proxy.subscriptions.flatMap((subscription) =>
      subscription.holdings.map((holding): HoldingRow => ({ proxy, subscription, holding, now: now() })),
    ),
  );
  const behind = rows.filter(({ holding }) => holding.behindSinceTime !== undefined);
  return (
    table(holdingColumns, rows, { width: defaultWidth, wide: output === 'wide' }) +
    `\n${rows.length - behind.length} of ${rows.length} hold what is served now\n`
  );
}

/** As people call it; the long names would leave no room for what a proxy has to say. */
function shortType(name: string): string {
  return shortTypes[name] ?? name;
}

const shortTypes: Readonly<Record<string, string>> = {
  Cluster: 'cds',
  ClusterLoadAssignment: 'eds',
  Listener: 'lds',
  RouteConfiguration: 'rds',
};

function nackText(
  of: Pick<HoldingView, 'nackedVersion' | 'nackMessage' | 'nackedTime'> | undefined,
  now: number,
): string {
  if (of === undefined || of.nackedVersion === '') return '';
  return `${ageText(of.nackedTime, now)} ago, ${of.nackedVersion}: ${of.nackMessage}`;
}
