/** Ways to look at a step. */
import type { AssignedEndpoint } from '../../../engine/assignment/assignment.ts';
import type { Effect } from '../../../engine/rotation/event.ts';
import type { ServiceState, TrackName } from '../../../engine/rotation/state.ts';
import { assignmentOf } from '../../support/world.ts';
import type { Moment } from '../life.ts';

export const tracks = ['enforced', 'shadow'] as const;

export type Transition = Extract<Effect, { kind: 'transition' }>;

export function transitions({ effects }: Moment, track: TrackName): readonly Transition[] {
  return effects.filter((effect) => effect.kind === 'transition').filter((effect) => effect.track === track);
}

/** What is served of the only port. */
export function servedOf(state: ServiceState): readonly AssignedEndpoint[] {
  return (assignmentOf(state).ports[0]?.localities ?? []).flatMap(({ endpoints }) => endpoints);
}
