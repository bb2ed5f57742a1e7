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
  readonly endpoints: readonly Endpoint[];
}

export interface Fleet {
  readonly service: ServiceKey;
  readonly ports: readonly ServicePort[];
  /**
   * Whether Kubernetes itself keeps the endpoints, from pods the Service selects. Otherwise (no selector, ExternalName,
   * or nothing said) somebody wrote the addresses by hand: traffic may be judged, but we never call them ourselves.
   */
  readonly hasSelector?: boolean;
  /** All backends, terminating ones included, sorted by id. The decision looks at {@link members} only. */
  readonly backends: readonly Backend[];
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
