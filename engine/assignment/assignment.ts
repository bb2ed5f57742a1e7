/**
 * What is served for a Service: plain data, a function of fleet, policy and decisions and nothing else, so that equal
 * inputs give equal bytes on every replica. `xds/` turns it into protobuf; it knows assignments, never breakers.
 */
import type { BackendId, ServiceKey, ServicePort } from '../model.ts';
import type { Policy } from '../policy/policy.ts';

export interface Assignment {
  readonly service: ServiceKey;
  readonly ports: readonly PortAssignment[];
}

export interface PortAssignment {
  readonly port: ServicePort;
  /** How a client's own place counts, see `viewFor`; until a client is known all localities have priority 0. */
  readonly proximity: Policy['proximity'];
  /** Sorted by priority. Empty only when the Service is known to have no endpoints. */
  readonly localities: readonly LocalityAssignment[];
  /** What endpoints that are out, or on their way out, are marked as where they are listed. */
  readonly ejectedAs: LeavingStatus;
}

export type LeavingStatus = 'DRAINING' | 'UNHEALTHY';

export interface LocalityAssignment {
  /** topology zone; empty when unknown. */
  readonly zone: string;
  /** Tells localities of one zone apart: clients refuse two of the same name in one priority. Mostly empty. */
  readonly subZone: string;
  /** 0 is asked first; contiguous from 0. */
  readonly priority: number;
  /** Sorted by address, then port; addresses are unique within a port's assignment. */
  readonly endpoints: readonly AssignedEndpoint[];
}

export interface AssignedEndpoint {
  readonly backend: BackendId;
  readonly address: string;
  readonly port: number;
  readonly status: 'HEALTHY' | 'UNHEALTHY' | 'DRAINING';
  /** 1..100 of a base of 100, or see `viewFor`. "Out" is a status, never a weight: Envoy refuses weight 0. */
  readonly weight: number;
  /** Where it runs, if known; for `proximity: Node`. */
  readonly node?: string;
  /** Pod labels where known, for Istio subsets. */
  readonly labels?: Readonly<Record<string, string>>;
}
