/** `kubervisor grpcurl`: what to type to see what clients get, on the wire itself. */
import type { Command } from 'commander';
import { formatListen } from '../engine/config/listen.ts';
import { aggregatedService, clusterService, endpointService, statusService } from '../xds/services.ts';
import { endpointType } from '../xds/types.ts';
import type { Context } from './context.ts';
import { example, type Format, outputOption, printJson, usage } from './options.ts';
import { readTarget, readTls, type TlsFiles, xdsCommand, type XdsOptions } from './xds-options.ts';

interface Options extends XdsOptions {
  readonly output: Format;
}

interface Call {
  /** For a person. */
  readonly what: string;
  readonly request?: object;
  /** After the address: a verb of grpcurl, or a method. */
  readonly call: readonly string[];
}

export function grpcurlCommand(context: Context): Command {
  return xdsCommand('grpcurl')
    .description('Print grpcurl commands that show what clients of xDS get for a Service. They change nothing.')
    .argument('<NAMESPACE/SERVICE[:PORT]>', 'without a port: the only one the Service has')
    .addOption(outputOption())
    .addHelpText(
      'after',
      example(
        'kubervisor grpcurl shop/pricer:http',
        'kubervisor grpcurl shop/pricer --xds-address kubervisor.mesh:18000 --tls --ca-file ca.pem',
      ),
    )
    .action((service: string, options: Options) => run(service, options, context));
}

function run(service: string, options: Options, context: Context): void {
  const { name } = readTarget(service, options.namespace);
  const connection = connectionFlags(readTls(options), options.xdsAddress.host);
  const address = formatListen(options.xdsAddress);
  const commands = callsFor(name).map(({ what, request, call }) => {
    const data = request === undefined ? [] : ['-d', JSON.stringify(request)];
    return { what, command: ['grpcurl', ...connection, ...data, address, ...call] };
  });
  if (options.output === 'json') return printJson(context, commands);
  for (const { what, command } of commands) context.stdout.write(`# ${what}\n${command.map(quoted).join(' ')}\n`);
}

function callsFor(name: string): readonly Call[] {
  return [
    { what: 'what is served here', call: ['list'] },
    { what: 'what can be asked of endpoints', call: ['describe', endpointService] },
    { what: 'the endpoints, once', request: { resource_names: [name] }, call: [`${endpointService}/FetchEndpoints`] },
    {
      what: 'as Envoy asks by SotW; ends after the first answer',
      request: { resource_names: [name] },
      call: [`${endpointService}/StreamEndpoints`],
    },
    {
      what: 'by delta',
      request: { resource_names_subscribe: [name] },
      call: [`${endpointService}/DeltaEndpoints`],
    },
    {
      what: 'by ADS',
      request: { type_url: endpointType, resource_names: [name] },
      call: [`${aggregatedService}/StreamAggregatedResources`],
    },
    {
      what: 'by delta ADS',
      request: { type_url: endpointType, resource_names_subscribe: [name] },
      call: [`${aggregatedService}/DeltaAggregatedResources`],
    },
    {
      what: 'the cluster that is recommended for it',
      request: { resource_names: [name] },
      call: [`${clusterService}/FetchClusters`],
    },
    { what: 'who is connected, and what each has accepted', call: [`${statusService}/FetchClientStatus`] },
    { what: 'whether it serves', call: ['grpc.health.v1.Health/Check'] },
  ];
}

function connectionFlags(tls: TlsFiles | undefined, host: string): readonly string[] {
  if (tls === undefined) return ['-plaintext'];
  if (tls.serverName.includes('://')) {
    throw usage('grpcurl compares DNS names and addresses only', 'leave out --server-name, or give a DNS name');
  }
  return [
    ...['-cacert', tls.ca],
    ...(tls.own === undefined ? [] : ['-cert', tls.own.cert, '-key', tls.own.key]),
    ...(tls.serverName === host ? [] : ['-servername', tls.serverName]),
  ];
}

/** For a shell. */
function quoted(word: string): string {
  return /^[\w./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
