/**
 * How traffic goes on from a level to the next one. Envoy sees to it by itself, as long as endpoints are either in or
 * out: it counts heads, not weights. An endpoint on a ramp that is alone on its node would get all of that node's
 * traffic, and the last whole one of a zone all of the zone's. gRPC clients do not divide between priorities at all:
 * they go to the next one when nobody in the one before can be connected to. In these cases the levels that share the
 * traffic are put into one priority, and their weights say how much each gets.
 */
import type { AssignedEndpoint, LocalityAssignment } from './assignment.ts';

export type Level = readonly LocalityAssignment[];

export interface ClientTraits {
  /** Whether it goes on to the next priority as soon as one has lost part of its endpoints. */
  readonly divides: boolean;
}

/** With priorities from 0. Levels that share traffic have priority 0 together where the client needs to be told how. */
export function prioritise(levels: readonly Level[], { divides }: ClientTraits): Level {
  const shares = spillOver(levels);
  const sharing = levels.filter((_, index) => (shares[index] ?? 0) > 0);
  const isMerged = sharing.length > 1 && (!divides || sharing.some((level) => endpointsOf(level).some(isRamping)));
  let last = 0;
  return levels
    .flatMap((level, index) => {
      const share = shares[index] ?? 0;
      // To gRPC a level without anybody healthy does not matter: as a priority of its own it could only fail.
      const joins = divides ? isMerged && share > 0 : share > 0 || healthyWeight(level) === 0;
      const isFirst = index === 0 || joins;
      if (!isFirst) last += 1;
      const priority = isFirst ? 0 : last;
      return (isMerged && share > 0 ? weigh(level, share) : level).map((locality) => ({ ...locality, priority }));
    })
    .sort((a, b) => a.priority - b.priority);
}

/** Gets traffic, but not yet its full part. */
export function isRamping({ status, weight }: AssignedEndpoint): boolean {
  return status === 'HEALTHY' && weight < 100;
}

/** All of the traffic. In whole parts, so that nothing depends on how fractions are added up. */
const whole = 1_000_000;

/** Envoy's own: a level is as good as complete until less than 1 / 1.4 of it is left. */
const overprovisioning = 1.4;

/** How much of `whole` each level gets: by Envoy's arithmetic, but that an endpoint on a ramp counts as much as it takes. */
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

/** The sum of weights in a priority stays near `whole`; clients refuse more than 32 bits. */
function weigh(level: Level, share: number): Level {
  const total = healthyWeight(level);
  return level.map((locality) => ({
    ...locality,
    endpoints: locality.endpoints.map((endpoint) =>
      endpoint.status === 'HEALTHY'
        ? { ...endpoint, weight: Math.max(1, Math.round((share * endpoint.weight) / total)) }
        : endpoint,
    ),
  }));
}

function healthyWeight(level: Level): number {
  return sum(endpointsOf(level).map(({ status, weight }) => (status === 'HEALTHY' ? weight : 0)));
}

/** Draining endpoints are no part of the arithmetic, as for Envoy. */
function fullWeight(level: Level): number {
  return 100 * Math.max(1, endpointsOf(level).filter(({ status }) => status !== 'DRAINING').length);
}

function endpointsOf(level: Level): readonly AssignedEndpoint[] {
  return level.flatMap(({ endpoints }) => endpoints);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
