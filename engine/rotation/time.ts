/** What time alone brings about. */
import type { EpochMs } from '../model.ts';
import { evict } from './conviction.ts';
import { type Decision, isOut, leastSevereFirst } from './decision.ts';
import { budgetOfService, servingIn } from './capacity.ts';
import type { Timing } from './context.ts';
import { startProbing, stepIsOver, stepUp, toServing } from './ramp.ts';
import type { ServiceState, TrackName } from './state.ts';
import { guidanceOf } from './unguided.ts';
import { put, sortedDecisions, updateTrack, type Work } from './work.ts';

export function passTime(before: ServiceState, work: Work): ServiceState {
  let state = before;
  for (const track of ['enforced', 'shadow'] as const) {
    for (const decision of sortedDecisions(state[track])) state = ageDecision(state, track, decision, work);
    state = forgetOldEjections(state, track, work);
  }
  return guardFloor(state, work);
}

function ageDecision(state: ServiceState, track: TrackName, decision: Decision, work: Work): ServiceState {
  const { now } = work.context;
  const { activator } = guidanceOf(state);
  switch (decision.state) {
    case 'ejected':
    case 'paused': {
      const endMs = endOf(decision);
      if (endMs !== undefined && now >= endMs) {
        return put(state, track, startProbing(decision, now, decision.returning), 'time-served', work);
      }
      return closeConnections(state, track, decision, work);
    }
    case 'probing':
    case 'ramping': {
      // Nobody judges a backend without breakers: a person took it out, and time brings it back.
      const isByTime = decision.returning.kind === 'time' || (state.policy?.breakers.length ?? 0) === 0;
      return isByTime && stepIsOver(decision, activator.ramp, now)
        ? stepUp(state, track, decision, activator.ramp, work)
        : state;
    }
    case 'serving':
    case 'evicted':
      return state;
  }
}

/**
 * End of a timed state. A clock that jumped back leaves `sinceMs` in the future; the rest is then at most the whole
 * duration, never more.
 */
export function endOf(decision: Decision): EpochMs | undefined {
  return decision.durationMs === undefined ? undefined : decision.sinceMs + decision.durationMs;
}

/** closeAfter: DRAINING closes no connection; removing the endpoint closes idle ones, eviction closes all. */
function closeConnections(state: ServiceState, track: TrackName, decision: Decision, work: Work): ServiceState {
  const closeAtMs = closeTimeOf(state, decision);
  if (closeAtMs === undefined || work.context.now < closeAtMs) return state;
  if (guidanceOf(state).eject.then === 'Evict' && decision.cause.kind === 'breaker') {
    return evict(state, track, { ...decision, closed: true }, 'close-after', work);
  }
  return put(state, track, { ...decision, closed: true }, 'close-after', work);
}

function closeTimeOf(state: ServiceState, decision: Decision): EpochMs | undefined {
  const { eject } = guidanceOf(state);
  const isPending = !decision.closed && (decision.state === 'ejected' || decision.state === 'paused');
  if (!isPending || eject.closeAfterMs === undefined || eject.then === 'None') return undefined;
  return decision.outSinceMs + eject.closeAfterMs;
}

function forgetOldEjections(state: ServiceState, track: TrackName, work: Work): ServiceState {
  const { now, timing } = work.context;
  const horizonMs = Math.max(timing.velocityWindowMs, timing.recentEjectionMs);
  const ejections = state[track].ejections.filter(({ atMs }) => now - atMs <= horizonMs);
  return ejections.length === state[track].ejections.length ? state : updateTrack(state, track, { ejections });
}

/**
 * onBreach: the fleet shrank for reasons of its own, and those we took out are now missed. After a minute, which gives a
 * rollout or a restart the time to end, the least severe come back at full weight until the floor holds.
 */
function guardFloor(before: ServiceState, work: Work): ServiceState {
  const { now, timing } = work.context;
  const readmittable = readmittableIn(before);
  const missing = budgetOfService(before).floor - servingIn(before, 'enforced').length;
  if (missing <= 0 || readmittable.length === 0) {
    const { belowFloorSinceMs: _, ...rest } = before;
    return rest;
  }
  const sinceMs = before.belowFloorSinceMs ?? now;
  let state: ServiceState = { ...before, belowFloorSinceMs: sinceMs };
  if (now - sinceMs < timing.breachDelayMs || guidanceOf(before).budget.onBreach === 'Hold') return state;
  for (const decision of readmittable.slice(0, missing)) {
    state = toServing(state, 'enforced', decision, 'readmitted', work);
  }
  return state;
}

function readmittableIn(state: ServiceState): readonly Decision[] {
  const ready = new Set(
    state.fleet.backends.filter((backend) => backend.ready && !backend.terminating).map(({ id }) => id),
  );
  return [...state.enforced.decisions.values()]
    .filter((decision) => isOut(decision) && ready.has(decision.backend))
    .sort(leastSevereFirst);
}

/** When the next step by time is due; undefined: not before something else happens. */
export function nextWakeMs(state: ServiceState, timing: Timing): EpochMs | undefined {
  const { activator, budget } = guidanceOf(state);
  const times: EpochMs[] = [];
  for (const track of [state.enforced, state.shadow]) {
    for (const decision of track.decisions.values()) {
      const endMs = endOf(decision);
      const closeAtMs = closeTimeOf(state, decision);
      if (endMs !== undefined) times.push(endMs);
      if (closeAtMs !== undefined) times.push(closeAtMs);
      const isMoving = decision.state === 'probing' || decision.state === 'ramping';
      const isByTime = decision.returning.kind === 'time' || (state.policy?.breakers.length ?? 0) === 0;
      if (isMoving && isByTime) times.push(decision.sinceMs + activator.ramp.stepPeriodMs);
    }
  }
  if (state.belowFloorSinceMs !== undefined && budget.onBreach === 'Readmit') {
    times.push(state.belowFloorSinceMs + timing.breachDelayMs);
  }
  return times.length === 0 ? undefined : Math.min(...times);
}
