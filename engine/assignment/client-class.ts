/**
 * The assignment as one class of clients is served it. Clients differ by what they understand and by where they are;
 * within a class all get the same bytes, so that a change is encoded once for each class, not for each client.
 */
import type { LocalityAssignment, PortAssignment } from './assignment.ts';
import { forGrpc } from './grpc.ts';
import { levelsOf, type Place, placeOf } from './levels.ts';

/** What of a client decides what it is served; '' for a zone or node it does not say. */
export interface ClientClass extends Place {
  readonly dialect: 'envoy' | 'grpc';
}

/**
 * Clients with equal keys are served equal views of this port. There are no more keys than the dialects times the zones
 * and nodes that the port has endpoints in, whatever clients say.
 */
export function classKey(port: PortAssignment, client: ClientClass): string {
  const { zone, node } = placeOf(port, client);
  return JSON.stringify([client.dialect, zone, node]);
}

/** The same endpoints, in the localities and priorities for clients of this class; priorities are contiguous from 0. */
export function viewFor(port: PortAssignment, client: ClientClass): PortAssignment {
  const levels = levelsOf(port, placeOf(port, client));
  return { ...port, localities: client.dialect === 'grpc' ? forGrpc(levels) : forEnvoy(levels) };
}

/** Envoy knows weights of endpoints, and divides traffic between priorities by itself. */
function forEnvoy(levels: readonly (readonly LocalityAssignment[])[]): readonly LocalityAssignment[] {
  return levels.flatMap((level, priority) => level.map((locality) => ({ ...locality, priority })));
}
