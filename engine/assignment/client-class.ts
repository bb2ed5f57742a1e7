/**
 * The assignment as one class of clients is served it. Clients differ by what they understand and by where they are;
 * within a class all get the same bytes, so that a change is encoded once for each class, not for each client.
 */
import type { PortAssignment } from './assignment.ts';
import { levelsOf, type Place, pick, placeOf } from './levels.ts';
import { isRamping, type Level, prioritise } from './spill-over.ts';

/** What of a client decides what it is served; '' for a zone or node it does not say. */
export interface ClientClass extends Place {
  readonly dialect: 'envoy' | 'grpc';
}

/**
 * Clients with equal keys are served equal views of this port. There are no more keys than the dialects times the zones
 * and nodes that the port has endpoints in, whatever clients say.
 */
export function classKey(port: PortAssignment, client: ClientClass): string {
  // Asked for each stream and change, and most policies want no proximity.
  if (port.proximity === 'None') return client.dialect;
  const { zone, node } = placeOf(port, client);
  // Most have neither, and are asked for at each push of each stream.
  return zone === '' && node === '' ? client.dialect : JSON.stringify([client.dialect, zone, node]);
}

/**
 * The same endpoints, nearest first, with priorities from 0. Weights are 1..100 as ever, or parts of a million where
 * levels share a priority. The first priority has somebody HEALTHY if anybody is, or Envoy goes on to the one that has.
 */
export function viewFor(port: PortAssignment, client: ClientClass): PortAssignment {
  const levels = levelsOf(port, placeOf(port, client));
  const localities =
    client.dialect === 'envoy'
      ? prioritise(levels, { divides: true })
      : prioritise(levels.map(splitRamping), { divides: false });
  return { ...port, localities };
}

/**
 * gRPC clients look at the weights of localities, not at those of endpoints: each endpoint on a ramp becomes a locality
 * of its own, named by its address.
 */
function splitRamping(level: Level): Level {
  const ramping = pick(level, isRamping).flatMap((locality) =>
    locality.endpoints.map((endpoint) => ({
      ...locality,
      subZone: `${endpoint.address}:${endpoint.port}`,
      endpoints: [endpoint],
    })),
  );
  return [...pick(level, (endpoint) => !isRamping(endpoint)), ...ramping];
}
