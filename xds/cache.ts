/**
 * What is served now, of every type. Knows versions and who watches them; knows nothing of streams and nonces.
 *
 * An assignment says all there is to say of a Service: its endpoints, and the cluster we recommend for each of its ports.
 * Listeners and routes we have none, and say so.
 */
import type { Assignment, PortAssignment } from '../engine/assignment/assignment.ts';
import { type ClientClass, classKey, viewFor } from '../engine/assignment/client-class.ts';
import { type Clock, systemClock } from '../engine/clock.ts';
import type { ServiceKey } from '../engine/model.ts';
import { createCatalog } from './catalog.ts';
import { createClusterContents } from './cluster-content.ts';
import { createFanOut } from './fan-out.ts';
import { type Content, encodeContent, type Fragments } from './content.ts';
import { defaultClusterDomain, parseName } from './names.ts';
import { findPort, selectPort } from './select.ts';
import {
  clusterType,
  emptyType,
  endpointType,
  listenerType,
  type ResourceType,
  routeType,
  type Watcher,
} from './types.ts';

export interface XdsCacheOptions {
  /** Of the Kubernetes cluster, as it stands in names; default `cluster.local`. */
  readonly clusterDomain?: string;
  /** Default: the system's. */
  readonly clock?: Clock;
}

export interface XdsCache {
  /** One batch: whoever is woken by it sees all of it. Wakes only who watches a name whose version changed. */
  publish(assignments: readonly Assignment[]): void;
  /**
   * The Service is gone, and its names mean nothing any more. Nobody is sent an empty list for that: an Envoy hears
   * nothing of the endpoints and keeps what it has, a delta client is told that the names do not exist (Envoy keeps its
   * endpoints all the same, gRPC clients may drop them). If the Service had lost its endpoints first, an empty assignment
   * was published, which is what empties a cluster.
   */
  remove(service: ServiceKey): void;
  /** All inputs were read: from now on streams may be answered. An answer before that could be wrong by omission. */
  open(): void;
  isOpen(): boolean;
  /** Resolves when `open` was called. */
  readonly opened: Promise<void>;
  /** How many names are kept because somebody watches them, of all types. */
  watchedNames(): number;
  readonly clusters: ResourceType;
  readonly endpoints: ResourceType;
  /** What the name of a resource is about; undefined for what can name nothing of ours. */
  serviceOf(name: string): ServiceKey | undefined;
  /** All that is served, by type URL. */
  readonly types: ReadonlyMap<string, ResourceType>;
}

/** A millisecond of work, which the processor's caches hold: the fewer at once, the less time all of it takes. */
const watchersPerTurn = 50;

export function createXdsCache(options: XdsCacheOptions = {}): XdsCache {
  const { clusterDomain = defaultClusterDomain, clock = systemClock } = options;
  const services = new Map<ServiceKey, Assignment>();
  const fragments: Fragments = new WeakMap();
  const endpointContents = shared(
    // Without proximity there are two views at most, for which it does not pay to keep the pieces.
    (port, client) => encodeContent(viewFor(port, client), port.proximity === 'None' ? undefined : fragments),
    classKey,
  );
  const clusterContents = shared(createClusterContents(), () => '');
  const { promise: opened, resolve: markOpened } = Promise.withResolvers<void>();
  let isOpen = false;
  const fanOut = createFanOut(watchersPerTurn);

  const common = { clusterDomain, services, now: clock.now };
  const endpointCatalog = createCatalog({
    ...common,
    typeUrl: endpointType,
    select: selectPort,
    contentFor: endpointContents,
  });
  const clusterCatalog = createCatalog({
    ...common,
    typeUrl: clusterType,
    // A subset without members is still a cluster; its endpoints are another question.
    select: (assignment, { port }) => findPort(assignment, port),
    contentFor: clusterContents,
  });
  const endpoints = { typeUrl: endpointType, legacyWildcard: false, isFullState: false, resources: endpointCatalog };
  const clusters = { typeUrl: clusterType, legacyWildcard: true, isFullState: true, resources: clusterCatalog };
  const types: readonly ResourceType[] = [
    clusters,
    endpoints,
    emptyType(listenerType, { legacyWildcard: true }),
    emptyType(routeType, { legacyWildcard: false }),
  ];

  function changed(keys: ReadonlySet<ServiceKey>): void {
    const awake = new Set<Watcher>();
    for (const catalog of [clusterCatalog, endpointCatalog]) catalog.changed(keys, awake);
    fanOut.wake(awake);
  }

  return {
    publish(assignments) {
      for (const assignment of assignments) services.set(assignment.service, assignment);
      changed(new Set(assignments.map(({ service }) => service)));
    },
    remove(service) {
      services.delete(service);
      changed(new Set([service]));
    },
    open() {
      isOpen = true;
      markOpened();
    },
    isOpen: () => isOpen,
    opened,
    watchedNames: () => clusterCatalog.size() + endpointCatalog.size(),
    clusters,
    endpoints,
    serviceOf: (name) => parseName(name, clusterDomain)?.service,
    types: new Map(types.map((type) => [type.typeUrl, type])),
  };
}

/** Made when first asked for, then shared by all names of the port and all clients with the same key. */
function shared(
  make: (port: PortAssignment, client: ClientClass) => Content,
  key: (port: PortAssignment, client: ClientClass) => string,
): (port: PortAssignment, client: ClientClass) => Content {
  const made = new WeakMap<PortAssignment, Map<string, Content>>();
  return (port, client) => {
    const ofPort = made.get(port) ?? new Map<string, Content>();
    made.set(port, ofPort);
    const content = ofPort.get(key(port, client)) ?? make(port, client);
    ofPort.set(key(port, client), content);
    return content;
  };
}
