/** An endless row of changes: Services whose endpoints change in each round, and others that come and go. */
import type { Assignment } from '../../../engine/assignment/assignment.ts';
import type { ServiceKey } from '../../../engine/model.ts';
import { assignmentOf, endpointOf } from '../../support/assignments.ts';

export interface Round {
  /** Each differs from what was published of its Service before. */
  readonly changes: readonly Assignment[];
  readonly comes: Assignment;
  readonly goes: ServiceKey;
}

const endpointsPerService = 20;
/** Of those that come and go half are there at any time. */
const passing = 50;

export function lastingNames(services: number): readonly string[] {
  return Array.from({ length: services }, (_, service) => `shop/lasting-${service}`);
}

export const passingNames: readonly string[] = Array.from({ length: passing }, (_, n) => `shop/passing-${n}`);

export function roundOf(round: number, services: number): Round {
  return {
    changes: Array.from({ length: services }, (_, service) => changed(`lasting-${service}`, round)),
    comes: changed(`passing-${round % passing}`, round),
    goes: changed(`passing-${(round + passing / 2) % passing}`, round).service,
  };
}

/** Another endpoint drains, and the first has another weight. */
function changed(name: string, round: number): Assignment {
  const endpoints = Array.from({ length: endpointsPerService }, (_, n) =>
    endpointOf(`10.0.0.${n}`, {
      status: n === 1 + (round % (endpointsPerService - 1)) ? 'DRAINING' : 'HEALTHY',
      weight: n === 0 ? 1 + (round % 100) : 100,
    }),
  );
  return assignmentOf(name, ...endpoints);
}
