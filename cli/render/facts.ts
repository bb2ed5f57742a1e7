/** What the Service and its policy say that the configuration of an Envoy depends on. */
import type { ServicePort } from '../../engine/model.ts';
import { type EndpointsName, parseName } from '../../xds/names.ts';
import { Exit, exitCodes, failure } from '../exit.ts';
import { readLintInput } from '../lint-input.ts';
import { readService, usage } from '../options.ts';
import type { EnvoyFacts } from './envoy.ts';

export interface Target extends EndpointsName {
  /** The name of its endpoints, such as `shop/pricer:http`. */
  readonly name: string;
}

export type ServiceFacts = Pick<EnvoyFacts, 'ejectedAs'>;

/** `shop/pricer`, `shop/pricer:http` or `shop/pricer:80`; without the namespace where -n gives it. */
export function readTarget(text: string, namespace: string | undefined): Target {
  const colon = text.indexOf(':');
  const service = readService(colon < 0 ? text : text.slice(0, colon), namespace);
  const name = `${service.namespace}/${service.name}${colon < 0 ? '' : text.slice(colon)}`;
  const meaning = parseName(name);
  if (meaning === undefined) {
    throw usage(`${text} is not NAMESPACE/SERVICE[:PORT]`, 'write shop/pricer:http or shop/pricer:80');
  }
  return { ...meaning, name };
}

/** What is so where nobody said otherwise. */
export const defaultFacts: ServiceFacts = { ejectedAs: 'DRAINING' };

/** @throws Exit when the files are wrong, or know no such Service or port. */
export async function readFacts(path: string, target: Target, now: number): Promise<ServiceFacts> {
  const { policies, fleets, problems } = await readLintInput(path, now);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Exit(exitCodes.badInput, ...errors);
  const policy = policies.find(({ service }) => service === target.service);
  const fleet = fleets.get(target.service);
  if (fleet === undefined && policy === undefined) {
    throw missing(path, `has no Service ${target.service}, nor a policy for it`, [
      ...new Set([...fleets.keys(), ...policies.map(({ service }) => service)]),
    ]);
  }
  if (fleet !== undefined && findPort(fleet.ports, target) === undefined) {
    const known = fleet.ports.map(({ name, number }) => `${target.service}:${name === '' ? number : name}`);
    throw missing(path, `has no port ${target.name}`, known);
  }
  if (policy === undefined) return defaultFacts;
  const isUnhealthy = policy.eject.how === 'MarkUnhealthy' || policy.proximity !== 'None';
  return { ejectedAs: isUnhealthy ? 'UNHEALTHY' : 'DRAINING' };
}

function findPort(ports: readonly ServicePort[], { port }: Target): ServicePort | undefined {
  switch (port.kind) {
    case 'number':
      return ports.find(({ number }) => number === port.number);
    case 'name':
      return ports.find(({ name }) => name === port.name);
    case 'only':
      return ports.length === 1 ? ports[0] : undefined;
  }
}

function missing(file: string, message: string, known: readonly string[]): Error {
  const remedy = known.length === 0 ? 'write its Service, or its policy, there' : `there is ${known.join(', ')}`;
  return failure({ code: 'KV0735', file, message, remedy }, exitCodes.badInput);
}
