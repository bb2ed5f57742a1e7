/** What time alone brings about. */
import type { BackendId, EpochMs } from '../model.ts';
import type { ActivatorPolicy } from '../policy/policy.ts';
import { sentence, surplusPaused, timeOutMs } from './activator.ts';
import { evict } from './conviction.ts';
import { waitsForCohort } from './cohort-ejection.ts';
import { accusersOf, type Decision, endOf, isOut, isReturning, leastSevereFirst } from './decision.ts';
import { evictionFreeAtMs, forgetEvictions } from './evictions.ts';
import { hasMoved } from './evidence.ts';
import { standsStill, thawsAtMs } from './freeze.ts';
import { isCorrelated } from './guards.ts';
import { budgetOfService, servingIn } from './capacity.ts';
import type { Timing } from './context.ts';
import { dueToProbe, hasPlaceToProbe, isDue, placeEndsAtMs } from './probe-slots.ts';
import { startProbing, stepIsOver, stepUp, toServing, weightFromTraffic } from './ramp.ts';
import { returnStale, staleAtMs } from './stale.ts';
import type { ServiceState, TrackName } from './state.ts';
import { isSpared, isSparedIn } from './stateful.ts';
import { guidanceOf } from './unguided.ts';
import { isJudged, put, remember, sortedDecisions, updateTrack, type Work } from './work.ts';

export function passTime(before: ServiceState, work: Work): ServiceState {
  // First of all: whom the fleet needs back must not be evicted at the same moment.
  let state = guardFloor(before, work);
  for (const track of ['enforced', 'shadow'] as const) {
    state = beginToProbe(state, track, work);
    for (const decision of sortedDecisions(state[track])) state = ageDecision(state, track, decision, work);
    state = returnStale(state, track, work);
    state = forgetEvictions(forgetOldEjections(state, track, work), track, work.context.now);
    state = evictWhoWaited(state, track, work);
  }
  return followGrowth(state, work);
}

/**
 * The clamp of the last ejection follows a fleet that grows, as when a zone comes back: by the numbers of the smaller
 * one it would let in who is out for good reasons. It does not follow one that shrinks, which is left to onBreach.
 */
function followGrowth(state: ServiceState, { context }: Work): ServiceState {
  const { clamp, enforced } = state;
  if (clamp === undefined || !context.canReduce || ![...enforced.decisions.values()].some(isOut)) return state;
  const budget = budgetOfService(state);
  return budget.base - budget.floor > clamp.base - clamp.floor ? remember(state, budget) : state;
}

/** Those whose time is over, as far as there is a place for them. */
function beginToProbe(before: ServiceState, track: TrackName, work: Work): ServiceState {
  const { now, timing } = work.context;
  let state = before;
  for (const decision of dueToProbe(before, track, now)) {
    if (!hasPlaceToProbe(state, track, now, timing)) break;
    if (standsStill(state, decision) || waitsForCohort(state, track, decision)) continue;
    const probing = startProbing(decision, now, decision.returning);
    const minWeight = weightFromTraffic(state, track, decision);
    state = put(state, track, { ...probing, minWeight }, 'time-served', work);
  }
  return state;
}

function ageDecision(state: ServiceState, track: TrackName, decision: Decision, work: Work): ServiceState {
  const { now } = work.context;
  const { activator } = guidanceOf(state);
  if (standsStill(state, decision)) return state;
  switch (decision.state) {
    case 'ejected':
    case 'paused':
      // Who waits for a place to probe has served its time: nothing more may happen to it for being out.
      return isDue(decision, now) ? state : closeConnections(state, track, decision, work);
    case 'evicted':
      return closeConnections(state, track, decision, work);
    case 'probing':
    case 'ramping':
      return returnsByTime(state, track, decision) && stepIsOver(decision, activator.ramp, now)
        ? stepUp(state, track, decision, activator.ramp, work)
        : state;
    case 'serving':
      return state;
  }
}

/** Where nobody judges, only people take something out, and no verdict will ever bring it back. */
function returnsByTime(state: ServiceState, track: TrackName, decision: Decision): boolean {
  if (!isReturning(decision)) return false;
  return decision.returning.kind === 'time' || !isJudged(state, track) || isSparedIn(state, decision);
}

/** closeAfter: DRAINING closes no connection; removing the endpoint closes idle ones, eviction closes all. */
function closeConnections(state: ServiceState, track: TrackName, decision: Decision, work: Work): ServiceState {
  const { now, canReduce } = work.context;
  const closeAtMs = closeTimeOf(state, decision);
  if (closeAtMs === undefined || now < closeAtMs || (!canReduce && track === 'enforced')) return state;
  const { cause } = decision;
  // Who got no traffic has proved nothing, and is no reason to end a pod.
  const mustEvict = guidanceOf(state).eject.then === 'Evict' && decision.state !== 'evicted' && !decision.starved;
  if (!mustEvict || cause.kind === 'manual' || cause.cohort !== undefined)
    return put(state, track, { ...decision, closed: true }, 'close-after', work);
  return mayEvict(state, track, decision.backend, accusersOf(cause), work)
    ? evict(state, track, decision, 'close-after', work)
    : state;
}

/**
 * Evictions that had to wait. Who need not go any more, after a restart of its container or an edit of the policy, has a
 * time out like others and comes back by evidence: nobody else would ever bring it back.
 */
function evictWhoWaited(before: ServiceState, track: TrackName, work: Work): ServiceState {
  if (!work.context.canReduce && track === 'enforced') return before;
  const { activator } = guidanceOf(before);
  let state = before;
  for (const decision of sortedDecisions(before[track])) {
    const { evictionHeld, ...released } = decision;
    const { cause, retries } = decision;
    if (evictionHeld === undefined || decision.state !== 'paused' || cause.kind === 'manual') continue;
    if (standsStill(state, decision)) continue;
    const sentenced = sentence(activator, retries);
    const isDue = sentenced === 'evicted' || surplusPaused(activator, state[track]).includes(decision);
    if (sentenced === 'ejected') state = put(state, track, backInTime(released, activator, work), 'time-served', work);
    else if (!isDue) state = put(state, track, released, 'retries-exhausted', work);
    else if (mayEvict(state, track, decision.backend, accusersOf(cause), work)) {
      state = evict(state, track, decision, 'retries-exhausted', work);
    }
  }
  return state;
}

function backInTime(decision: Decision, activator: ActivatorPolicy, work: Work): Decision {
  const { now, timing } = work.context;
  const durationMs = timeOutMs(activator, decision.retries, decision.backend, work.seq, timing.maxOutMs);
  return { ...decision, sinceMs: now, durationMs };
}

/**
 * Not while it looks as if it were not the backend's fault: there is no way back from an eviction. Nor before the fleet is
 * known after a start of ours: whose template is not known looks as if none of it had been evicted yet.
 */
function mayEvict(
  state: ServiceState,
  track: TrackName,
  backend: BackendId,
  accusers: readonly string[],
  { context: { now, timing } }: Work,
): boolean {
  const member = state.fleet.backends.find(({ id }) => id === backend);
  if (member === undefined || isSpared(member, state.policy)) return false;
  if (state.policy === undefined || isCorrelated(state, state.policy, track, now, timing)) return false;
  return accusers.every((accuser) => {
    const known = state.breakers.get(accuser)?.usable;
    return known === undefined || !hasMoved(known, backend);
  });
}

function closeTimeOf(state: ServiceState, decision: Decision): EpochMs | undefined {
  const { eject } = guidanceOf(state);
  const isDrained = isOut(decision) && !isReturning(decision) && !decision.closed;
  if (!isDrained || eject.closeAfterMs === undefined || eject.then === 'None') return undefined;
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
  const { belowFloorSinceMs: sinceMs = now, ...rest } = before;
  let state: ServiceState = rest;
  if (missing <= 0 || readmittable.length === 0) return state;
  if (now - sinceMs < timing.breachDelayMs || guidanceOf(before).budget.onBreach === 'Hold') {
    return { ...state, belowFloorSinceMs: sinceMs };
  }
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
  const times: (EpochMs | undefined)[] = [];
  for (const track of ['enforced', 'shadow'] as const) {
    for (const decision of state[track].decisions.values()) {
      if (standsStill(state, decision)) continue;
      times.push(endOf(decision), closeTimeOf(state, decision), placeEndsAtMs(state, track, decision, timing));
      times.push(staleAtMs(state, track, decision));
      if (decision.evictionHeld !== undefined && decision.state === 'paused') {
        times.push(evictionFreeAtMs(state, track, decision.backend, state.asOfMs ?? 0));
      }
      if (returnsByTime(state, track, decision)) times.push(decision.sinceMs + activator.ramp.stepPeriodMs);
    }
  }
  if (state.freeze !== undefined) times.push(thawsAtMs(state.freeze));
  if (state.belowFloorSinceMs !== undefined && budget.onBreach === 'Readmit') {
    times.push(state.belowFloorSinceMs + timing.breachDelayMs);
  }
  // What was due at the last step and did not happen waits for something else than time; waking would only spin.
  const { asOfMs = Number.NEGATIVE_INFINITY } = state;
  const ahead = times.filter((atMs): atMs is EpochMs => atMs !== undefined && atMs > asOfMs);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}
