/** Keeping what was refused visible, and saying so once. */
import type { Verdict } from '../breakers/verdict.ts';
import { describeBudget } from '../budget/arithmetic.ts';
import type { HeldCause } from '../budget/held.ts';
import type { BackendId } from '../model.ts';
import { budgetOfService, servingIn } from './capacity.ts';
import type { Held, ServiceState, TrackName } from './state.ts';
import { updateTrack, type Work } from './work.ts';

export interface Refusal {
  readonly backend: BackendId;
  readonly breaker: string;
  readonly verdict: Extract<Verdict, { kind: 'anomalous' }>;
  readonly cause: HeldCause;
  readonly detail?: string | undefined;
}

/** Replaces what is held in a track; an effect tells of each refusal that is new or has another cause. */
export function holdThese(
  state: ServiceState,
  track: TrackName,
  refusals: readonly Refusal[],
  work: Work,
): ServiceState {
  const before = state[track].held;
  if (before.size === 0 && refusals.length === 0) return state;
  const budget = describeBudget(budgetOfService(state), servingIn(state, track).length);
  const held = new Map<BackendId, Held>();
  for (const { backend, breaker, verdict, cause, detail } of refusals) {
    const known = before.get(backend);
    const isKnown = known?.cause === cause && known.breaker === breaker;
    const special = detail === undefined ? {} : { detail };
    held.set(backend, { cause, ...special, breaker, verdict, sinceMs: isKnown ? known.sinceMs : work.context.now });
    if (isKnown) continue;
    const name = state.fleet.backends.find(({ id }) => id === backend)?.name ?? backend;
    const { reason } = verdict;
    work.effects.push({ kind: 'held', track, backend, name, breaker, cause, reason, ...special, budget });
  }
  return updateTrack(state, track, { held });
}
