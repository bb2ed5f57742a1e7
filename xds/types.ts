/** What streams know of a type of resources, wherever those come from. */
import type { Resource } from './resource.ts';

export const endpointType = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';

export interface ResourceType {
  readonly typeUrl: string;
  /**
   * Whether a first request without names means everything, as it does for clusters and listeners. Who asks for
   * endpoints without naming any wants none (yet).
   */
  readonly legacyWildcard: boolean;
  readonly resources: Resources;
}

export interface Resources {
  get(name: string): Resource | undefined;
  /** What "everything" consists of: one name per resource, where several mean the same. */
  listed(): Iterable<string>;
  isListed(name: string): boolean;
  /** From now on the watcher is told of this name. Watching twice is watching once. */
  watch(name: string, watcher: Watcher): void;
  unwatch(name: string, watcher: Watcher): void;
  /** From now on the watcher is told of every listed name. */
  watchListed(watcher: Watcher): void;
  unwatchListed(watcher: Watcher): void;
}

/**
 * Changes come in batches. First every watcher hears which of its names changed, and only then is each told that it may
 * act: a stream that watches many names sends one response per batch, and nobody acts on half of one.
 */
export interface Watcher {
  /** There is another version of it now, or none. */
  changed(name: string): void;
  /** That was all of it. Must not throw, and must not publish. */
  flush(): void;
}

/** Of a type that nobody here has: every name of it is unknown. */
export const noResources: Resources = {
  get: () => undefined,
  listed: () => [],
  isListed: () => false,
  watch: () => undefined,
  unwatch: () => undefined,
  watchListed: () => undefined,
  unwatchListed: () => undefined,
};
