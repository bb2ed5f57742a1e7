/** Services, EndpointSlices and Pods as they come, and the fleets they make; recomputed for those Services only that a change concerns. */
import { isDeepStrictEqual } from 'node:util';
import type { Backend, BackendId, EpochMs, Fleet, ServiceKey, Workloads } from '../../model.ts';
import { members, splitServiceKey } from '../../model.ts';
import type { Problem } from '../../problem.ts';
import { type AddressOwners, addressOwners, guardRemovals, hasChangedHands } from '../guard.ts';
import { fleetOf } from '../kubernetes-fleet.ts';
import { type EndpointSliceObject, isPodLeaving, type PodObject, type ServiceObject } from '../kubernetes-objects.ts';
import { dateReadiness } from '../ready-since.ts';
import type { SourceChange } from '../source.ts';
import { follow } from './follow.ts';
import type { Change } from '../../kubernetes/reflector.ts';
import { createSliceIndex } from './slice-index.ts';
import { createWorkloadIndex, type WorkloadKind, type WorkloadObject } from './workloads.ts';

export interface Cluster {
  services(change: Change<ServiceObject>): void;
  /** @param namespace of the list; absent when it is of all namespaces */
  slices(change: Change<EndpointSliceObject>, namespace?: string): void;
  pods(change: Change<PodObject>): void;
  workloads(kind: WorkloadKind, change: Change<WorkloadObject>): void;
  /**
   * Whether the workloads of a namespace are known, all of them: only then is it used what they say.
   * @param namespace absent: of all namespaces
   */
  knowWorkloads(areKnown: boolean, namespace?: string): void;
  /** What the changes since the last call have come to. */
  settle(now: EpochMs): readonly SourceChange[];
  fleets(): ReadonlyMap<ServiceKey, Fleet>;
  /** Backends are kept whose removal is doubted: another list of slices has to confirm it. */
  isDoubting(): boolean;
  problems(): readonly Problem[];
  /** As they were read, by `namespace/name`. */
  readonly objects: {
    readonly services: ReadonlyMap<string, ServiceObject>;
    readonly pods: ReadonlyMap<string, PodObject>;
  };
}

/** What is doubted for so long is believed, whether or not it could be confirmed. */
const longestDoubtMs = 60_000;

/** Stands for all namespaces: none has this name. */
const everywhere = '';

interface Doubt {
  readonly sinceMs: EpochMs;
  /** Lists of its slices that there had been. */
  readonly lists: number;
}

export function createCluster(): Cluster {
  const services = new Map<string, ServiceObject>();
  const slices = createSliceIndex();
  const pods = new Map<string, PodObject>();
  const workloads = createWorkloadIndex();
  /** Namespaces of which the workloads are known. */
  const known = new Set<string>();
  const fleets = new Map<ServiceKey, Fleet>();
  const findings = new Map<ServiceKey, readonly Problem[]>();
  const doubts = new Map<ServiceKey, ReadonlyMap<BackendId, Doubt>>();
  const dirty = new Set<ServiceKey>();
  /** Of those, the ones that a list of slices made so: what it lacks, nobody has explained. */
  const relisted = new Set<ServiceKey>();
  /** Lists of slices so far, by namespace. */
  const lists = new Map<string, number>();

  function listsOf(service: ServiceKey): number {
    return (lists.get(everywhere) ?? 0) + (lists.get(splitServiceKey(service).namespace) ?? 0);
  }

  function settleService(service: ServiceKey, now: EpochMs, owners: () => Owners): SourceChange | undefined {
    const object = services.get(service);
    const before = fleets.get(service);
    if (object === undefined) {
      fleets.delete(service);
      findings.delete(service);
      doubts.delete(service);
      return before === undefined ? undefined : { kind: 'fleet-gone', service };
    }
    const { namespace } = splitServiceKey(service);
    const podNamed = (name: string): PodObject | undefined => pods.get(`${namespace}/${name}`);
    const reading = fleetOf({ key: service, service: object, slices: slices.of(service), podNamed });
    findings.set(
      service,
      reading.findings.map(({ problem }) => problem),
    );
    const told = toldOf(namespace, object, reading.fleet);
    const listed = told === undefined ? reading.fleet : { ...reading.fleet, workloads: told };
    const fleet = before === undefined ? listed : guarded(before, listed, podNamed, now, owners);
    fleets.set(service, fleet);
    return isDeepStrictEqual(before, fleet) ? undefined : { kind: 'fleet', fleet };
  }

  /** What its workloads say, where they are known and it has pods of its own. */
  function toldOf(namespace: string, { spec }: ServiceObject, fleet: Fleet): Workloads | undefined {
    const areKnown = known.has(everywhere) || known.has(namespace);
    if (!areKnown || fleet.hasSelector !== true) return undefined;
    return workloads.of(namespace, spec?.selector ?? {}, members(fleet));
  }

  function touchWhere(isConcerned: (namespace: string, service: ServiceObject) => boolean): void {
    for (const [key, service] of services) {
      if (isConcerned(splitServiceKey(key as ServiceKey).namespace, service)) dirty.add(key as ServiceKey);
    }
  }

  function guarded(
    before: Fleet,
    listed: Fleet,
    podNamed: (name: string) => PodObject | undefined,
    now: EpochMs,
    owners: () => Owners,
  ): Fleet {
    const { service } = before;
    const next = dateReadiness(before.backends, listed, now);
    const doubted = doubts.get(service);
    doubts.delete(service);
    // What a watch says, somebody did; only what a list lacks may be the fault of the list.
    if (!relisted.has(service) && doubted === undefined) return next;
    const isExplained = (backend: Backend): boolean => {
      const doubt = doubted?.get(backend.id);
      const isConfirmed =
        doubt !== undefined && (listsOf(service) > doubt.lists || now - doubt.sinceMs >= longestDoubtMs);
      return isConfirmed || isPodGone(backend, podNamed) || hasChangedHands(backend, owners().before, owners().now);
    };
    const { fleet, held } = guardRemovals(before, next, isExplained);
    if (held.length > 0) {
      const fresh = { sinceMs: now, lists: listsOf(service) };
      doubts.set(service, new Map(held.map((id) => [id, doubted?.get(id) ?? fresh])));
    }
    return fleet;
  }

  interface Owners {
    readonly before: AddressOwners;
    readonly now: AddressOwners;
  }

  return {
    services(change) {
      const touch = (key: string): void => void dirty.add(key as ServiceKey);
      follow(services, change, touch);
    },
    slices(change, namespace = everywhere) {
      const touched = slices.follow(change);
      for (const service of touched) dirty.add(service);
      if (change.kind !== 'listed') return;
      lists.set(namespace, (lists.get(namespace) ?? 0) + 1);
      for (const service of touched) relisted.add(service);
    },
    pods(change) {
      follow(pods, change, (pod) => {
        for (const service of slices.naming(pod)) dirty.add(service);
      });
    },
    workloads(kind, change) {
      const concerns = workloads.follow(kind, change);
      touchWhere((namespace, { spec }) => concerns(namespace, spec?.selector ?? {}));
    },
    knowWorkloads(areKnown, namespace = everywhere) {
      if (known.has(namespace) === areKnown) return;
      if (areKnown) known.add(namespace);
      else known.delete(namespace);
      touchWhere((each) => namespace === everywhere || namespace === each);
    },
    settle(now) {
      const concerned = [...dirty].sort();
      dirty.clear();
      const beforeThis = [...fleets.values()];
      let known: Owners | undefined;
      // Rarely needed, and not cheap: only when something has vanished.
      const owners = (): Owners =>
        (known ??= { before: addressOwners(beforeThis), now: addressOwners(listedFleets(concerned)) });
      const changes = concerned.flatMap((service) => settleService(service, now, owners) ?? []);
      relisted.clear();
      for (const service of doubts.keys()) dirty.add(service);
      return changes;
    },
    fleets: () => fleets,
    objects: { services, pods },
    isDoubting: () => doubts.size > 0,
    problems: () => [
      ...[...findings.values()].flat(),
      ...[...doubts].map(([service, { size }]) => massRemoval(service, size)),
    ],
  };

  function listedFleets(concerned: readonly ServiceKey[]): readonly Fleet[] {
    return concerned.flatMap((key) => {
      const service = services.get(key);
      if (service === undefined) return [];
      return fleetOf({ key, service, slices: slices.of(key), podNamed: () => undefined }).fleet;
    });
  }
}

/** All pods are known here, so that one that is not there is gone. */
function isPodGone({ podName, podUid }: Backend, podNamed: (name: string) => PodObject | undefined): boolean {
  if (podName === undefined) return false;
  const pod = podNamed(podName);
  return pod === undefined || isPodLeaving(pod) || (podUid !== undefined && pod.metadata?.uid !== podUid);
}

function massRemoval(service: ServiceKey, held: number): Problem {
  return {
    code: 'KV0212',
    severity: 'warning',
    message: `${held} backends of ${service} are gone from its EndpointSlices at once and nothing explains it; they are kept until another list confirms it`,
  };
}
