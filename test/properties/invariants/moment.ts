/** Ways to look at a step. */
import type { Effect } from '../../../engine/rotation/event.ts';
import type { TrackName } from '../../../engine/rotation/state.ts';
import type { Moment } from '../life.ts';

export const tracks = ['enforced', 'shadow'] as const;

export type Transition = Extract<Effect, { kind: 'transition' }>;

export function transitions({ effects }: Moment, track: TrackName): readonly Transition[] {
  return effects.filter((effect) => effect.kind === 'transition').filter((effect) => effect.track === track);
}
