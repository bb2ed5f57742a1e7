/** `kubervisor render`: configuration for programs that are to obey us. Needs no server. */
import { Argument, type Command, Option } from 'commander';
import type { ListenAddress } from '../engine/config/listen.ts';
import type { Context } from './context.ts';
import { example, printJson, readSeconds } from './options.ts';
import { type BootstrapFacts, envoyBootstrap, envoyClusters, type Transport, transports } from './render/envoy.ts';
import { defaultFacts, readFacts } from './render/facts.ts';
import { headOf, notesOf } from './render/notes.ts';
import { annotatedYaml } from './render/yaml.ts';
import { addressOption, readTarget, readTls, xdsCommand, type XdsOptions } from './xds-options.ts';

interface Options extends XdsOptions {
  readonly file?: string;
  readonly transport: Transport;
  readonly listen: ListenAddress;
  readonly fallback?: ListenAddress;
  readonly http2?: true;
  readonly nodeId?: string;
  readonly zone?: string;
  readonly subZone?: string;
  readonly initialFetchTimeout?: number;
  readonly clusterOnly?: true;
  readonly output: 'yaml' | 'json';
}

export function renderCommand(context: Context): Command {
  return xdsCommand('render')
    .description('Print what an Envoy needs to get the endpoints of a Service from Kubervisor, with reasons.')
    .addArgument(new Argument('<FOR>', 'what to configure').choices(['envoy']))
    .argument('<NAMESPACE/SERVICE[:PORT]>', 'without a port: the only one the Service has')
    .option('-f, --file <file-or-directory>', 'Services and policies: what they say about this one is followed')
    .addOption(
      new Option('--bootstrap', 'a whole configuration to start Envoy with (default)').conflicts('clusterOnly'),
    )
    .option('--cluster-only', 'only the clusters, for a configuration that is there already')
    .addOption(
      new Option('--transport <how>', 'a stream for each cluster or one for all (ads); everything or differences')
        .choices(transports)
        .default('sotw' satisfies Transport),
    )
    .addOption(addressOption('--fallback <host:port>', 'whom to ask by DNS while none of the endpoints can be reached'))
    .option('--http2', 'the backends speak HTTP/2, as gRPC does')
    .option(
      '--initial-fetch-timeout <duration>',
      'how long a fresh Envoy waits for endpoints; 15s, or 5s with --fallback',
      readSeconds,
    )
    .addOption(addressOption('--listen <host:port>', 'where Envoy takes requests', 10_000))
    .option('--node-id <id>', 'of this Envoy; else start it with --service-node and --service-cluster')
    .option('--zone <zone>', 'where this Envoy runs')
    .option('--sub-zone <node>', 'the Kubernetes node it runs on, for policies with proximity: Node')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['yaml', 'json']).default('yaml'))
    .addHelpText(
      'after',
      example(
        'kubervisor render envoy shop/pricer:http --node-id web-1 > envoy.yaml && envoy -c envoy.yaml',
        'kubervisor render envoy shop/pricer:http --cluster-only --transport delta --fallback pricer.shop:80',
      ),
    )
    .action((_: string, service: string, options: Options) => run(service, options, context));
}

async function run(service: string, options: Options, context: Context): Promise<void> {
  const target = readTarget(service, options.namespace);
  const tls = readTls(options);
  const isWhole = options.clusterOnly === undefined;
  const facts: BootstrapFacts = {
    ...(options.file === undefined ? defaultFacts : await readFacts(options.file, target, context.now())),
    name: target.name,
    transport: options.transport,
    xds: options.xdsAddress,
    listen: options.listen,
    initialFetchTimeoutMs: 1000 * (options.initialFetchTimeout ?? (options.fallback === undefined ? 15 : 5)),
    ...(tls === undefined ? {} : { tls }),
    ...(options.fallback === undefined ? {} : { fallback: options.fallback }),
    ...(options.http2 === undefined ? {} : { protocol: 'http2' }),
    ...(options.nodeId === undefined ? {} : { nodeId: options.nodeId }),
    ...(options.zone === undefined ? {} : { zone: options.zone }),
    ...(options.subZone === undefined ? {} : { subZone: options.subZone }),
  };
  const rendered = isWhole ? envoyBootstrap(facts) : envoyClusters(facts);
  if (options.output === 'json') return printJson(context, rendered);
  const head = headOf(facts, { isWhole, isAssumed: options.file === undefined });
  context.stdout.write(annotatedYaml(rendered, notesOf(facts), head));
}
