/** Services, slices and pods of the inventory become fleets; what a reload removes passes the guard. */
import type { Backend, BackendId, EpochMs, Fleet, ServiceKey } from '../../model.ts';
import type { Problem } from '../../problem.ts';
import type { AddressOwners } from '../guard.ts';
import { addressOwners, guardRemovals, hasChangedHands } from '../guard.ts';
import { fleetOf } from '../kubernetes-fleet.ts';
import type { PodObject } from '../kubernetes-objects.ts';
import { isPodLeaving, serviceNameLabel } from '../kubernetes-objects.ts';
import { dateReadiness } from '../ready-since.ts';
import type { Place } from './documents.ts';
import type { PodInFile, ServiceInFile, SliceInFile } from './objects.ts';
import type { FileObject } from './parse-file.ts';

/** Since when each doubted backend has been missing. */
type Doubts = ReadonlyMap<ServiceKey, ReadonlyMap<BackendId, EpochMs>>;

export interface FleetsState {
  readonly fleets: ReadonlyMap<ServiceKey, Fleet>;
  readonly doubts: Doubts;
  readonly problems: readonly Problem[];
}

export interface FleetsInput {
  readonly objects: readonly FileObject[];
  /** Those of them that are in no file now. */
  readonly remembered: ReadonlySet<FileObject>;
  readonly confirmedAbsent: readonly FileObject[];
  readonly now: EpochMs;
  readonly confirmAfterMs: number;
}

/** @param previous absent on the first load, when nothing can have been removed and nobody is known to be young. */
export function updateFleets(previous: FleetsState | undefined, input: FleetsInput): FleetsState {
  const services = input.objects.filter((object) => object.kind === 'Service');
  const pods = podIndex(input.objects.filter((object) => object.kind === 'Pod'));
  const { listed, problems } = listFleets(
    services,
    input.objects.filter((object) => object.kind === 'EndpointSlice'),
    pods,
  );
  if (previous === undefined) return { fleets: listed, doubts: new Map(), problems };

  const { now, confirmAfterMs } = input;
  // Rarely needed, and not cheap: only when something has vanished.
  let owners: { readonly before: AddressOwners; readonly now: AddressOwners } | undefined;
  const hasNewOwner = (backend: Backend): boolean => {
    owners ??= { before: addressOwners(previous.fleets.values()), now: addressOwners(listed.values()) };
    return hasChangedHands(backend, owners.before, owners.now);
  };
  const absentAddresses = addressesOf(input.confirmedAbsent);
  const uncertain = new Set([...input.remembered].map((object) => ('service' in object ? object.service : undefined)));
  const fleets = new Map<ServiceKey, Fleet>();
  const doubts = new Map<ServiceKey, ReadonlyMap<BackendId, EpochMs>>();
  for (const { service, namespace, place } of services) {
    const before = previous.fleets.get(service);
    const next = dateReadiness(before?.backends ?? [], listed.get(service) ?? emptyFleet(service), now);
    // A file that broke after it lost backends does not confirm that it lost them.
    const since = uncertain.has(service) ? undefined : previous.doubts.get(service);
    const isExplained = (backend: Backend): boolean =>
      isReplaced(backend, pods(namespace, backend.podName ?? '')) ||
      hasNewOwner(backend) ||
      backend.endpoints.some(({ address }) => absentAddresses.has(`${service} ${address}`)) ||
      now - (since?.get(backend.id) ?? now) >= confirmAfterMs;
    const { fleet, held } = before === undefined ? { fleet: next, held: [] } : guardRemovals(before, next, isExplained);
    fleets.set(service, fleet);
    if (held.length === 0) continue;
    doubts.set(service, new Map(held.map((id) => [id, since?.get(id) ?? now])));
    problems.push(massRemoval(service, held.length, fleet.backends.length, place));
  }
  return { fleets, doubts, problems };
}

/** After a state of the directory that proves nothing, removals have to be confirmed anew. */
export function doubtFleetsAnew(state: FleetsState, now: EpochMs): FleetsState {
  const doubts = new Map(
    [...state.doubts].map(([service, doubted]) => [service, new Map([...doubted.keys()].map((id) => [id, now]))]),
  );
  return { ...state, doubts };
}

type PodIndex = (namespace: string, name: string) => PodObject | undefined;

function podIndex(pods: readonly PodInFile[]): PodIndex {
  const byName = new Map(pods.map(({ namespace, name, object }) => [`${namespace}/${name}`, object]));
  return (namespace, name) => byName.get(`${namespace}/${name}`);
}

function listFleets(
  services: readonly ServiceInFile[],
  slices: readonly SliceInFile[],
  pods: PodIndex,
): { readonly listed: ReadonlyMap<ServiceKey, Fleet>; readonly problems: Problem[] } {
  const slicesOf = Map.groupBy(slices, (slice) => slice.service);
  const known = new Set(services.map(({ service }) => service));
  const problems = slices.filter(({ service }) => service === undefined || !known.has(service)).map(orphan);
  const listed = new Map<ServiceKey, Fleet>();
  for (const { service, object, namespace } of services) {
    const own = slicesOf.get(service) ?? [];
    const { fleet, findings } = fleetOf({
      key: service,
      service: object,
      slices: own.map((slice) => slice.object),
      podNamed: (name) => pods(namespace, name),
    });
    listed.set(service, fleet);
    for (const { slice, problem } of findings) {
      problems.push({ ...problem, ...own.find(({ object }) => object === slice)?.place });
    }
  }
  return { listed, problems };
}

/** Positive knowledge only: a Pod that is merely missing here is missing for the same reasons its endpoint may be. */
function isReplaced(backend: Backend, pod: PodObject | undefined): boolean {
  if (pod === undefined) return false;
  const uid = pod.metadata?.uid;
  return isPodLeaving(pod) || (uid !== undefined && backend.podUid !== undefined && uid !== backend.podUid);
}

function addressesOf(absent: readonly FileObject[]): ReadonlySet<string> {
  const slices = absent.filter((object) => object.kind === 'EndpointSlice');
  return new Set(
    slices.flatMap(({ service, object }) =>
      (object.endpoints ?? []).flatMap(({ addresses }) => addresses.map((address) => `${service} ${address}`)),
    ),
  );
}

function emptyFleet(service: ServiceKey): Fleet {
  return { service, ports: [], backends: [] };
}

function orphan({ namespace, name, service, place }: SliceInFile): Problem {
  const slice = `EndpointSlice ${namespace}/${name}`;
  return {
    code: 'KV0209',
    severity: 'warning',
    ...place,
    message:
      service === undefined
        ? `${slice} has no label ${serviceNameLabel}; it is ignored`
        : `${slice} belongs to Service ${service}, which is in no file; it is ignored`,
    remedy: service === undefined ? 'set the label to the name of its Service' : 'add the Service to the directory',
  };
}

function massRemoval(service: ServiceKey, held: number, of: number, place: Place): Problem {
  return {
    code: 'KV0212',
    severity: 'warning',
    file: place.file,
    message: `${held} of ${of} backends of ${service} are gone at once and nothing explains it; they are kept until that is confirmed`,
  };
}
