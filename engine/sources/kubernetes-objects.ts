/**
 * The parts of Kubernetes objects that fleets are made of. The types of the official client are assignable to these,
 * and so is plain JSON or YAML from `kubectl get`: the client decodes timestamps to Dates, the wire has them as text.
 * Absent, null and empty mean the same to Kubernetes; readers drop nulls before objects come here.
 */
import type { EpochMs, WorkloadName } from '../model.ts';

export type Timestamp = string | Date;

interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: Timestamp;
  readonly ownerReferences?: readonly {
    readonly kind: string;
    readonly name: string;
    /** The one that made the object and keeps it. */
    readonly controller?: boolean;
  }[];
}

/** core/v1 Service. */
export interface ServiceObject {
  readonly metadata?: ObjectMeta;
  readonly spec?: {
    /** Absent means ClusterIP. */
    readonly type?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      /** Absent means TCP. */
      readonly protocol?: string;
      /** Such as `kubernetes.io/h2c` or `grpc`. */
      readonly appProtocol?: string;
    }[];
  };
}

/** discovery.k8s.io/v1 EndpointSlice. */
export interface EndpointSliceObject {
  readonly metadata?: ObjectMeta;
  /** IPv4, IPv6 or FQDN. */
  readonly addressType: string;
  readonly endpoints?: readonly SliceEndpoint[];
  readonly ports?: readonly SlicePort[];
}

export interface SlicePort {
  /** The name of the Service port, empty when the Service has one unnamed port. */
  readonly name?: string;
  /** The port of the container. */
  readonly port?: number;
  readonly protocol?: string;
}

export interface SliceEndpoint {
  /** Only the first has a meaning; Kubernetes itself never writes more and kube-proxy reads no other. */
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly targetRef?: {
    readonly kind?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
  };
  readonly nodeName?: string;
  readonly zone?: string;
}

/** core/v1 Pod. */
export interface PodObject {
  readonly metadata?: ObjectMeta;
  readonly spec?: { readonly hostNetwork?: boolean };
  readonly status?: {
    readonly phase?: string;
    readonly podIPs?: readonly { readonly ip?: string }[];
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime?: Timestamp;
    }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly restartCount: number;
      readonly containerID?: string;
      readonly state?: { readonly running?: { readonly startedAt?: Timestamp } };
    }[];
  };
}

/** The label that says which Service of its namespace an EndpointSlice belongs to. */
export const serviceNameLabel = 'kubernetes.io/service-name';

/** Undefined for what is no time: a wrong timestamp must not make a backend young or old by accident. */
function timestampMs(timestamp: Timestamp | undefined): EpochMs | undefined {
  if (timestamp === undefined) return undefined;
  const ms = typeof timestamp === 'string' ? Date.parse(timestamp) : timestamp.getTime();
  return Number.isNaN(ms) ? undefined : ms;
}

/** When the pod last became ready; undefined while it is not, or when nothing tells. */
export function podReadySinceMs(pod: PodObject): EpochMs | undefined {
  const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
  return ready?.status === 'True' ? timestampMs(ready.lastTransitionTime) : undefined;
}

/**
 * Changes when any container of the pod restarts. The count alone is not enough (the kubelet derives it from dead
 * containers it still remembers), so the container's id, or else its start, goes with it.
 */
export function podIncarnation(pod: PodObject): string | undefined {
  const statuses = pod.status?.containerStatuses ?? [];
  if (statuses.length === 0) return undefined;
  return statuses
    .map(({ name, restartCount, containerID, state }) => {
      const started = timestampMs(state?.running?.startedAt);
      return `${name}#${restartCount}@${shortContainerId(containerID) ?? started ?? ''}`;
    })
    .sort()
    .join(' ');
}

/** `containerd://<64 hex digits>` to its first 12, as every tool shows it: incarnations are stored with decisions. */
function shortContainerId(containerId: string | undefined): string | undefined {
  if (containerId === undefined || containerId === '') return undefined;
  return containerId.slice(containerId.indexOf('://') < 0 ? 0 : containerId.indexOf('://') + 3).slice(0, 12);
}

/**
 * Since when Kubernetes means to end the pod. A condition without a date is not believed: nothing would say for how long.
 */
export function podDisruptedSinceMs(pod: PodObject): EpochMs | undefined {
  const disruption = pod.status?.conditions?.find((condition) => condition.type === 'DisruptionTarget');
  return disruption?.status === 'True' ? timestampMs(disruption.lastTransitionTime) : undefined;
}

/** Of a Deployment the pod names only the ReplicaSet, which is called after both the Deployment and the template. */
export function podWorkload({ metadata }: PodObject): WorkloadName | undefined {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return undefined;
  const { kind, name } = owner;
  const ending = `-${metadata?.labels?.['pod-template-hash'] ?? ''}`;
  if (kind !== 'ReplicaSet' || ending === '-' || !name.endsWith(ending)) return { kind, name };
  return { kind: 'Deployment', name: name.slice(0, -ending.length) };
}

/** The addresses that are this pod's alone. A pod on the network of its node has none: those are the node's. */
export function podAddresses({ spec, status }: PodObject): readonly string[] {
  if (spec?.hostNetwork === true) return [];
  return (status?.podIPs ?? []).flatMap(({ ip }) => (ip === undefined || ip === '' ? [] : [ip]));
}

/** On its way out or over: whatever an EndpointSlice that lags behind still says. */
export function isPodLeaving(pod: PodObject): boolean {
  return (
    pod.metadata?.deletionTimestamp !== undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  );
}
