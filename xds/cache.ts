/**
 * What is served now, by name. Knows versions and who watches them; knows nothing of streams and nonces.
 *
 * Assignments come in by Service, questions by name, and there are many names for one Service port. A name is resolved
 * when somebody watches it, and again when its Service is published; a resource keeps its encodings until its version
 * changes.
 */
import type { Assignment, PortAssignment } from '../engine/assignment/assignment.ts';
import type { ServiceKey } from '../engine/model.ts';
import { type Content, encodeContent } from './content.ts';
import { defaultClusterDomain, type EndpointsName, parseName } from './names.ts';
import { createResource, type Resource } from './resource.ts';
import { canonicalName, selectPort } from './select.ts';
import { endpointType, type ResourceType, type Watcher } from './types.ts';

export interface XdsCacheOptions {
  /** Of the Kubernetes cluster, as it stands in names; default `cluster.local`. */
  readonly clusterDomain?: string;
}

export interface XdsCache {
  /** One batch: whoever is woken by it sees all of it. Wakes only who watches a name whose version changed. */
  publish(assignments: readonly Assignment[]): void;
  /**
   * The Service is gone, and its names mean nothing any more. Nobody is sent an empty list for that: a client of the
   * state-of-the-world protocol hears nothing and keeps what it has, a delta client is told that the names do not exist
   * (Envoy keeps its endpoints, gRPC clients may drop them). If the Service had lost its endpoints first, an empty
   * assignment was published, which is what empties a cluster.
   */
  remove(service: ServiceKey): void;
  /** All inputs were read: from now on streams may be answered. An answer before that could be wrong by omission. */
  open(): void;
  isOpen(): boolean;
  /** Resolves when `open` was called. */
  readonly opened: Promise<void>;
  readonly endpoints: ResourceType;
}

/** A name that somebody watches. */
interface Entry {
  readonly name: string;
  readonly meaning: EndpointsName;
  readonly watchers: Set<Watcher>;
  /** One of those that "everything" consists of. */
  isListed: boolean;
  resource: Resource | undefined;
}

export function createXdsCache({ clusterDomain = defaultClusterDomain }: XdsCacheOptions = {}): XdsCache {
  const services = new Map<ServiceKey, Assignment>();
  const entries = new Map<string, Entry>();
  const entriesOf = new Map<ServiceKey, Set<Entry>>();
  const listedWatchers = new Set<Watcher>();
  /** Shared by all names of a port, and encoded when the first of them is asked for. */
  const contents = new WeakMap<PortAssignment, Content>();
  const { promise: opened, resolve: markOpened } = Promise.withResolvers<void>();
  let isOpen = false;

  function contentOf(meaning: EndpointsName): Content | undefined {
    const assignment = services.get(meaning.service);
    const port = assignment && selectPort(assignment, meaning);
    if (port === undefined) return undefined;
    const content = contents.get(port) ?? encodeContent(port);
    contents.set(port, content);
    return content;
  }

  function makeResource(name: string, meaning: EndpointsName): Resource | undefined {
    const content = contentOf(meaning);
    return content && createResource(endpointType, name, content.version, content.message(name));
  }

  function listedNames(service: ServiceKey): readonly string[] {
    const assignment = services.get(service);
    return assignment?.ports.map(({ port }) => canonicalName(assignment, port)) ?? [];
  }

  function isListed(name: string): boolean {
    const meaning = parseName(name, clusterDomain);
    return meaning !== undefined && listedNames(meaning.service).includes(name);
  }

  /** Undefined for what can never be the name of endpoints. */
  function entryOf(name: string): Entry | undefined {
    const known = entries.get(name);
    if (known !== undefined) return known;
    const meaning = parseName(name, clusterDomain);
    if (meaning === undefined) return undefined;
    const entry = { name, meaning, watchers: new Set<Watcher>(), isListed: isListed(name), resource: undefined };
    entries.set(name, entry);
    entriesOf.set(meaning.service, (entriesOf.get(meaning.service) ?? new Set()).add(entry));
    return entry;
  }

  function dropUnwatched(entry: Entry): void {
    if (entry.watchers.size > 0 || (entry.isListed && listedWatchers.size > 0)) return;
    const { service } = entry.meaning;
    entries.delete(entry.name);
    entriesOf.get(service)?.delete(entry);
    if (entriesOf.get(service)?.size === 0) entriesOf.delete(service);
  }

  /** Whether there is another version of it now, or none. */
  function refresh(entry: Entry): boolean {
    const content = contentOf(entry.meaning);
    if (content?.version === entry.resource?.version) return false;
    entry.resource = makeResource(entry.name, entry.meaning);
    return true;
  }

  /** Entries of the names that "everything" consists of exist only while somebody wants everything. */
  function resolveListed(service: ServiceKey): readonly Entry[] {
    return listedWatchers.size === 0 ? [] : listedNames(service).flatMap((name) => entryOf(name) ?? []);
  }

  function changed(keys: Iterable<ServiceKey>): void {
    const awake = new Set<Watcher>();
    const tell = (watchers: Iterable<Watcher>, name: string): void => {
      for (const watcher of watchers) {
        watcher.changed(name);
        awake.add(watcher);
      }
    };
    for (const service of keys) {
      resolveListed(service);
      for (const entry of entriesOf.get(service) ?? []) {
        const wasListed = entry.isListed;
        entry.isListed = isListed(entry.name);
        if (!refresh(entry)) continue;
        tell(entry.watchers, entry.name);
        if (wasListed || entry.isListed) tell(listedWatchers, entry.name);
        dropUnwatched(entry);
      }
    }
    for (const watcher of awake) watcher.flush();
  }

  return {
    publish(assignments) {
      for (const assignment of assignments) services.set(assignment.service, assignment);
      changed(new Set(assignments.map(({ service }) => service)));
    },
    remove(service) {
      services.delete(service);
      changed([service]);
    },
    open() {
      isOpen = true;
      markOpened();
    },
    isOpen: () => isOpen,
    opened,
    endpoints: {
      typeUrl: endpointType,
      legacyWildcard: false,
      resources: {
        get(name) {
          const entry = entries.get(name);
          if (entry !== undefined) return entry.resource;
          const meaning = parseName(name, clusterDomain);
          return meaning && makeResource(name, meaning);
        },
        listed: () => [...services.keys()].flatMap(listedNames),
        isListed,
        watch(name, watcher) {
          const entry = entryOf(name);
          if (entry === undefined) return;
          entry.watchers.add(watcher);
          refresh(entry);
        },
        unwatch(name, watcher) {
          const entry = entries.get(name);
          entry?.watchers.delete(watcher);
          if (entry !== undefined) dropUnwatched(entry);
        },
        watchListed(watcher) {
          listedWatchers.add(watcher);
          for (const service of services.keys()) for (const entry of resolveListed(service)) refresh(entry);
        },
        unwatchListed(watcher) {
          listedWatchers.delete(watcher);
          for (const entry of [...entries.values()]) dropUnwatched(entry);
        },
      },
    },
  };
}
