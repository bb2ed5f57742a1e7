/**
 * The nouns every room shares: services, backends, endpoints, fleets.
 *
 * Everything is judged and counted by backend. Ports and address families are projections of a backend, expanded only
 * when an assignment is made: a pod with three ports and two address families is one backend with six endpoints.
 */

declare const brand: unique symbol;

/** `namespace/name` of a Service. */
export type ServiceKey = string & { readonly [brand]: 'ServiceKey' };

/** Pod UID, else the name of the target, else `address:port`. A new backend never inherits a decision. */
export type BackendId = string & { readonly [brand]: 'BackendId' };

/** Wall-clock time in milliseconds since the Unix epoch. */
export type EpochMs = number;

export function serviceKey(namespace: string, name: string): ServiceKey {
  return `${namespace}/${name}` as ServiceKey;
}

export function splitServiceKey(key: ServiceKey): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export function backendId(id: string): BackendId {
  return id as BackendId;
}

export interface ServicePort {
  /** Name of the Service port; empty when the Service has a single unnamed port. */
  readonly name: string;
  /** Number of the Service port (what clients ask for), not of the container. */
  readonly number: number;
  /** What the backends speak; absent: HTTP/1.1, or nothing said so. */
  readonly protocol?: 'http2';
}

export interface Endpoint {
  /** Name of the Service port this endpoint serves. */
  readonly portName: string;
  /** Literal IPv4 or IPv6 address, without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface Backend {
  readonly id: BackendId;
  /** What a person calls it: pod name, else target name, else `address:port`. */
  readonly name: string;
  readonly podName?: string;
  readonly podUid?: string;
  /** EndpointSlice conditions; `serving` may stay true while terminating. */
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zone?: string;
  readonly node?: string;
  /** Absent when nothing told us the labels (no Pod known), which is not the same as having none. */
  readonly labels?: Readonly<Record<string, string>>;
  /** When it last became ready. Absent counts as old, so that a restart of ours puts nobody back into warm-up. */
  readonly readySinceMs?: EpochMs;
  /** Changes when a container restarts; samples and strikes from before are void. */
  readonly incarnation?: string;
  /** What keeps the pod, where that is known. */
  readonly workload?: WorkloadName;
  /**
   * Since when Kubernetes means to end it: its node is drained or tainted, or a pod of a higher priority wants its place.
   * It may serve on for a while, and even stay.
   */
  readonly disruptedSinceMs?: EpochMs;
  /**
   * What its pod says are its own addresses, whatever a slice says; none for a pod on the network of its node. Absent
   * when no Pod is known.
   */
  readonly ownAddresses?: readonly string[];
  readonly endpoints: readonly Endpoint[];
}

export interface WorkloadName {
  /** Such as `Deployment` or `StatefulSet`. */
  readonly kind: string;
  readonly name: string;
}

export interface Fleet {
  readonly service: ServiceKey;
  readonly ports: readonly ServicePort[];
  /**
   * Whether Kubernetes itself keeps the endpoints, from pods the Service selects. Otherwise (no selector, ExternalName,
   * or nothing said) somebody wrote the addresses by hand: traffic may be judged, but we never call them ourselves.
   */
  readonly hasSelector?: boolean;
  /** What the workloads behind it say of themselves; absent where nothing tells. */
  readonly workloads?: Workloads;
  /** All backends, terminating ones included, sorted by id. The decision looks at {@link members} only. */
  readonly backends: readonly Backend[];
}

export interface Workloads {
  /** How many backends there should be: the replicas that workloads are told to keep, and whoever none of them keeps. */
  readonly desired: number;
  /** Such as `Deployment/pricer`: those that still have pods of an older template, in order. */
  readonly rollingOut: readonly string[];
  /** Those that do not have as many pods yet as they are told to keep, or still have more, in order. */
  readonly scaling: readonly string[];
}

/** The backends a decision may concern: terminating ones are leaving and are not part of the fleet. */
export function members(fleet: Fleet): readonly Backend[] {
  return fleet.backends.filter((backend) => !backend.terminating);
}

/** Ready and not terminating: what a client could be sent to if nobody were out. */
export function readyMembers(fleet: Fleet): readonly Backend[] {
  return fleet.backends.filter((backend) => backend.ready && !backend.terminating);
}

/** For `default:` branches: the compiler proves that no case was forgotten. */
export function assertNever(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}
