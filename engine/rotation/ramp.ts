/** The way back: probing at the first weight, then step by step to full weight. */
import type { EpochMs } from '../model.ts';
import type { RampPolicy } from '../policy/policy.ts';
import { type Decision, isReturning, type Returning } from './decision.ts';
import type { Author, TransitionCause } from './event.ts';
import type { ServiceState, TrackName } from './state.ts';
import { forget, isJudged, put, type Work } from './work.ts';

/** Percent of the full weight that a backend in this record gets. */
export function weightOf(decision: Decision, ramp: RampPolicy): number {
  switch (decision.state) {
    case 'probing':
    case 'ramping':
      return ramp.weights[Math.min(decision.step, ramp.weights.length - 1)] ?? 100;
    default:
      return 100;
  }
}

/** Out of its time: a trickle of real traffic, judged afresh. */
export function startProbing(decision: Decision, now: EpochMs, returning: Returning): Decision {
  const { durationMs: _, evictionHeld: _held, ...rest } = decision;
  return { ...rest, state: 'probing', sinceMs: now, evidenceFromMs: now, step: 0, closed: false, returning };
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
 * one that came back by time had none to begin with and its record is forgotten.
 */
export function stepUp(
  state: ServiceState,
  track: TrackName,
  decision: Decision,
  ramp: RampPolicy,
  work: Work,
): ServiceState {
  const step = decision.step + 1;
  const weight = ramp.weights[step];
  if (weight !== undefined && weight < 100) {
    const { now } = work.context;
    return put(
      state,
      track,
      { ...decision, state: 'ramping', step, sinceMs: now, evidenceFromMs: now },
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
  const blameless = decision.returning.kind === 'time' && decision.returning.note !== 'manual-ramp';
  if (blameless || !isJudged(state, track)) return forget(state, track, decision, why, work, by);
  const { durationMs: _, evictionHeld: _held, ...rest } = decision;
  const { now } = work.context;
  // After the last step the samples since that step began already speak of a weight that counts.
  const evidenceFromMs = why === 'recovered' ? decision.evidenceFromMs : now;
  return put(
    state,
    track,
    {
      ...rest,
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
