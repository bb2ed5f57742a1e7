/** How the series of a Service are named, and the states that its backends are counted by. */
import { type Backend, splitServiceKey } from '../model.ts';
import { isReturning } from '../rotation/decision.ts';
import type { ServiceState } from '../rotation/state.ts';

export type ServiceLabels = Readonly<Record<'namespace' | 'service', string>>;

export const backendStates = [
  'serving',
  'unready',
  'ejected',
  'probing',
  'ramping',
  'starved',
  'paused',
  'evicted',
] as const;
export type BackendState = (typeof backendStates)[number];

export function splitLabels({ service }: ServiceState): ServiceLabels {
  const { namespace, name } = splitServiceKey(service);
  return { namespace, service: name };
}

export function stateOf(state: ServiceState, { id, ready }: Backend): BackendState {
  const decision = state.enforced.decisions.get(id);
  const decided = decision?.state ?? 'serving';
  // Needs traffic, or a person: that must show among those that only need time.
  if (decision?.starved === true && isReturning(decision)) return 'starved';
  return decided === 'serving' && !ready ? 'unready' : decided;
}
