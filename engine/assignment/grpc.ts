/**
 * gRPC clients look at the weights of localities, not at those of endpoints, and at the next priority only when nobody
 * in the one before can be connected to. So what Envoy does by itself is said to them in weights of localities: the
 * ramp, and the spill-over from a level that has lost part of its endpoints.
 */
import type { AssignedEndpoint, LocalityAssignment } from './assignment.ts';
import { pick } from './levels.ts';

type Level = readonly LocalityAssignment[];

export function forGrpc(levels: readonly Level[]): readonly LocalityAssignment[] {
  const shares = spillOver(levels);
  const isSpilling = shares.filter((share) => share > 0).length > 1;
  let nextPriority = 0;
  return levels
    .map((level, index) => {
      const share = shares[index] ?? 0;
      // What takes part in a spill-over has to be in one priority. A level without anybody healthy does not matter to
      // gRPC: it must not make a priority of its own, which could only fail.
      const joins = index === 0 || share > 0 || healthyWeight(level) === 0;
      if (!joins) nextPriority += 1;
      const priority = joins ? 0 : nextPriority;
      const localities = splitRamping(level).map((locality) => ({ ...locality, priority }));
      return isSpilling && share > 0 ? weighed(localities, share) : localities;
    })
    .flat()
    .sort((a, b) => a.priority - b.priority);
}

/** All of the traffic. In whole parts, so that nothing depends on how fractions are added up. */
const whole = 1_000_000;

/** Envoy's own: a level is as good as complete until less than 1 / 1.4 of it is left. */
const overprovisioning = 1.4;

/**
 * How much of `whole` each level gets: by Envoy's arithmetic, but that an endpoint on a ramp counts as much as it takes.
 * Envoy counts heads, because its priorities know nothing of weights.
 */
function spillOver(levels: readonly Level[]): readonly number[] {
  const available = levels.map((level) =>
    Math.min(whole, Math.round((whole * overprovisioning * healthyWeight(level)) / fullWeight(level))),
  );
  const total = Math.min(whole, sum(available));
  let left = whole;
  return available.map((part) => {
    const share = total === 0 ? 0 : Math.min(left, Math.round((part / total) * whole));
    left -= share;
    return share;
  });
}

/** Every endpoint on a ramp is a locality of its own, named by its address. */
function splitRamping(level: Level): Level {
  const isRamping = ({ status, weight }: AssignedEndpoint): boolean => status === 'HEALTHY' && weight < 100;
  const ramping = pick(level, isRamping).flatMap(({ endpoints, ...locality }) =>
    endpoints.map((endpoint) => ({
      ...locality,
      subZone: `${endpoint.address}:${endpoint.port}`,
      endpoints: [endpoint],
    })),
  );
  return [...pick(level, (endpoint) => !isRamping(endpoint)), ...ramping];
}

/** The sum of weights in a priority stays near `whole`; gRPC refuses more than 32 bits. */
function weighed(level: Level, share: number): Level {
  const total = healthyWeight(level);
  return level.map((locality) => {
    const part = sum(locality.endpoints.map(weightIfHealthy)) / total;
    return { ...locality, weight: Math.max(1, Math.round(share * part)) };
  });
}

function healthyWeight(level: Level): number {
  return sum(level.flatMap(({ endpoints }) => endpoints.map(weightIfHealthy)));
}

/** Draining endpoints are no part of the arithmetic, as for Envoy. */
function fullWeight(level: Level): number {
  return Math.max(
    1,
    100 * sum(level.map(({ endpoints }) => endpoints.filter(({ status }) => status !== 'DRAINING').length)),
  );
}

function weightIfHealthy({ status, weight }: AssignedEndpoint): number {
  return status === 'HEALTHY' ? weight : 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
