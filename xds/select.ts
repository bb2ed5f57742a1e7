/** From a name to what it means in the assignment of its Service. */
import type { Assignment, LocalityAssignment, PortAssignment } from '../engine/assignment/assignment.ts';
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

function findPort({ ports }: Assignment, selector: PortSelector): PortAssignment | undefined {
  switch (selector.kind) {
    case 'number':
      return ports.find(({ port }) => port.number === selector.number);
    case 'name':
      return ports.find(({ port }) => port.name === selector.name);
    case 'only':
      return ports.length === 1 ? ports[0] : undefined;
  }
}

function filterSubset({ port, localities }: PortAssignment, subset: string): PortAssignment | undefined {
  const filtered = localities
    .map((locality) => ({
      ...locality,
      endpoints: locality.endpoints.filter(({ labels }) => labels?.[subsetLabel] === subset),
    }))
    .filter(({ endpoints }) => endpoints.length > 0);
  return filtered.length === 0 ? undefined : { port, localities: withoutGaps(filtered) };
}

/** Priorities must follow each other from 0, or clients refuse the assignment. */
function withoutGaps(localities: readonly LocalityAssignment[]): readonly LocalityAssignment[] {
  const priorities = [...new Set(localities.map(({ priority }) => priority))].sort((a, b) => a - b);
  return localities.map((locality) => ({ ...locality, priority: priorities.indexOf(locality.priority) }));
}

/** The one name that stands for a port where all resources are asked for at once. */
export function canonicalName({ service, ports }: Assignment, port: ServicePort): string {
  if (port.name !== '') return `${service}:${port.name}`;
  return ports.length === 1 ? service : `${service}:${port.number}`;
}
