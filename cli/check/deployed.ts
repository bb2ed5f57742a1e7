/** What the Deployment of the replicas says of them: their account, and the serving config that it mounts. */
import { type Config, loadConfig, parseConfig } from '../../engine/config.ts';
import { type Fields, fieldsOf } from '../../engine/is-record.ts';
import { isForbidden, KubeError } from '../../engine/kubernetes/kube-client.ts';
import { configMapsPath } from '../../engine/kubernetes/paths.ts';
import { formatProblem, ProblemError } from '../../engine/problem.ts';
import type { ReplicaOption } from './grants.ts';
import { chartLabel, recordsOf, type World } from './world.ts';

/** The part of `source.kubernetes` that rights depend on. */
export interface Scope {
  /** Empty: all of them. */
  readonly namespaces: readonly string[];
  readonly options: ReadonlySet<ReplicaOption>;
}

export type Deployed =
  | { readonly kind: 'known'; readonly scope: Scope }
  /** No config is mounted where we look for one. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unseen'; readonly why: string; readonly hint: string };

/** As its Deployment says it; without one as the chart calls it. @throws KubeError */
export async function accountOf(world: World): Promise<string> {
  const { serviceAccountName } = podSpecOf(await deploymentOf(world));
  return typeof serviceAccountName === 'string' ? serviceAccountName : 'kubervisor';
}

/** From `--config`, or from what the Deployment mounts. @throws KubeError, ProblemError */
export async function deployedScope(world: World): Promise<Deployed> {
  if (world.config !== undefined) return scopeOf(await loadConfig(world.config, world.cluster.signal));
  const volumes = recordsOf(podSpecOf(await deploymentOf(world))['volumes']);
  const [mounted] = volumes
    .map((volume) => fieldsOf(volume, 'configMap')['name'])
    .filter((name) => typeof name === 'string');
  if (mounted === undefined) return { kind: 'unknown' };
  const path = `${configMapsPath(world.controllerNamespace)}/${mounted}`;
  try {
    const text = fieldsOf(await world.get(path), 'data')['kubervisor.yaml'];
    return typeof text === 'string' ? scopeOf(parseConfig(text, '/etc/kubervisor/config/kubervisor.yaml')) : unknown;
  } catch (error) {
    if (error instanceof ProblemError) {
      const hint = 'use the command line of the version that is installed';
      return { kind: 'unseen', why: formatProblem(error.problem), hint };
    }
    if (!(error instanceof KubeError)) throw error;
    if (!isForbidden(error)) return unknown;
    return { kind: 'unseen', why: error.message, hint: 'ask for that right, or name the file with --config' };
  }
}

const unknown: Deployed = { kind: 'unknown' };

function scopeOf({ source }: Config): Deployed {
  if (source.kind !== 'kubernetes') return unknown;
  const { namespaces, workloads, pods } = source;
  const options = Object.entries({ ...pods, workloads }).flatMap(([name, isOn]) =>
    isOn ? [name as ReplicaOption] : [],
  );
  return { kind: 'known', scope: { namespaces, options: new Set(options) } };
}

/** Those of the chart; where one is called as the Lease, as each of the chart is, that alone. @throws KubeError */
export async function deploymentsOf(world: World): Promise<readonly Fields[]> {
  const { controllerNamespace, lease } = world;
  const all = await world.list(`/apis/apps/v1/namespaces/${controllerNamespace}/deployments`, chartLabel);
  const named = all.filter((deployment) => fieldsOf(deployment, 'metadata')['name'] === lease);
  return named.length > 0 ? named : all;
}

async function deploymentOf(world: World): Promise<Fields> {
  return fieldsOf((await deploymentsOf(world))[0]);
}

function podSpecOf(deployment: Fields): Fields {
  return fieldsOf(deployment, 'spec', 'template', 'spec');
}
