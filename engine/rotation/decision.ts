/**
 * The record of a backend that is not simply serving, or that still has strikes. It explains itself: whoever reads it
 * later, in the API, a metric or the audit log, needs no other source to know why.
 */
import type { BackendId, EpochMs } from '../model.ts';
import type { EvictionHold } from './evictions.ts';

/** Every state but `serving` counts as out. */
export type RotationState = 'serving' | 'ejected' | 'probing' | 'ramping' | 'paused' | 'evicted';

export interface Decision {
  readonly backend: BackendId;
  /** What a person calls the backend. */
  readonly name: string;
  readonly state: RotationState;
  /** When `state` (for ramping: the current step) began. */
  readonly sinceMs: EpochMs;
  /** How long the state lasts by itself; absent: until something happens. Kept as a duration, so that a clock that jumps moves the end by at most that. */
  readonly durationMs?: number;
  /** When it was taken out for the last time; `closeAfter` counts from here. */
  readonly outSinceMs: EpochMs;
  /**
   * Only samples that lie wholly after this moment speak about the backend: those from before it was out, or from a
   * smaller weight, would convict or acquit it of the past.
   */
  readonly evidenceFromMs: EpochMs;
  /** Index into the ramp's weights while probing (0) and ramping. */
  readonly step: number;
  /** Ejections since the last time its strikes were forgotten, the first one not counted. */
  readonly retries: number;
  /** Judged health gathered towards resetAfter, in milliseconds. */
  readonly healthyMs: number;
  /**
   * Percent of the full weight that it gets on its way back at least, whatever the ramp says: sized from the traffic, or
   * doubled because it starved. 0: what the ramp says.
   */
  readonly minWeight: number;
  /** Judged time of its peers at this step in which there was too little of it to be judged, in milliseconds. */
  readonly starvedMs: number;
  /** It could not be judged at the largest weight that a probe may have either, and waits or is paused for that. */
  readonly starved: boolean;
  /** closeAfter has passed: the endpoint is no longer listed. */
  readonly closed: boolean;
  readonly cause: DecisionCause;
  readonly returning: Returning;
  /** It should be evicted, and is not, for this cause. */
  readonly evictionHeld?: EvictionHold;
  readonly incarnation?: string;
  /** (epoch, seq) of the change that made this record; never goes back. */
  readonly epoch: number;
  readonly seq: number;
}

export type DecisionCause =
  | {
      readonly kind: 'breaker';
      readonly breaker: string;
      readonly severity: number;
      readonly value: number;
      readonly bound: number;
      readonly reason: string;
      readonly query?: string;
      readonly lookbackMs: number;
      /** Confirming evaluations: `anomalous` of the last `of`. */
      readonly streak: { readonly anomalous: number; readonly of: number };
      /** The budget's arithmetic at that moment. */
      readonly budget: string;
      /** What the other breakers said that had to agree (`combine: All`); absent: it took none. */
      readonly agreed?: readonly Agreement[];
      /** `version v2`: it went with this cohort, as a whole, and comes back with it. */
      readonly cohort?: string;
    }
  | { readonly kind: 'manual'; readonly verb: 'eject' | 'pause'; readonly actor: string; readonly reason: string };

export interface Agreement {
  readonly breaker: string;
  readonly severity: number;
  readonly value: number;
  readonly bound: number;
  readonly reason: string;
}

/** Names of the breakers that took it out; none where a person did. */
export function accusersOf(cause: DecisionCause): readonly string[] {
  if (cause.kind === 'manual') return [];
  return [cause.breaker, ...(cause.agreed ?? []).map(({ breaker }) => breaker)];
}

/** How a backend comes back. */
export type Returning =
  /** Each step up needs fresh evidence. */
  | { readonly kind: 'evidence' }
  /**
   * By time alone, exempt from verdicts and guards: it was never its fault, or its accuser is gone. Who is `starved` got too
   * little traffic to be judged, and of who is `stale` there was no data: that proves nothing, an anomaly sends it out again.
   */
  | { readonly kind: 'time'; readonly note: 'correlated' | 'breaker-removed' | 'manual-ramp' | 'starved' | 'stale' };

/** Of a decision that was not on its way back, or was it by an older version. */
export const unraised = { minWeight: 0, starvedMs: 0, starved: false } as const;

/** End of a timed state; undefined: it has none. */
export function endOf(decision: Decision): EpochMs | undefined {
  return decision.durationMs === undefined ? undefined : decision.sinceMs + decision.durationMs;
}

/** The cohort it went with, by name. */
export function cohortNameOf({ cause }: Decision): string | undefined {
  return cause.kind === 'manual' ? undefined : cause.cohort;
}

export function isOut(decision: Pick<Decision, 'state'> | undefined): boolean {
  return decision !== undefined && decision.state !== 'serving';
}

/** Gets some traffic again, not yet all of it. */
export function isReturning(decision: Decision): boolean {
  return decision.state === 'probing' || decision.state === 'ramping';
}

/** On its way back, one step for each fresh verdict. */
export function awaitsEvidence(decision: Decision): boolean {
  return isReturning(decision) && decision.returning.kind === 'evidence';
}

/** On its way back, and one fresh anomaly sends it out again. */
export function isSuspect(decision: Decision): boolean {
  const { returning } = decision;
  return (
    isReturning(decision) &&
    (returning.kind === 'evidence' || returning.note === 'starved' || returning.note === 'stale')
  );
}

/** Manual acts outrank everything a breaker does: a person took it out, so it goes back last. */
function severityOf(decision: Decision): number {
  return decision.cause.kind === 'manual' ? Number.POSITIVE_INFINITY : decision.cause.severity;
}

/** Least severe first, then the one that has been out longest, then by identity: who is let back in when someone must. */
export function leastSevereFirst(a: Decision, b: Decision): number {
  const bySeverity = severityOf(a) === severityOf(b) ? 0 : severityOf(a) - severityOf(b);
  return bySeverity || a.outSinceMs - b.outSinceMs || (a.backend < b.backend ? -1 : 1);
}
