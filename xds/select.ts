/** From a name to what it means in the assignment of its Service. */
import type { Assignment, PortAssignment } from '../engine/assignment/assignment.ts';
import type { ServicePort } from '../engine/model.ts';
import type { EndpointsName, PortSelector } from './names.ts';

/** Istio's DestinationRules, where subsets are defined, are not read: their examples all select by this label. */
const subsetLabel = 'version';

/**
 * Undefined when the Service has no such port, or when nothing shows which of its endpoints are the subset. The latter
 * happens where no labels are known, and where the subset is not one of `version`: neither means that it is empty.
 */
export function selectPort(assignment: Assignment, name: EndpointsName): PortAssignment | undefined {
  const port = findPort(assignment, name.port);
  return port === undefined || name.subset === undefined ? port : filterSubset(port, name.subset);
}

/** Undefined when the Service has no such port. */
export function findPort({ ports }: Assignment, selector: PortSelector): PortAssignment | undefined {
  switch (selector.kind) {
    case 'number':
      return ports.find(({ port }) => port.number === selector.number);
    case 'name':
      return ports.find(({ port }) => port.name === selector.name);
    case 'only':
      return ports.length === 1 ? ports[0] : undefined;
  }
}

function filterSubset(port: PortAssignment, subset: string): PortAssignment | undefined {
  const localities = port.localities
    .map((locality) => ({
      ...locality,
      endpoints: locality.endpoints.filter(({ labels }) => labels?.[subsetLabel] === subset),
    }))
    .filter(({ endpoints }) => endpoints.length > 0);
  return localities.length === 0 ? undefined : { ...port, localities };
}

/** The one name that stands for a port where all resources are asked for at once. */
export function canonicalName({ service, ports }: Assignment, port: ServicePort): string {
  if (port.name !== '') return `${service}:${port.name}`;
  return ports.length === 1 ? service : `${service}:${port.number}`;
}
