/**
 * fleet + rules + decisions -> assignment. The last place where a rule can be enforced before it is served, and every
 * replica runs it, so the floor is checked here once more.
 */
import { type Backend, type BackendId, type Endpoint, type Fleet, readyMembers, type ServicePort } from '../model.ts';
import type { EjectPolicy, Policy, RampPolicy } from '../policy/policy.ts';
import { type Decision, isOut, leastSevereFirst } from '../rotation/decision.ts';
import { weightOf } from '../rotation/ramp.ts';
import type { Clamp } from '../rotation/state.ts';
import type { AssignedEndpoint, Assignment, LeavingStatus, LocalityAssignment, PortAssignment } from './assignment.ts';

export interface AssignmentInput {
  readonly fleet: Fleet;
  readonly decisions: ReadonlyMap<BackendId, Decision>;
  readonly eject: EjectPolicy;
  readonly ramp: RampPolicy;
  readonly proximity: Policy['proximity'];
  /** Base and floor at the last reduction; absent: nobody was ever taken out. */
  readonly clamp?: Clamp;
}

/** What a backend's endpoints get, on every port alike; `undefined`: they are not listed. */
type Placement = { readonly status: AssignedEndpoint['status']; readonly weight: number } | undefined;

const healthy = { status: 'HEALTHY', weight: 100 } as const;
const unhealthy = { status: 'UNHEALTHY', weight: 100 } as const;

export function assign(input: AssignmentInput): Assignment {
  const decisions = clampDecisions(input);
  const place = placementRule(input, decisions);
  return {
    service: input.fleet.service,
    ports: input.fleet.ports.map((port) => assignPort(input, port, place)),
  };
}

/**
 * R7: no more out than base - floor allowed when the last one was taken out. The engine keeps to this by itself; the
 * clamp is for the day it does not, or a store hands back decisions that never belonged together.
 */
function clampDecisions(input: AssignmentInput): ReadonlyMap<BackendId, Decision> {
  const ready = new Set(readyMembers(input.fleet).map(({ id }) => id));
  // Those that are not ready would not be served anyway: letting others in for them would give the floor nothing.
  const out = [...input.decisions.values()].filter((decision) => isOut(decision) && ready.has(decision.backend));
  const allowed = input.clamp === undefined ? 0 : Math.max(0, input.clamp.base - Math.max(1, input.clamp.floor));
  const surplus = out.sort(leastSevereFirst).slice(0, Math.max(0, out.length - allowed));
  if (surplus.length === 0) return input.decisions;
  const clamped = new Map(input.decisions);
  for (const { backend } of surplus) clamped.delete(backend);
  return clamped;
}

function placementRule(
  input: AssignmentInput,
  decisions: ReadonlyMap<BackendId, Decision>,
): (backend: Backend) => Placement {
  const leaving = { status: leavingStatus(input), weight: 100 };
  return (backend) => {
    if (backend.terminating) return backend.serving ? leaving : undefined;
    if (!backend.ready) return undefined;
    const decision = decisions.get(backend.id);
    if (decision === undefined) return healthy;
    switch (decision.state) {
      case 'serving':
      case 'probing':
      case 'ramping':
        return { status: 'HEALTHY', weight: weightOf(decision, input.ramp) };
      case 'ejected':
      case 'paused':
      case 'evicted':
        return decision.closed || input.eject.how === 'Remove' ? undefined : leaving;
    }
  };
}

/**
 * DRAINING leaves Envoy's panic arithmetic, so that ejecting most of a fleet does not send traffic to all of it again.
 * With several priorities that hides the loss from spill-over, so there it is UNHEALTHY. Terminating endpoints are
 * marked like ejected ones: Envoy does not recompute panic on a change from one mark to the other.
 */
function leavingStatus({ eject, proximity }: AssignmentInput): LeavingStatus {
  return eject.how === 'MarkUnhealthy' || proximity !== 'None' ? 'UNHEALTHY' : 'DRAINING';
}

function assignPort(input: AssignmentInput, port: ServicePort, place: (backend: Backend) => Placement): PortAssignment {
  const { fleet, proximity } = input;
  const endpoints = listEndpoints(fleet, port, place);
  const isServed = endpoints.some(({ status }) => status === 'HEALTHY');
  return {
    port,
    proximity,
    ejectedAs: leavingStatus(input),
    localities: byLocality(isServed ? endpoints : listEndpoints(fleet, port, lastResort(fleet, port, place)), fleet),
  };
}

/**
 * Nobody would be served: rather everyone that is ready, ejected or not; rather pods that are on their way out but still
 * serve (as kube-proxy does); rather unready ones, marked so, than an empty list, which would mean "no such hosts".
 */
function lastResort(
  fleet: Fleet,
  port: ServicePort,
  place: (backend: Backend) => Placement,
): (backend: Backend) => Placement {
  const here = fleet.backends.filter((backend) => backend.endpoints.some(({ portName }) => portName === port.name));
  if (here.some((backend) => backend.ready && !backend.terminating)) {
    return (backend) => (backend.ready && !backend.terminating ? healthy : place(backend));
  }
  if (here.some((backend) => backend.serving && backend.terminating)) {
    return (backend) => (backend.serving && backend.terminating ? healthy : undefined);
  }
  return () => unhealthy;
}

interface Listed extends AssignedEndpoint {
  readonly zone: string;
}

function listEndpoints(fleet: Fleet, port: ServicePort, place: (backend: Backend) => Placement): readonly Listed[] {
  const byAddress = new Map<string, Listed>();
  for (const backend of fleet.backends) {
    const placement = place(backend);
    if (placement === undefined) continue;
    for (const endpoint of backend.endpoints) {
      if (endpoint.portName !== port.name) continue;
      const key = addressKey(endpoint);
      const listed = {
        backend: backend.id,
        address: endpoint.address,
        port: endpoint.port,
        ...placement,
        ...(backend.node === undefined ? {} : { node: backend.node }),
        ...(backend.labels === undefined ? {} : { labels: backend.labels }),
        zone: backend.zone ?? '',
      };
      const other = byAddress.get(key);
      if (other === undefined || owns(listed, other)) byAddress.set(key, listed);
    }
  }
  return [...byAddress.values()];
}

/** An address has one owner. A new pod may already have the address of one that is leaving: the one that serves counts. */
function owns(a: Listed, b: Listed): boolean {
  const [servesA, servesB] = [a.status === 'HEALTHY', b.status === 'HEALTHY'];
  return servesA === servesB ? a.backend < b.backend : servesA;
}

function addressKey({ address, port }: Pick<Endpoint, 'address' | 'port'>): string {
  return `${address}|${port}`;
}

function byLocality(endpoints: readonly Listed[], fleet: Fleet): readonly LocalityAssignment[] {
  const zones = [...new Set(fleet.backends.map(({ zone }) => zone ?? ''))].sort();
  return zones.flatMap((zone) => {
    const here = endpoints.filter((endpoint) => endpoint.zone === zone).sort(byAddress);
    return here.length === 0
      ? []
      : [{ zone, subZone: '', priority: 0, endpoints: here.map(({ zone: _, ...endpoint }) => endpoint) }];
  });
}

function byAddress(a: AssignedEndpoint, b: AssignedEndpoint): number {
  return a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port;
}
