/** What the Service and its policy say that the configuration of an Envoy depends on. */
import type { ServicePort } from '../../engine/model.ts';
import { Exit, exitCodes, failure } from '../exit.ts';
import { readLintInput } from '../lint-input.ts';
import type { Target } from '../xds-options.ts';
import type { EnvoyFacts } from './envoy.ts';

export type ServiceFacts = Pick<EnvoyFacts, 'ejectedAs' | 'protocol'>;

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
  const port = findPort(fleet?.ports ?? [], target);
  if (fleet !== undefined && port === undefined) {
    const known = fleet.ports.map(({ name, number }) => `${target.service}:${name === '' ? number : name}`);
    throw missing(path, `has no port ${target.name}`, known);
  }
  const isUnhealthy = policy?.eject.how === 'MarkUnhealthy' || (policy?.proximity ?? 'None') !== 'None';
  return {
    ejectedAs: isUnhealthy ? 'UNHEALTHY' : 'DRAINING',
    ...(port?.protocol === undefined ? {} : { protocol: port.protocol }),
  };
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
