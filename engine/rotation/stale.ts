/**
 * activator.maxStale: how long nobody may be kept out on what was known once. While a breaker has no judgement that counts
 * (its query fails, or has data of too little of the fleet, or can tell of nobody), whom it took out waits at its step, for ever unless the policy
 * says how long. Then it ramps back by time, few at once and the least severe first, and keeps its strikes: that nothing is
 * known proves nothing. As soon as its judge has data again, evidence decides as ever.
 */
import type { Judgement } from '../breakers/verdict.ts';
import type { EpochMs } from '../model.ts';
import { budgetOfService } from './capacity.ts';
import { awaitsEvidence, type Decision, leastSevereFirst } from './decision.ts';
import { isPartial } from './evidence.ts';
import { standsStill } from './freeze.ts';
import { judgesOf } from './judges.ts';
import { rampByTime } from './ramp.ts';
import type { BreakerState, LastJudgement, ServiceState, TrackName } from './state.ts';
import { guidanceOf } from './unguided.ts';
import { put, sortedDecisions, type Work } from './work.ts';

/** Of B, and at least one, may be on their way back for want of data at the same time. */
const shareAtOnce = 0.05;

/** A judgement that counts: not one that failed, nor one over too little of the fleet, nor one that can tell of nobody. */
export function isWhole(judgement: Judgement | LastJudgement): boolean {
  if (judgement.kind === 'unusable' || isPartial(judgement)) return false;
  const said = [...judgement.verdicts.values()].some(({ kind }) => kind === 'normal' || kind === 'anomalous');
  return said || judgement.kind === 'fleet-wide';
}

/** When the judges of a breaker's victim will all have been silent for too long; undefined: they are not, or may be. */
export function staleAtMs(state: ServiceState, track: TrackName, decision: Decision): EpochMs | undefined {
  const { maxStaleMs } = guidanceOf(state).activator;
  const judges = judgesOf(state, track, decision);
  if (maxStaleMs === undefined || judges.length === 0 || !awaitsEvidence(decision)) return undefined;
  const silences = judges.map(({ name }) => silentSinceMs(state.breakers.get(name)));
  const known = silences.filter((sinceMs): sinceMs is EpochMs => sinceMs !== undefined);
  return known.length < silences.length ? undefined : Math.max(...known) + maxStaleMs;
}

/** Undefined: its last evaluation counted, or there was none yet. */
function silentSinceMs(breaker: BreakerState | undefined): EpochMs | undefined {
  return breaker?.last === undefined || isWhole(breaker.last) ? undefined : breaker.heardAtMs;
}

/** Begins the way back of those that have waited for too long, as far as there is a place. */
export function returnStale(before: ServiceState, track: TrackName, work: Work): ServiceState {
  const { now } = work.context;
  const decisions = sortedDecisions(before[track]);
  const due = decisions.filter((decision) => {
    return (staleAtMs(before, track, decision) ?? Number.POSITIVE_INFINITY) <= now && !standsStill(before, decision);
  });
  if (due.length === 0) return before;
  const places = Math.max(1, Math.floor(shareAtOnce * budgetOfService(before).base));
  const free = Math.max(0, places - decisions.filter(isStale).length);
  let state = before;
  for (const decision of due.sort(leastSevereFirst).slice(0, free)) {
    const returning = rampByTime(decision, now, 'stale');
    state = put(state, track, { ...returning, state: 'ramping', sinceMs: now, evidenceFromMs: now }, 'stale', work);
  }
  return state;
}

/** The breaker has data again: whom time was bringing back waits for its word, at the step where it is. */
export function heardAgain(before: ServiceState, track: TrackName, breaker: string, work: Work): ServiceState {
  let state = before;
  for (const decision of sortedDecisions(before[track])) {
    if (!isStale(decision) || !judgesOf(before, track, decision).some(({ name }) => name === breaker)) continue;
    state = put(state, track, { ...decision, returning: { kind: 'evidence' } }, 'stale', work);
  }
  return state;
}

function isStale({ returning }: Decision): boolean {
  return returning.kind === 'time' && returning.note === 'stale';
}

/** A shorter silence is not worth a write: a restart of ours begins to count it anew. */
const shortSilenceMs = 60_000;

/** What of a silence must survive us: since when, while the policy sets a limit and somebody is out. */
export function silenceOnRecord(state: ServiceState, breaker: BreakerState): EpochMs | undefined {
  const { asOfMs, enforced } = state;
  const sinceMs = silentSinceMs(breaker);
  if (guidanceOf(state).activator.maxStaleMs === undefined || enforced.decisions.size === 0) return undefined;
  if (sinceMs === undefined || asOfMs === undefined || asOfMs - sinceMs < shortSilenceMs) return undefined;
  return sinceMs;
}
