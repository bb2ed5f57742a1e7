/**
 * The resources of one type by name. Assignments come in by Service, questions by name, and there are many names for one
 * Service port: a name is resolved when somebody watches it, and again when its Service is published.
 *
 * One name may have several resources, one for each class of clients that asked (engine/assignment/client-class.ts). A
 * resource keeps its encodings until its version changes, and every client of the class shares them.
 */
import type { Assignment, PortAssignment } from '../engine/assignment/assignment.ts';
import { type ClientClass, classKey } from '../engine/assignment/client-class.ts';
import { type EpochMs, type ServiceKey, splitServiceKey } from '../engine/model.ts';
import type { Client } from './client.ts';
import type { Content } from './content.ts';
import { type EndpointsName, parseName } from './names.ts';
import { createResource, type Resource } from './resource.ts';
import { canonicalName } from './select.ts';
import type { Resources, Watcher } from './types.ts';

export interface Catalog extends Resources {
  /** These Services were published or removed. Tells watchers what changed for them, and adds them to those `told`. */
  changed(services: Iterable<ServiceKey>, told: Set<Watcher>): void;
  /** How many names are kept because somebody watches them. */
  size(): number;
}

export interface CatalogOptions {
  readonly typeUrl: string;
  readonly clusterDomain: string;
  readonly services: ReadonlyMap<ServiceKey, Assignment>;
  now(): EpochMs;
  /** What of its Service the name means; undefined for nothing. */
  select(assignment: Assignment, meaning: EndpointsName): PortAssignment | undefined;
  /** Clients of one class have equal contents of one port. */
  contentFor(port: PortAssignment, client: ClientClass): Content;
}

/** A name that somebody watches. */
interface Entry {
  readonly name: string;
  readonly meaning: EndpointsName;
  readonly namespace: string;
  readonly watchers: Set<Watcher>;
  /** One of those that "everything" consists of. */
  isListed: boolean;
  port: PortAssignment | undefined;
  /** By class, of those that asked. */
  resources: Map<string, ClassResource>;
}

interface ClassResource {
  readonly class: ClientClass;
  readonly resource: Resource;
}

export function createCatalog(options: CatalogOptions): Catalog {
  const { typeUrl, clusterDomain, services, now, select, contentFor } = options;
  const entries = new Map<string, Entry>();
  const entriesOf = new Map<ServiceKey, Set<Entry>>();
  const listedWatchers = new Set<Watcher>();

  function portOf(meaning: EndpointsName): PortAssignment | undefined {
    const assignment = services.get(meaning.service);
    return assignment && select(assignment, meaning);
  }

  function makeResource(name: string, port: PortAssignment, client: ClientClass, known?: Resource): Resource {
    const content = contentFor(port, client);
    if (known?.version === content.version) return known;
    const { version } = content;
    return createResource({ typeUrl, name, version, message: content.message(name), servedSinceMs: now() });
  }

  function listedNames(service: ServiceKey): readonly string[] {
    const assignment = services.get(service);
    return assignment?.ports.map(({ port }) => canonicalName(assignment, port)) ?? [];
  }

  function isListed(name: string): boolean {
    const meaning = entries.get(name)?.meaning ?? parseName(name, clusterDomain);
    return meaning !== undefined && listedNames(meaning.service).includes(name);
  }

  function isAllowed({ service }: EndpointsName, client: Client): boolean {
    return client.allows(namespaceOf(service));
  }

  /** Undefined for what can never be a name of ours. */
  function entryOf(name: string): Entry | undefined {
    const known = entries.get(name);
    if (known !== undefined) return known;
    const meaning = parseName(name, clusterDomain);
    if (meaning === undefined) return undefined;
    const entry: Entry = {
      name,
      meaning,
      namespace: namespaceOf(meaning.service),
      watchers: new Set(),
      isListed: isListed(name),
      port: portOf(meaning),
      resources: new Map(),
    };
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

  /** Whether any class of clients has another version of it now, or none. */
  function refresh(entry: Entry): boolean {
    const before = { port: entry.port, resources: entry.resources };
    entry.port = portOf(entry.meaning);
    if (entry.port === before.port) return false;
    entry.resources = new Map();
    if (entry.port === undefined || before.port === undefined) return true;
    // Where places count, a class may have parted: what is the same for one of it may be new to another. And there may be
    // as many classes as nodes, so each is made when one of it has its turn.
    if (before.port.proximity !== 'None' || entry.port.proximity !== 'None') return true;
    // Who has not asked yet may be told: it will ask, and be served what is there then.
    let isChanged = before.resources.size === 0;
    for (const { class: client, resource } of before.resources.values()) {
      const now = makeResource(entry.name, entry.port, client, resource);
      isChanged ||= now !== resource;
      entry.resources.set(classKey(entry.port, client), { class: client, resource: now });
    }
    return isChanged;
  }

  function resourceOf(entry: Entry, client: ClientClass): Resource | undefined {
    if (entry.port === undefined) return undefined;
    const key = classKey(entry.port, client);
    const known = entry.resources.get(key);
    if (known !== undefined) return known.resource;
    const resource = makeResource(entry.name, entry.port, client);
    entry.resources.set(key, { class: client, resource });
    return resource;
  }

  /** Entries of the names that "everything" consists of exist only while somebody wants everything. */
  function enterListed(service: ServiceKey): void {
    if (listedWatchers.size > 0) for (const name of listedNames(service)) entryOf(name);
  }

  return {
    get(name, client) {
      const entry = entries.get(name);
      if (entry !== undefined) return client.allows(entry.namespace) ? resourceOf(entry, client.class) : undefined;
      const meaning = parseName(name, clusterDomain);
      if (meaning === undefined || !isAllowed(meaning, client)) return undefined;
      const port = portOf(meaning);
      return port && makeResource(name, port, client.class);
    },
    allows(name, client) {
      const meaning = entries.get(name)?.meaning ?? parseName(name, clusterDomain);
      return meaning === undefined || isAllowed(meaning, client);
    },
    *listed(client) {
      for (const service of services.keys()) {
        if (client.allows(namespaceOf(service))) yield* listedNames(service);
      }
    },
    isListed(name, client) {
      const meaning = entries.get(name)?.meaning ?? parseName(name, clusterDomain);
      return meaning !== undefined && isAllowed(meaning, client) && isListed(name);
    },
    watch: (name, watcher) => void entryOf(name)?.watchers.add(watcher),
    unwatch(name, watcher) {
      const entry = entries.get(name);
      entry?.watchers.delete(watcher);
      if (entry !== undefined) dropUnwatched(entry);
    },
    watchListed(watcher) {
      listedWatchers.add(watcher);
      for (const service of services.keys()) enterListed(service);
    },
    unwatchListed(watcher) {
      listedWatchers.delete(watcher);
      // The rest is still wanted, or was dropped when it was wanted last.
      if (listedWatchers.size > 0) return;
      for (const entry of [...entries.values()]) dropUnwatched(entry);
    },
    size: () => entries.size,
    changed(keys, told) {
      const tell = (watchers: Iterable<Watcher>, name: string): void => {
        for (const watcher of watchers) {
          watcher.changed(name);
          told.add(watcher);
        }
      };
      for (const service of keys) {
        const known = new Set(entriesOf.get(service));
        enterListed(service);
        for (const entry of entriesOf.get(service) ?? []) {
          const wasListed = entry.isListed;
          entry.isListed = isListed(entry.name);
          // Who wants everything has not heard of a name that has just become one of it.
          const isNew = !known.has(entry);
          if (!refresh(entry) && !isNew && wasListed === entry.isListed) continue;
          tell(entry.watchers, entry.name);
          if (wasListed || entry.isListed) tell(listedWatchers, entry.name);
          dropUnwatched(entry);
        }
      }
    },
  };
}

function namespaceOf(service: ServiceKey): string {
  return splitServiceKey(service).namespace;
}
