/** `kubervisor cleanup`: what was ever written to objects of others goes, and what the replicas shared. Needs no controller. */
import { Command } from 'commander';
import type { ProxiesResponse } from '../engine/admin/messages.ts';
import { removeEverything, type Removed } from './cleanup/remove.ts';
import { bringBackAndStop } from './cleanup/stop.ts';
import { type ConnectionOptions, connect } from './client.ts';
import { leadershipOf, type ReplicasOptions } from './cluster/leader.ts';
import { type Cluster, type ClusterOptions, clusterFailure, openCluster } from './cluster/open.ts';
import type { Context } from './context.ts';
import { failure } from './exit.ts';
import { example, type Format, outputOption, printJson, usage, withReplicas } from './options.ts';
import { printable } from './printable.ts';

interface Options
  extends Pick<ClusterOptions, 'context' | 'kubeconfig'>,
    Omit<ConnectionOptions, 'server'>,
    ReplicasOptions {
  readonly server?: readonly string[];
  readonly namespace?: readonly string[];
  readonly allNamespaces?: true;
  readonly stop?: string;
  readonly force?: true;
  readonly dryRun?: true;
  readonly output: Format;
}

export function cleanupCommand(context: Context): Command {
  const command = new Command('kubervisor cleanup')
    .description(
      'Take out of a cluster what Kubervisor wrote to objects of others: the status of policies, labels and deletion costs of ' +
        'pods, overrides that are over; then its Lease and its ConfigMap. Policies stay, and overrides whose time is not over. First point plain Envoys elsewhere: kubervisor ' +
        'proxies must be empty on every replica, because without us they keep the last endpoints they got.',
    )
    .option('--context <name>', 'context of the kubeconfig; default: the current one')
    .option('--kubeconfig <file>', 'default: as kubectl finds it')
    .option('-n, --namespace <namespace...>', 'in these namespaces')
    .option('-A, --all-namespaces', 'in all')
    .option('--server <url...>', 'admin API of each replica: it is asked that no proxy is connected any more')
    .option('--token-file <file>', 'file with the bearer token for it')
    .option('--ca-file <file>', 'PEM of the authority that signed its certificate')
    .option('--cert-file <file>', 'PEM of our client certificate')
    .option('--key-file <file>', 'PEM of its key')
    .option('--stop <deployment>', 'bring everyone back and end these replicas first')
    .option('--force', 'although a replica may be alive, a proxy connected, or an endpoint out')
    .option('--dry-run', 'only say what would be removed');
  return withReplicas(command)
    .addOption(outputOption())
    .addHelpText('after', example('kubervisor cleanup -A --dry-run', 'kubervisor cleanup -A --stop kubervisor'))
    .action((options: Options) => run(options, context));
}

async function run(options: Options, context: Context): Promise<void> {
  const { namespace = [], allNamespaces, stop, force, dryRun, output } = options;
  if ((namespace.length === 0) === (allNamespaces === undefined)) {
    throw usage('cleanup takes namespaces or all of them', 'write either -n NAMESPACE or -A');
  }
  const say = (text: string): void => context.stderr.write(`${printable(text)}\n`);
  if (force === undefined) await refuseWhileConnected(options, say);
  const cluster = await openCluster(options, context);
  const namespaces = allNamespaces === true ? [undefined] : namespace;
  if (stop !== undefined && dryRun === undefined) {
    await bringBackAndStop(cluster, { ...options, deployment: stop, namespaces }, () => context.now(), say);
  } else if (stop === undefined && force === undefined) {
    const alive = await aliveIn(cluster, options, context.now());
    if (alive !== undefined && dryRun === undefined) throw stillThere(alive, options);
    if (alive !== undefined)
      say(`a controller is alive, or may be: without --dry-run this is refused (KV0825): ${alive}`);
  }
  const removed: Removed[] = [];
  const staying = await removeEverything(cluster, { ...options, namespaces }, context.now(), (each) => {
    removed.push(each);
    if (output !== 'json') context.stdout.write(`${printable(lineOf(each, dryRun))}\n`);
  });
  if (staying.length > 0) {
    say(
      `overrides that stay, and that a Kubervisor which is installed within their time obeys: ${staying.join(', ')}; ` +
        'kubectl delete endpointoverrides removes them',
    );
  }
  if (output === 'json') printJson(context, { dryRun: dryRun === true, removed });
  else if (removed.length === 0) context.stdout.write('nothing of Kubervisor is left\n');
}

/** Who would write again what is removed; undefined: nobody. @throws Exit when that cannot be seen */
async function aliveIn(cluster: Cluster, options: Options, now: number): Promise<string | undefined> {
  const leadership = await leadershipOf(cluster, options, now);
  switch (leadership.kind) {
    case 'unknown':
      throw clusterFailure(leadership.error, 'see whether a controller is alive');
    case 'leads':
      return leadership.holder;
    case 'nobody':
      // Misspelt it would look as if nobody were alive.
      return leadership.others === 'none' ? undefined : leadership.why;
  }
}

/** Whoever is connected when the last replica ends keeps what it got, for ever. */
async function refuseWhileConnected({ server = [], ...options }: Options, say: (text: string) => void): Promise<void> {
  if (server.length === 0) {
    say(
      'not asked: whether Envoys still point here. kubervisor proxies must be empty on every replica; --server asks it',
    );
  }
  for (const url of server) {
    const { proxies } = await (await connect({ ...options, server: url })).get<ProxiesResponse>('/proxies');
    const [first] = proxies;
    if (first === undefined) continue;
    throw failure({
      code: 'KV0827',
      message: `${proxies.length} proxies are connected to ${url}, such as ${first.nodeId || first.address}`,
      remedy: 'point them elsewhere first: they would keep the last endpoints they got; --force goes on regardless',
    });
  }
}

function stillThere(who: string, { controllerNamespace }: Options): Error {
  return failure({
    code: 'KV0825',
    message: `a controller is alive, or may be, and would write again what is removed: ${who}`,
    remedy:
      `point Envoys elsewhere until kubervisor proxies is empty, then add --stop DEPLOYMENT, or kubectl -n ${controllerNamespace} ` +
      'scale deployment/NAME --replicas=0; --force goes on regardless',
  });
}

function lineOf({ kind, namespace, name, what }: Removed, dryRun: true | undefined): string {
  return `${kind}/${namespace}/${name} ${what} removed${dryRun === undefined ? '' : ' (dry run)'}`;
}
