/** Whom a client asks first: those of its own node, then of its own zone, then the rest. */
import type { AssignedEndpoint, PortAssignment } from './assignment.ts';
import type { Level } from './spill-over.ts';

/** Where a client is, as far as that makes a difference to it; '' where it makes none. */
export interface Place {
  readonly zone: string;
  readonly node: string;
}

/** Clients may say what they like: only a zone and a node that the Service has endpoints in count. */
export function placeOf(port: PortAssignment, { zone, node }: Place): Place {
  const { proximity, localities } = port;
  const hasZone = proximity !== 'None' && localities.some((locality) => locality.zone === zone);
  const hasNode =
    proximity === 'Node' && localities.some(({ endpoints }) => endpoints.some((each) => isOn(each, node)));
  return { zone: hasZone ? zone : '', node: hasNode ? node : '' };
}

/** Nearest first, none of them empty. Nothing is lost and nothing is in two of them. */
export function levelsOf(port: PortAssignment, { zone, node }: Place): readonly Level[] {
  // The zone's endpoints are in two levels then, and gRPC clients tell the localities of all levels apart by name.
  const onNode = pick(port.localities, (each) => isOn(each, node)).map((each) => ({ ...each, subZone: node }));
  const elsewhere = pick(port.localities, (each) => !isOn(each, node));
  const inZone = elsewhere.filter((locality) => isIn(locality, zone));
  const rest = elsewhere.filter((locality) => !isIn(locality, zone));
  return [onNode, inZone, rest].filter((level) => level.length > 0);
}

/** With endpoints that satisfy it, and without the localities that are left with none. */
export function pick(level: Level, isWanted: (endpoint: AssignedEndpoint) => boolean): Level {
  return level.flatMap((locality) => {
    const endpoints = locality.endpoints.filter(isWanted);
    return endpoints.length === 0 ? [] : [{ ...locality, endpoints }];
  });
}

/** What is nowhere known to be is not in the same place as a client that does not say where it is. */
function isOn(endpoint: AssignedEndpoint, node: string): boolean {
  return node !== '' && endpoint.node === node;
}

function isIn(locality: Level[number], zone: string): boolean {
  return zone !== '' && locality.zone === zone;
}
