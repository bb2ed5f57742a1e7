/**
 * Deployments and StatefulSets: how many pods there should be, and whether a rollout or a scaling is under way. A help to
 * judge, not a part of what is served: without it both are read from who joins and who leaves.
 *
 * Of a workload no more is kept than what is asked of it, so that the progress of each of its pods is no news.
 */
import { isDeepStrictEqual } from 'node:util';
import { fieldsOf } from '../../is-record.ts';
import type { Change } from '../../kubernetes/reflector.ts';
import { type Backend, type Workloads } from '../../model.ts';
import { follow } from './follow.ts';

export interface WorkloadObject {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  /** What its pods bear, as far as selectors of Services can name it. */
  readonly labels: Labels;
  readonly desired: number;
  readonly phase: 'rolling-out' | 'scaling' | 'at-rest';
}

export const workloadKinds = ['Deployment', 'StatefulSet'] as const;

export type WorkloadKind = (typeof workloadKinds)[number];
type Labels = Readonly<Record<string, unknown>>;
type Raw = Readonly<Record<string, unknown>>;

export interface WorkloadIndex {
  /** @returns whether the workload of a Service with these labels in its selector may be concerned. */
  follow(kind: WorkloadKind, change: Change<WorkloadObject>): Concern;
  /** Undefined where no workload has pods for this selector. */
  of(namespace: string, selector: Labels, members: readonly Backend[]): Workloads | undefined;
}

type Concern = (namespace: string, selector: Labels) => boolean;

export function keepWorkload(kind: WorkloadKind, raw: Raw): WorkloadObject {
  const metadata = fieldsOf(raw['metadata']);
  const spec = fieldsOf(raw['spec']);
  const status = fieldsOf(raw['status']);
  const desired = count(spec['replicas'], 1);
  return {
    kind,
    namespace: String(metadata['namespace']),
    name: String(metadata['name']),
    labels: fieldsOf(spec, 'template', 'metadata', 'labels'),
    desired,
    phase: phaseOf(metadata, spec, status, desired),
  };
}

/**
 * Unready pods make no phase: a crash loop is neither a rollout nor a scaling. Nor is a rollout that a person has paused,
 * often for a canary that is to stay.
 */
function phaseOf(metadata: Raw, spec: Raw, status: Raw, desired: number): WorkloadObject['phase'] {
  if (spec['paused'] === true) return 'at-rest';
  const replicas = count(status['replicas'], 0);
  if (replicas > count(status['updatedReplicas'], 0)) return 'rolling-out';
  if (replicas !== desired) return 'scaling';
  return count(status['observedGeneration'], 0) < count(metadata['generation'], 0) ? 'rolling-out' : 'at-rest';
}

export function createWorkloadIndex(): WorkloadIndex {
  const byKind = new Map(workloadKinds.map((kind) => [kind, new Map<string, WorkloadObject>()] as const));

  return {
    follow(kind, change) {
      const objects = byKind.get(kind) ?? new Map<string, WorkloadObject>();
      const touched: WorkloadObject[] = [];
      const before = new Map(change.kind === 'listed' ? objects : []);
      const known = change.kind === 'listed' ? undefined : objects.get(change.key);
      follow(objects, change, (key) => {
        const [old, now] = [change.kind === 'listed' ? before.get(key) : known, objects.get(key)];
        if (isDeepStrictEqual(old, now)) return;
        for (const each of [old, now]) if (each !== undefined) touched.push(each);
      });
      const namespaces = Map.groupBy(touched, ({ namespace }) => namespace);
      return (namespace, selector) =>
        namespaces.get(namespace)?.some(({ labels }) => selects(selector, labels)) === true;
    },
    of(namespace, selector, members) {
      const found = [...byKind.values()].flatMap((objects) =>
        [...objects.values()].filter((each) => each.namespace === namespace && selects(selector, each.labels)),
      );
      if (found.length === 0) return undefined;
      const names = new Set(found.map(nameOf));
      const others = members.filter(({ workload }) => workload === undefined || !names.has(nameOf(workload)));
      const inPhase = (phase: WorkloadObject['phase']): readonly string[] =>
        found
          .filter((workload) => workload.phase === phase)
          .map(nameOf)
          .sort();
      return {
        desired: found.reduce((sum, { desired }) => sum + desired, others.length),
        rollingOut: inPhase('rolling-out'),
        scaling: inPhase('scaling'),
      };
    },
  };
}

function nameOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind}/${name}`;
}

/** An empty selector selects nobody: such a Service has its endpoints from elsewhere. */
function selects(selector: Labels, labels: Labels): boolean {
  const names = Object.keys(selector);
  return names.length > 0 && names.every((name) => labels[name] === selector[name]);
}

function count(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
