/**
 * Who may begin to probe. A probe is a bet with the requests of real users: at most 5 % of the fleet, and at least one,
 * probe at once, those first that have been out longest. Nobody waits for ever for a probe that is never judged: it has its
 * place only as long as a verdict may reasonably take. Who is not ready would prove nothing and waits as well.
 */
import { type EpochMs, readyMembers } from '../model.ts';
import { budgetOfService } from './capacity.ts';
import type { Timing } from './context.ts';
import { awaitsEvidence, type Decision, endOf } from './decision.ts';
import { patienceMs } from './judges.ts';
import type { ServiceState, TrackName } from './state.ts';
import { isJudged } from './work.ts';

const maxProbingPercent = 5;

/** Whose time is over and who would prove something now, longest out first. */
export function dueToProbe(state: ServiceState, track: TrackName, now: EpochMs): readonly Decision[] {
  const ready = new Set(readyMembers(state.fleet).map(({ id }) => id));
  // Where nobody judges, only people take something out, and its way back is a matter of time alone.
  return [...state[track].decisions.values()]
    .filter((decision) => isDue(decision, now) && (ready.has(decision.backend) || !isJudged(state, track)))
    .sort((a, b) => a.outSinceMs - b.outSinceMs || (a.backend < b.backend ? -1 : 1));
}

export function hasPlaceToProbe(state: ServiceState, track: TrackName, now: EpochMs, timing: Timing): boolean {
  return !isJudged(state, track) || probingIn(state, track, now, timing).length < maxProbing(state);
}

/** Its time out is over. */
export function isDue(decision: Decision, now: EpochMs): boolean {
  const endMs = endOf(decision);
  return (decision.state === 'ejected' || decision.state === 'paused') && endMs !== undefined && now >= endMs;
}

export function maxProbing(state: ServiceState): number {
  return Math.max(1, Math.floor((maxProbingPercent / 100) * budgetOfService(state).base));
}

/** Those that have a place: one that waits for evidence, ready, for no longer than a verdict may take. */
function probingIn(state: ServiceState, track: TrackName, now: EpochMs, timing: Timing): readonly Decision[] {
  const ready = new Set(readyMembers(state.fleet).map(({ id }) => id));
  return [...state[track].decisions.values()].filter(
    (decision) => ready.has(decision.backend) && now < placeEndsAtMs(state, track, decision, timing),
  );
}

/** When a probe leaves its place to the next; of others, the past. */
export function placeEndsAtMs(state: ServiceState, track: TrackName, decision: Decision, timing: Timing): EpochMs {
  if (decision.state !== 'probing' || !awaitsEvidence(decision)) return Number.NEGATIVE_INFINITY;
  return decision.sinceMs + patienceMs(state, track, decision, timing);
}
