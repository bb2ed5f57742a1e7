/** What streams know of a type of resources, wherever those come from. */
import type { Client } from './client.ts';
import type { Resource } from './resource.ts';

export const clusterType = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
export const endpointType = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';
export const listenerType = 'type.googleapis.com/envoy.config.listener.v3.Listener';
export const routeType = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

const shortTypes: Readonly<Record<string, string>> = {
  [clusterType]: 'cds',
  [endpointType]: 'eds',
  [listenerType]: 'lds',
  [routeType]: 'rds',
};

/** What people call it; types that nobody here has are one, since clients can name any number. */
export function shortType(typeUrl: string): string {
  return shortTypes[typeUrl] ?? 'other';
}

/** Makes before break: a cluster is known before its endpoints, and both before what sends traffic there. */
const pushOrder: readonly string[] = [clusterType, endpointType, listenerType, routeType];

/** Lower goes first on an aggregated stream; types that nobody here has go last. */
export function pushRank(typeUrl: string): number {
  const rank = pushOrder.indexOf(typeUrl);
  return rank < 0 ? pushOrder.length : rank;
}

export interface ResourceType {
  readonly typeUrl: string;
  /**
   * Whether a first request without names means everything, as it does for clusters and listeners. Who asks for
   * endpoints without naming any wants none (yet).
   */
  readonly legacyWildcard: boolean;
  /**
   * Whether a state-of-the-world response holds all that was asked for, so that what is missing in it does not exist.
   * Otherwise it may hold only what changed, and what is missing means nothing.
   */
  readonly isFullState: boolean;
  readonly resources: Resources;
}

export interface Resources {
  /** As this client is served it; undefined when there is none, or none for this client. */
  get(name: string, client: Client): Resource | undefined;
  /** False for a name in a namespace that is not this client's. It is to learn nothing, not even that there is such. */
  allows(name: string, client: Client): boolean;
  /** What "everything" consists of for this client: one name per resource, where several mean the same. */
  listed(client: Client): Iterable<string>;
  isListed(name: string, client: Client): boolean;
  /** From now on the watcher is told of this name. Watching twice is watching once. */
  watch(name: string, watcher: Watcher): void;
  unwatch(name: string, watcher: Watcher): void;
  /** From now on the watcher is told of every listed name, those of others included. */
  watchListed(watcher: Watcher): void;
  unwatchListed(watcher: Watcher): void;
}

/**
 * Changes come in batches. First every watcher hears which of its names changed, and only then is each told that it may
 * act: a stream that watches many names sends one response per batch, and nobody acts on half of one.
 */
export interface Watcher {
  /** There is another version of it now for some class of clients, or none. */
  changed(name: string): void;
  /** That was all of it. Must not throw, and must not publish. */
  flush(): void;
}

/** Where nothing exists: every name is unknown. */
export const noResources: Resources = {
  get: () => undefined,
  allows: () => true,
  listed: () => [],
  isListed: () => false,
  watch: () => undefined,
  unwatch: () => undefined,
  watchListed: () => undefined,
  unwatchListed: () => undefined,
};

/** A type of which we know that there are none, and say so: an Envoy then starts without, instead of waiting. */
export function emptyType(typeUrl: string, { legacyWildcard }: { readonly legacyWildcard: boolean }): ResourceType {
  return { typeUrl, legacyWildcard, isFullState: true, resources: noResources };
}
