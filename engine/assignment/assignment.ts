/**
 * What is served for a Service: plain data, a function of fleet, policy and decisions and nothing else, so that equal
 * inputs give equal bytes on every replica. `xds/` turns it into protobuf; it knows assignments, never breakers.
 */
import type { BackendId, ServiceKey, ServicePort } from '../model.ts';

export interface Assignment {
  readonly service: ServiceKey;
  readonly ports: readonly PortAssignment[];
}

export interface PortAssignment {
  readonly port: ServicePort;
  /** Sorted by priority, then zone. Empty only when the Service is known to have no endpoints. */
  readonly localities: readonly LocalityAssignment[];
}

export interface LocalityAssignment {
  /** topology zone; empty when unknown. */
  readonly zone: string;
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
  /** 1..100 of a base of 100. "Out" is a status, never a weight: Envoy refuses weight 0. */
  readonly weight: number;
  /** Pod labels where known, for Istio subsets. */
  readonly labels?: Readonly<Record<string, string>>;
}
