/** Assignments as short as a test wants to say them. */
import type {
  AssignedEndpoint,
  Assignment,
  LocalityAssignment,
  PortAssignment,
} from '../../engine/assignment/assignment.ts';
import { backendId, serviceKey } from '../../engine/model.ts';
import { clientOf, everywhere } from '../../xds/client.ts';

export function endpointOf(address: string, change: Partial<AssignedEndpoint> = {}): AssignedEndpoint {
  return { backend: backendId(address), address, port: 8080, status: 'HEALTHY', weight: 100, ...change };
}

export function localityOf(
  endpoints: readonly AssignedEndpoint[],
  change: Partial<LocalityAssignment> = {},
): LocalityAssignment {
  return { zone: '', subZone: '', priority: 0, endpoints, ...change };
}

export function portOf(
  localities: readonly LocalityAssignment[],
  port: Partial<PortAssignment['port']> = {},
  proximity: PortAssignment['proximity'] = 'None',
): PortAssignment {
  return { port: { name: 'http', number: 80, ...port }, proximity, localities, ejectedAs: 'DRAINING' };
}

/** `shop/NAME` with one port `http`, 80, and the endpoints given. */
export function assignmentOf(name: string, ...endpoints: readonly AssignedEndpoint[]): Assignment {
  return {
    service: serviceKey('shop', name),
    ports: [portOf(endpoints.length === 0 ? [] : [localityOf(endpoints)])],
  };
}

/** A client of which nothing is known. */
export const anyone = clientOf(undefined, everywhere);
