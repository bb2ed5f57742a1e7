/** Everything the engine knows about one Service between two events. Plain, immutable data. */
import { type Baseline, noBaseline } from '../breakers/baseline.ts';
import type { Coverage } from '../breakers/coverage.ts';
import type { Trial } from '../breakers/trial.ts';
import type { GroupJudgement, Verdict } from '../breakers/verdict.ts';
import type { Peak } from '../budget/base.ts';
import type { HeldCause } from '../budget/held.ts';
import type { BackendId, EpochMs, Fleet, ServiceKey } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import type { Decision } from './decision.ts';
import type { Eviction } from './evictions.ts';
import type { Shape } from './shape.ts';

export interface ServiceState {
  readonly service: ServiceKey;
  readonly fleet: Fleet;
  /** Absent: the Service is served all in, only people can take something out. */
  readonly policy?: Policy;
  readonly breakers: ReadonlyMap<string, BreakerState>;
  /** What is served. */
  readonly enforced: Track;
  /** What observing breakers would have done: the same machine, its own budget, nothing of it is served. */
  readonly shadow: Track;
  /** A person suspended this policy: everyone a breaker took out is back. */
  readonly suspension?: Suspension;
  /** A person wants nothing to change by itself. */
  readonly freeze?: Freeze;
  readonly peaks: readonly Peak[];
  readonly shape: Shape;
  /**
   * Only samples that lie wholly after this moment speak about the backend: its container restarted then, or it was let
   * back in and its record forgotten. While there is a record, that says it too (Decision.evidenceFromMs).
   */
  readonly evidenceFrom: ReadonlyMap<BackendId, EpochMs>;
  /**
   * Base and floor when somebody was last taken out, or of a larger fleet since. The last clamp before serving uses
   * these and not today's numbers, so that a fleet that shrinks for its own reasons is left to onBreach and its delay.
   */
  readonly clamp?: Clamp;
  /** Since when fewer than the floor are ready and serving. */
  readonly belowFloorSinceMs?: EpochMs;
  /** The moment of the last step; absent before the first. */
  readonly asOfMs?: EpochMs;
  readonly seq: number;
}

export interface Clamp {
  readonly base: number;
  readonly floor: number;
}

export interface Suspension {
  readonly actor: string;
  readonly reason: string;
  readonly sinceMs: EpochMs;
}

export interface Freeze extends Suspension {
  readonly durationMs: number;
}

export type TrackName = 'enforced' | 'shadow';

export interface Track {
  readonly decisions: ReadonlyMap<BackendId, Decision>;
  /** Youngest last; for the velocity limit (new and manual ones) and holdAbovePercent (those by breakers). */
  readonly ejections: readonly Ejection[];
  /** Youngest last. */
  readonly evictions: readonly Eviction[];
  readonly held: ReadonlyMap<BackendId, Held>;
  /** Evaluations per breaker for which holdAbovePercent has held without a break. */
  readonly holding: ReadonlyMap<string, number>;
}

export interface Ejection {
  readonly atMs: EpochMs;
  readonly backend: BackendId;
  readonly kind: 'new' | 'repeated' | 'manual';
}

export interface Held {
  readonly cause: HeldCause;
  /** See the effect `held`. */
  readonly detail?: string;
  readonly breaker: string;
  readonly sinceMs: EpochMs;
  readonly verdict: Extract<Verdict, { kind: 'anomalous' }>;
}

export interface BreakerState {
  readonly fingerprint: string;
  /** Usable evaluations since the policy was new or edited. */
  readonly evaluations: number;
  readonly baseline: Baseline;
  /** The last evaluation, for people to see. */
  readonly last?: LastJudgement;
  /** When the last judgement over enough of the fleet came; where none is known, the first that did not count. */
  readonly heardAtMs?: EpochMs;
  /** The last one that could be used: what is known until the next. */
  readonly usable?: LastJudgement;
  readonly streaks: ReadonlyMap<BackendId, readonly StreakEntry[]>;
  /** With groupBy: of the groups as a whole, by key; anomalous where one is apart from the rest. */
  readonly apart: ReadonlyMap<string, readonly StreakEntry[]>;
  /** Of those on their way back. Not on record: after a start of ours they are counted anew, which costs time only. */
  readonly trials: ReadonlyMap<BackendId, Trial>;
  /** Percent of the full weight at which a probe gets enough to be judged soon; absent: unknown. */
  readonly probePercent?: number;
}

export interface LastJudgement {
  readonly kind: 'judged' | 'fleet-wide' | 'unusable';
  readonly reason?: string;
  readonly evaluatedAtMs: EpochMs;
  readonly receivedAtMs: EpochMs;
  /** How far back it looked. */
  readonly windowStartMs: EpochMs;
  /** With groupBy, by key. */
  readonly groups?: readonly GroupJudgement[];
  readonly coverage?: Coverage;
  /** Verdicts as used: those that do not speak of the backend's present are `insufficient`. */
  readonly verdicts: ReadonlyMap<BackendId, Verdict>;
}

/** One evaluation that counted: normal or anomalous. */
export interface StreakEntry {
  readonly atMs: EpochMs;
  readonly windowStartMs: EpochMs;
  readonly anomalous: boolean;
}

export const emptyTrack: Track = {
  decisions: new Map(),
  ejections: [],
  evictions: [],
  held: new Map(),
  holding: new Map(),
};

export function emptyBreaker(fingerprint: string): BreakerState {
  return { fingerprint, evaluations: 0, baseline: noBaseline, streaks: new Map(), apart: new Map(), trials: new Map() };
}

export function initialState(fleet: Fleet): ServiceState {
  return {
    service: fleet.service,
    fleet,
    breakers: new Map(),
    enforced: emptyTrack,
    shadow: emptyTrack,
    peaks: [],
    shape: { moves: [] },
    evidenceFrom: new Map(),
    seq: 0,
  };
}
