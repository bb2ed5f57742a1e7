/** From the names in a request to the Service and the backend it means. */
import { type Backend, type ServiceKey, serviceKey, splitServiceKey } from '../model.ts';
import type { ServiceState } from '../rotation/state.ts';
import { findBackends } from './address.ts';
import { checkName } from './check.ts';
import { commandRefusal, invalid, Refusal } from './refusal.ts';

export interface Found {
  readonly state: ServiceState;
  readonly backend: Backend;
}

export function findService(states: readonly ServiceState[], namespace: string, name: string): ServiceState {
  checkName('namespace', namespace);
  checkName('name', name);
  const key = serviceKey(namespace, name);
  const state = states.find(({ service }) => service === key);
  if (state === undefined) throw commandRefusal('unknown-service', `there is no Service ${key}`);
  return state;
}

export function findBackend(state: ServiceState, text: string): Backend {
  const found = findBackends(state.fleet, text);
  const [backend, other] = found;
  if (backend === undefined) {
    throw commandRefusal('unknown-backend', `there is no backend ${text} in ${state.service}`);
  }
  if (other !== undefined) {
    throw ambiguous(
      `${text} is several backends of ${state.service}`,
      'name one by its id',
      found.map(({ id }) => id),
    );
  }
  return backend;
}

/** Anywhere, or where the filter says. One pod may stand behind several Services, and each decides for itself. */
export function findAnywhere(states: readonly ServiceState[], text: string, filter: Filter): Found {
  checkName('backend', text);
  checkFilter(filter);
  const services = states.filter(
    ({ service, fleet }) => matches(service, filter) && findBackends(fleet, text).length > 0,
  );
  const [state, other] = services;
  if (state === undefined) {
    throw commandRefusal('unknown-backend', `there is no backend ${text} in ${describeFilter(filter)}`);
  }
  if (other !== undefined) {
    const names = services.map(({ service }) => service);
    throw ambiguous(`${text} is in several Services`, 'name one with --service NAMESPACE/SERVICE', names);
  }
  return { state, backend: findBackend(state, text) };
}

function describeFilter({ namespace, name }: Filter): string {
  if (namespace === '') return 'any Service';
  return name === '' ? `namespace ${namespace}; -A looks in all` : `${namespace}/${name}`;
}

export interface Filter {
  readonly namespace: string;
  readonly name: string;
}

export function checkFilter({ namespace, name }: Filter): void {
  if (name !== '' && namespace === '') throw invalid('name', 'needs a namespace');
}

export function matches(service: ServiceKey, filter: Filter): boolean {
  const { namespace, name } = splitServiceKey(service);
  return (filter.namespace === '' || filter.namespace === namespace) && (filter.name === '' || filter.name === name);
}

function ambiguous(message: string, remedy: string, candidates: readonly string[]): Refusal {
  return new Refusal('conflict', { code: 'KV0704', message: `${message}: ${candidates.join(', ')}`, remedy });
}
