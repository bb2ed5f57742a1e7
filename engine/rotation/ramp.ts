/** The way back: probing at the first weight, then step by step to full weight. */
import type { EpochMs } from '../model.ts';
import type { RampPolicy } from '../policy/policy.ts';
import { type Decision, isReturning, type Returning, unraised } from './decision.ts';
import type { Author, TransitionCause } from './event.ts';
import { judgesOf } from './judges.ts';
import type { ServiceState, TrackName } from './state.ts';
import { forget, isJudged, put, type Work } from './work.ts';

/** Percent of the full weight that a backend in this record gets. */
export function weightOf(decision: Decision, ramp: RampPolicy): number {
  switch (decision.state) {
    case 'probing':
    case 'ramping':
      return Math.max(decision.minWeight, ramp.weights[Math.min(decision.step, ramp.weights.length - 1)] ?? 100);
    default:
      return 100;
  }
}

/** No probe is given more of the full weight, however little it then gets. Percent; a ramp that begins higher is obeyed. */
export const maxRaisedWeight = 25;

/**
 * The least weight of a probe, in percent, or 0 if the ramp's own does: as much as it takes for its judge to have enough
 * in a few windows, by what the peers get now. Of several that may acquit it, the one that needs least.
 */
export function weightFromTraffic(state: ServiceState, track: TrackName, decision: Decision): number {
  const needed = judgesOf(state, track, decision).flatMap(({ name }) => state.breakers.get(name)?.probePercent ?? []);
  return needed.length === 0 ? 0 : Math.min(maxRaisedWeight, Math.ceil(Math.min(...needed)));
}

/** The index of the next step. What its raised weight has proved already is no step any more. */
export function nextStepOf({ step, minWeight }: Decision, { weights }: RampPolicy): number {
  const next = weights.findIndex((weight, index) => index > step && weight > minWeight);
  return next === -1 ? weights.length : next;
}

/** Out of its time: a trickle of real traffic, judged afresh. */
export function startProbing(decision: Decision, now: EpochMs, returning: Returning): Decision {
  const { durationMs: _, evictionHeld: _held, ...rest } = decision;
  const begun = { sinceMs: now, evidenceFromMs: now, step: 0, closed: false, returning } as const;
  return { ...rest, ...unraised, ...begun, state: 'probing' };
}

/** Back by time alone, from where its ramp is if it is on its way already. */
export function rampByTime(
  decision: Decision,
  now: EpochMs,
  note: Extract<Returning, { kind: 'time' }>['note'],
): Decision {
  const returning = { kind: 'time', note } as const;
  return isReturning(decision) ? { ...decision, returning } : startProbing(decision, now, returning);
}

export function stepIsOver(decision: Decision, ramp: RampPolicy, now: EpochMs): boolean {
  return now - decision.sinceMs >= ramp.stepPeriodMs;
}

/**
 * One step up; the last one ends in `serving`. A backend that came back by evidence keeps its strikes until resetAfter;
 * one that came back by time had none to begin with and its record is forgotten, unless nobody could judge it.
 */
export function stepUp(
  state: ServiceState,
  track: TrackName,
  decision: Decision,
  ramp: RampPolicy,
  work: Work,
): ServiceState {
  const step = nextStepOf(decision, ramp);
  const weight = ramp.weights[step];
  if (weight !== undefined && weight < 100) {
    const { now } = work.context;
    return put(
      state,
      track,
      { ...decision, state: 'ramping', step, sinceMs: now, evidenceFromMs: now, starvedMs: 0, starved: false },
      stepCause(decision),
      work,
    );
  }
  return toServing(
    state,
    track,
    decision,
    decision.returning.kind === 'time' ? stepCause(decision) : 'recovered',
    work,
  );
}

function stepCause(decision: Decision): TransitionCause {
  if (decision.returning.kind === 'evidence') return 'step-up';
  return decision.returning.note === 'manual-ramp' ? 'manual' : decision.returning.note;
}

/**
 * Full weight. The record stays while there is somebody to judge it, for its strikes, and because samples from before
 * this moment must not take it out again at once.
 */
export function toServing(
  state: ServiceState,
  track: TrackName,
  decision: Decision,
  why: TransitionCause,
  work: Work,
  by?: Author,
): ServiceState {
  const { returning } = decision;
  const isBlameless =
    returning.kind === 'time' && (returning.note === 'correlated' || returning.note === 'breaker-removed');
  if (isBlameless || !isJudged(state, track)) return forget(state, track, decision, why, work, by);
  const { durationMs: _, evictionHeld: _held, ...rest } = decision;
  const { now } = work.context;
  // After the last step the samples since that step began already speak of a weight that counts.
  const evidenceFromMs = why === 'recovered' ? decision.evidenceFromMs : now;
  return put(
    state,
    track,
    {
      ...rest,
      ...unraised,
      state: 'serving',
      sinceMs: now,
      evidenceFromMs,
      step: 0,
      healthyMs: 0,
      closed: false,
      returning: { kind: 'evidence' },
    },
    why,
    work,
    by,
  );
}
