/** A new fleet: who left takes its record along, who restarted starts anew. */
import { recordReady } from '../budget/base.ts';
import { type BackendId, type EpochMs, type Fleet, members, readyMembers } from '../model.ts';
import type { Decision } from './decision.ts';
import type { ServiceState, TrackName } from './state.ts';
import { updateTrack, type Work } from './work.ts';

export function onFleet(before: ServiceState, fleet: Fleet, work: Work): ServiceState {
  const present = new Map(members(fleet).map((backend) => [backend.id, backend] as const));
  let state: ServiceState = { ...before, fleet, restarts: restartsOf(before, fleet, work.context.now) };
  for (const track of ['enforced', 'shadow'] as const) {
    state = updateTrack(state, track, {
      decisions: survivors(state, track, present, work),
      held: new Map([...state[track].held].filter(([backend]) => present.has(backend))),
    });
  }
  const breakers = new Map(
    [...state.breakers].map(([name, breaker]) => {
      const streaks = [...breaker.streaks].filter(
        ([id]) => present.has(id) && state.restarts.get(id) !== work.context.now,
      );
      return [name, { ...breaker, streaks: new Map(streaks) }] as const;
    }),
  );
  return { ...state, breakers };
}

/** Called in every step, since the peak of the last minutes ages without any event. */
export function observeSize(state: ServiceState, work: Work): ServiceState {
  const { now, timing } = work.context;
  return { ...state, peaks: recordReady(state.peaks, readyMembers(state.fleet).length, now, timing.baseWindowMs) };
}

function restartsOf(before: ServiceState, fleet: Fleet, now: EpochMs): ReadonlyMap<BackendId, EpochMs> {
  const known = new Map(before.fleet.backends.map((backend) => [backend.id, backend.incarnation] as const));
  const restarts = new Map<BackendId, EpochMs>();
  for (const { id, incarnation } of fleet.backends) {
    const previous = known.get(id) ?? before.enforced.decisions.get(id)?.incarnation;
    const isRestarted = previous !== undefined && incarnation !== undefined && previous !== incarnation;
    const atMs = isRestarted ? now : before.restarts.get(id);
    if (atMs !== undefined) restarts.set(id, atMs);
  }
  return restarts;
}

/**
 * Records of backends that are still there. A restart while out keeps the decision (the new process has proved nothing
 * yet) but voids the strikes; a restart while serving leaves nothing to remember.
 */
function survivors(
  state: ServiceState,
  track: TrackName,
  present: ReadonlyMap<BackendId, { readonly name: string; readonly incarnation?: string }>,
  work: Work,
): ReadonlyMap<BackendId, Decision> {
  const decisions = new Map<BackendId, Decision>();
  for (const decision of state[track].decisions.values()) {
    const backend = present.get(decision.backend);
    if (backend === undefined) continue;
    const isRestarted =
      decision.incarnation !== undefined &&
      backend.incarnation !== undefined &&
      decision.incarnation !== backend.incarnation;
    if (!isRestarted) decisions.set(decision.backend, decision);
    else if (decision.state !== 'serving') {
      const { now, epoch } = work.context;
      decisions.set(decision.backend, {
        ...decision,
        retries: 0,
        evidenceFromMs: now,
        ...(backend.incarnation === undefined ? {} : { incarnation: backend.incarnation }),
        epoch,
        seq: work.seq,
      });
    }
  }
  return decisions;
}
