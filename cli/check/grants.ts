/**
 * What a replica asks of the API server, and nothing else: the chart grants it, docs/kubernetes.md lists it, a test holds
 * the three together, and `check` asks whether it may.
 */
import { stateMapName } from '../../engine/kubernetes/paths.ts';

/** Of `source.kubernetes`. */
export type ReplicaOption = 'workloads' | 'evict' | 'label' | 'deletionCost';

export interface Grant {
  readonly verbs: readonly string[];
  /** Empty: the core. */
  readonly group: string;
  /** With its subresource: `pods/eviction`. */
  readonly resource: string;
  /** In the namespace of the replicas; else where the Services are. */
  readonly isOwn?: true;
  /** Only on the one that is called so. */
  readonly name?: string;
  /** Needed with one of these options only; absent: always. */
  readonly onlyWith?: readonly ReplicaOption[];
  /** Without it a replica knows less, or tells less, and does the rest of its work. */
  readonly isDispensable?: true;
}

const ours = 'breaker.kubervisor.io';

/** @param lease its name, after which what the replicas share is called */
export function replicaGrants(lease: string): readonly Grant[] {
  return [
    { verbs: ['list', 'watch'], group: '', resource: 'services' },
    { verbs: ['list', 'watch'], group: '', resource: 'pods' },
    { verbs: ['list', 'watch'], group: 'discovery.k8s.io', resource: 'endpointslices' },
    { verbs: ['get', 'list', 'watch'], group: ours, resource: 'kubervisorservices' },
    { verbs: ['patch'], group: ours, resource: 'kubervisorservices/status' },
    { verbs: ['list', 'watch', 'delete'], group: ours, resource: 'endpointoverrides' },
    { verbs: ['patch'], group: ours, resource: 'endpointoverrides/status' },
    { verbs: ['create', 'patch'], group: 'events.k8s.io', resource: 'events', isDispensable: true },
    ...['deployments', 'statefulsets'].map((resource): Grant => {
      return { verbs: ['list', 'watch'], group: 'apps', resource, onlyWith: ['workloads'], isDispensable: true };
    }),
    { verbs: ['get'], group: '', resource: 'pods', onlyWith: ['evict', 'label', 'deletionCost'] },
    { verbs: ['patch'], group: '', resource: 'pods', onlyWith: ['label', 'deletionCost'] },
    { verbs: ['create'], group: '', resource: 'pods/eviction', onlyWith: ['evict'] },
    // To create cannot be bound to a name.
    { verbs: ['create'], group: 'coordination.k8s.io', resource: 'leases', isOwn: true },
    { verbs: ['get', 'patch'], group: 'coordination.k8s.io', resource: 'leases', isOwn: true, name: lease },
    { verbs: ['create'], group: '', resource: 'configmaps', isOwn: true },
    {
      verbs: ['get', 'list', 'watch', 'patch'],
      group: '',
      resource: 'configmaps',
      isOwn: true,
      name: stateMapName(lease),
    },
  ];
}

export function isNeeded({ onlyWith }: Grant, options: ReadonlySet<ReplicaOption>): boolean {
  return onlyWith === undefined || onlyWith.some((option) => options.has(option));
}
