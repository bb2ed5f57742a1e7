/**
 * The guard against mass removal. A truncated file, a relist from a server that has forgotten, an export script that
 * failed half-way: all look like "these endpoints are gone". Obeyed blindly they turn a service dark, and did so in
 * many published incidents. So when one reload removes much of a fleet and nothing explains it, the removed backends
 * are kept until their absence is confirmed. Everything else in the reload takes effect at once.
 */
import type { Backend, BackendId, Endpoint, Fleet } from '../model.ts';
import { members } from '../model.ts';
import { byId, uniqueEndpoints } from './kubernetes-fleet.ts';

/** Up to this share of the backends of a port may leave in one reload without a question... */
const unquestionedPercent = 30;
/** ...and fewer than this many always may, unless nobody would be left: scaling a small fleet in is everyday work. */
const questionedCount = 3;

export interface Guarded {
  readonly fleet: Fleet;
  /** Backends that are, wholly or on some port, in `fleet` only because their removal is doubted. */
  readonly held: readonly BackendId[];
}

/**
 * @param previous what is in force now, backends held earlier included
 * @param next what the reload says
 * @param isExplained whether it is known that this backend is gone: its pod was deleted or replaced, its address
 *   belongs to another backend now, or its absence has been confirmed. An explained backend is never held, because
 *   traffic to it would fail or, worse, reach somebody else's pod.
 */
export function guardRemovals(previous: Fleet, next: Fleet, isExplained: (backend: Backend) => boolean): Guarded {
  const doubted = doubtedRemovals(previous, next, isExplained);
  if (doubted.size === 0) return { fleet: next, held: [] };
  const listed = new Map(next.backends.map((backend) => [backend.id, backend]));
  const held = new Set([...doubted].map((backend) => backend.id));
  const kept = [...doubted].map((backend) => withEndpoints(listed.get(backend.id) ?? backend, backend.endpoints));
  const others = next.backends.filter((backend) => !held.has(backend.id));
  const portNames = new Set(next.ports.map((port) => port.name));
  if (kept.every((backend) => backend.endpoints.every((endpoint) => portNames.has(endpoint.portName)))) {
    return { fleet: { ...next, backends: [...others, ...kept].sort(byId) }, held: [...held] };
  }
  // A port was renamed under them (a Service edited before its slices): under the new names they would serve nothing.
  // So the old names stay until confirmed, and with them the old endpoints of everybody who is still listed.
  const before = new Map(previous.backends.map((backend) => [backend.id, backend]));
  const stayed = others.flatMap((backend) => {
    const endpoints = before.get(backend.id)?.endpoints;
    return endpoints === undefined ? [] : [{ ...backend, endpoints }];
  });
  return { fleet: { ...previous, backends: [...stayed, ...kept].sort(byId) }, held: [...held] };
}

/**
 * Counted for each port that clients can go on asking for: a port that lost all its backends is as dark as a fleet that
 * did, even if the backends remain on another port.
 */
function doubtedRemovals(
  previous: Fleet,
  next: Fleet,
  isExplained: (backend: Backend) => boolean,
): ReadonlySet<Backend> {
  const doubted = new Set<Backend>();
  for (const { number, name } of next.ports) {
    const previousName = previous.ports.find((port) => port.number === number)?.name;
    if (previousName === undefined) continue;
    const before = members(previous).filter((backend) => serves(backend, previousName));
    // Terminating backends are still listed: they explain themselves.
    const listed = new Set(
      next.backends.filter((backend) => backend.terminating || serves(backend, name)).map((backend) => backend.id),
    );
    const vanished = before.filter((backend) => !listed.has(backend.id) && !isExplained(backend));
    const isMass = vanished.length >= questionedCount && vanished.length * 100 > unquestionedPercent * before.length;
    const isLast = !members(next).some((backend) => serves(backend, name));
    if (isMass || isLast) for (const backend of vanished) doubted.add(backend);
  }
  return doubted;
}

function serves(backend: Backend, portName: string): boolean {
  return backend.endpoints.some((endpoint) => endpoint.portName === portName);
}

function withEndpoints(backend: Backend, endpoints: readonly Endpoint[]): Backend {
  return { ...backend, endpoints: uniqueEndpoints([...backend.endpoints, ...endpoints]) };
}

/** Who has which address. Pods of one node share it when they use the host's network. */
export type AddressOwners = ReadonlyMap<string, ReadonlySet<BackendId>>;

export function addressOwners(fleets: Iterable<Fleet>): AddressOwners {
  const owners = new Map<string, Set<BackendId>>();
  for (const { backends } of fleets) {
    for (const { id, endpoints } of backends) {
      for (const { address } of endpoints) {
        const ids = owners.get(address) ?? new Set();
        owners.set(address, ids.add(id));
      }
    }
  }
  return owners;
}

/**
 * Whether another backend has taken over an address of this one. One that already shared it before has not: that is
 * the host's network, and says nothing about this backend.
 */
export function hasChangedHands(backend: Backend, before: AddressOwners, now: AddressOwners): boolean {
  return backend.endpoints.some(({ address }) =>
    [...(now.get(address) ?? [])].some((owner) => owner !== backend.id && before.get(address)?.has(owner) !== true),
  );
}
