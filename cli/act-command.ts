/** What commands share that take a backend out or bring it back. */
import type { Command } from 'commander';
import type { OverrideSpec } from '../engine/overrides/schema.ts';
import { type ActOptions, actInCluster } from './cluster/act.ts';
import { type ClusterOptions, openCluster, serviceIn } from './cluster/open.ts';
import type { Context } from './context.ts';
import { clusterCommand, readSeconds, type ServiceOptions, usage, withReplicas } from './options.ts';

export interface ActCommandOptions extends ServiceOptions, ActOptions, ClusterOptions {
  readonly namespace?: string;
}

export function actCommand(name: string, context: Context): Command {
  return withReplicas(
    clusterCommand(name, context)
      .option('--wait <duration>', 'with --context: how long for the leader to obey; 0: not at all', readSeconds, 15)
      .option('--dry-run', 'with --context: let the API server check it, and do nothing'),
  );
}

/** What a server has no answer to must not be done in earnest. */
export function onlyServer({ dryRun }: Pick<ActOptions, 'dryRun'>): void {
  if (dryRun === undefined) return;
  throw usage('--dry-run is for a cluster', 'name it with --context or --kubeconfig; why and get change nothing');
}

export async function actOnService(
  service: string,
  spec: Omit<OverrideSpec, 'service'>,
  options: ActCommandOptions,
  context: Context,
): Promise<void> {
  const cluster = await openCluster(options, context);
  const { namespace, name } = serviceIn(cluster, service, options.namespace);
  await actInCluster(cluster, namespace, { ...spec, service: name }, options, context);
}
