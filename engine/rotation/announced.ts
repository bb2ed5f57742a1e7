/**
 * Changes of a fleet that the cluster itself tells of: what workloads were told to do and have not done yet, and pods that
 * are to end. Known from their first moment to their last, where who joins and who leaves only shows that something moved.
 *
 * A pod that crashes again and again is none: its workload has as many pods as it should, ready or not.
 */
import { type Backend, type EpochMs, type Fleet, members } from '../model.ts';
import type { Timing } from './context.ts';
import type { Eviction } from './evictions.ts';

export interface Announcement {
  readonly cause: 'rollout' | 'node-drain' | 'scale-event';
  /** Whose change it is, for people. */
  readonly detail: string;
}

/** A fleet that lacks fewer backends, or has fewer too many, is on its way at most for a moment. */
const leastShare = 0.1;
const leastCount = 2;

/** Names that fit into a sentence. */
const mostNamed = 3;

export function announcedChange(
  fleet: Fleet,
  evictions: readonly Pick<Eviction, 'backend'>[],
  now: EpochMs,
  timing: Timing,
): Announcement | undefined {
  const { desired, rollingOut, scaling } = fleet.workloads ?? nothingTold;
  if (rollingOut.length > 0) return { cause: 'rollout', detail: named(rollingOut) };
  // Whom we evict ourselves Kubernetes marks as well: that is a decision of ours, and no trouble of the cluster.
  const leaving = fleet.backends.filter(
    (backend) => isLeaving(backend, now, timing) && !evictions.some((eviction) => eviction.backend === backend.id),
  );
  if (leaving.length > 0) return { cause: 'node-drain', detail: named(leaving.map(({ name }) => name)) };
  if (scaling.length > 0) return { cause: 'scale-event', detail: named(scaling) };
  const there = members(fleet).length;
  if (fleet.workloads === undefined) return undefined;
  const isOnItsWay = Math.abs(desired - there) >= Math.max(leastCount, leastShare * desired);
  return isOnItsWay ? { cause: 'scale-event', detail: `${there} of ${desired} are there` } : undefined;
}

/**
 * Kubernetes has said that it ends this pod: what it measures now is its end, and with whom it is compared soon somebody
 * else. Not for longer than any change should last: a drain may be given up, and its mark be left on the pod. One from
 * further ahead than that is from a clock that was set back.
 */
export function isLeaving({ disruptedSinceMs }: Backend, now: EpochMs, { longestChangeMs }: Timing): boolean {
  return disruptedSinceMs !== undefined && Math.abs(now - disruptedSinceMs) <= longestChangeMs;
}

const nothingTold = { desired: 0, rollingOut: [], scaling: [] };

function named(names: readonly string[]): string {
  const rest = names.length - mostNamed;
  return rest > 0 ? `${names.slice(0, mostNamed).join(', ')} and ${rest} more` : names.join(', ');
}
