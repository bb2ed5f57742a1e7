/** The endpoints that are out, for the status of their policy: bounded, and each name once, or the object would be refused. */
import { addressText } from '../admin/address.ts';
import { toTime } from '../admin/time.ts';
import type { Detector } from '../policy/policy.ts';
import { type Decision, endOf, isOut, isReturning } from '../rotation/decision.ts';
import type { ServiceState } from '../rotation/state.ts';

export interface EjectedEndpoint {
  readonly name: string;
  readonly address?: string;
  readonly state: string;
  readonly breaker?: string;
  readonly reason: string;
  readonly message: string;
  readonly retryCount: number;
  readonly nextRetryTime?: string;
}

const most = 50;
const longest = { name: 253, message: 1024 };

export function ejectedEndpoints(state: ServiceState): readonly EjectedEndpoint[] {
  const out = [...state.enforced.decisions.values()].filter(isOut).sort((a, b) => (a.name < b.name ? -1 : 1));
  const byName = new Map<string, EjectedEndpoint>();
  for (const decision of out) {
    const endpoint = endpointOf(state, decision);
    if (!byName.has(endpoint.name) && byName.size < most) byName.set(endpoint.name, endpoint);
  }
  return [...byName.values()];
}

const stateNames = {
  serving: 'Serving',
  ejected: 'Ejected',
  probing: 'Probing',
  ramping: 'Ramping',
  paused: 'Paused',
  evicted: 'Evicted',
} as const;

function endpointOf(state: ServiceState, decision: Decision): EjectedEndpoint {
  const { cause, retries } = decision;
  const address = state.fleet.backends.find(({ id }) => id === decision.backend)?.endpoints[0];
  const endMs = isReturning(decision) ? undefined : endOf(decision);
  return {
    name: cut(decision.name, longest.name),
    ...(address === undefined ? {} : { address: addressText(address) }),
    state: stateNames[decision.state],
    ...(cause.kind === 'manual' ? {} : { breaker: cause.breaker }),
    reason: reasonOf(state, decision),
    message: cut(cause.kind === 'manual' ? `${cause.actor}: ${cause.reason}` : cause.reason, longest.message),
    retryCount: retries,
    ...(endMs === undefined ? {} : { nextRetryTime: toTime(endMs) }),
  };
}

function reasonOf(state: ServiceState, { cause }: Decision): string {
  if (cause.kind === 'manual') return cause.verb === 'pause' ? 'ManualPause' : 'ManualEject';
  const breaker = state.policy?.breakers.find(({ name }) => name === cause.breaker);
  return breaker === undefined ? 'BreakerRemoved' : detectorReasons[breaker.detector.kind];
}

const detectorReasons: Readonly<Record<Detector['kind'], string>> = {
  continuousValueDeviation: 'DeviationAboveLimit',
  discreteValueOutOfList: 'ValueOutOfList',
  threshold: 'ThresholdCrossed',
  ratio: 'ErrorRatio',
  outlier: 'Outlier',
  customService: 'CustomService',
};

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
