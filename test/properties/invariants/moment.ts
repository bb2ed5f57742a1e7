/** Ways to look at a step. */
import type { Effect } from '../../../engine/rotation/event.ts';
import type { ServiceState, TrackName } from '../../../engine/rotation/state.ts';
import type { Moment } from '../life.ts';

export const tracks = ['enforced', 'shadow'] as const;

export type Transition = Extract<Effect, { kind: 'transition' }>;

export function transitions({ effects }: Moment, track: TrackName): readonly Transition[] {
  return effects.filter((effect) => effect.kind === 'transition').filter((effect) => effect.track === track);
}

/** A pod of a StatefulSet under a policy that does not allow these to go: nobody judges it, and time alone brings it back. */
export function isOnlyObserved({ fleet, policy }: ServiceState, backend: string): boolean {
  if (policy === undefined || policy.allowStateful === true) return false;
  return fleet.backends.find(({ id }) => id === backend)?.workload?.kind === 'StatefulSet';
}
