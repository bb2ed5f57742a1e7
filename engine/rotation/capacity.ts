/** The Service's numbers at this moment: base, floor, who is serving. */
import { type Budget, budgetOf } from '../budget/arithmetic.ts';
import { baseOf } from '../budget/base.ts';
import { type Backend, members } from '../model.ts';

import { isOut } from './decision.ts';
import type { ServiceState, TrackName } from './state.ts';
import { guidanceOf } from './unguided.ts';

export function budgetOfService(state: ServiceState): Budget {
  const base = baseOf(members(state.fleet).length, state.peaks);
  return budgetOf(base, guidanceOf(state).budget, state.fleet.workloads?.desired);
}

/** Ready backends that get full traffic in this track. */
export function servingIn(state: ServiceState, track: TrackName): readonly Backend[] {
  return members(state.fleet).filter((backend) => backend.ready && !isOut(state[track].decisions.get(backend.id)));
}
