/** What a breaker says. Only `anomalous` may take a backend out; everything else changes nothing. */
import type { BackendId } from '../model.ts';
import type { Coverage } from './coverage.ts';
import type { Trial } from './trial.ts';

export type Verdict =
  | {
      readonly kind: 'normal';
      readonly value: number;
      readonly bound: number;
      /** How far back it looked, in milliseconds; absent: as far as the breaker does. */
      readonly lookbackMs?: number;
    }
  | {
      readonly kind: 'anomalous';
      /** How far beyond the bound, 1 = just at it; comparable between breakers, finite. */
      readonly severity: number;
      readonly value: number;
      readonly bound: number;
      /** One sentence with value, bound and reference. */
      readonly reason: string;
      readonly lookbackMs?: number;
    }
  | {
      readonly kind: 'insufficient';
      readonly reason: string;
      /** With onNoData: Healthy, silence ends a serving backend's streak. It is never evidence for a step up. */
      readonly clearsStreak?: true;
      /** There is nothing of it at all, as opposed to too little. */
      readonly unseen?: true;
    }
  | { readonly kind: 'error'; readonly reason: string };

export const noScale = 'the median of the backends is 0: there is no scale to measure by';

/** A rest of the fleet that is no reference for a group. */
export function tooSmallRest(count: number, needed: number): Verdict {
  return { kind: 'insufficient', reason: `${count} backends in the rest to compare with, needs ${needed}` };
}

/** The outcome of one evaluation of one breaker over a whole fleet. */
export type Judgement =
  | {
      readonly kind: 'judged';
      readonly verdicts: ReadonlyMap<BackendId, Verdict>;
      /** Of the suspects, this window included; absent: nothing could be counted. */
      readonly trials?: ReadonlyMap<BackendId, Trial>;
      /** Percent of the full weight at which a probe gets enough to be judged soon; absent: unknown. May be above 100. */
      readonly probePercent?: number;
      /** With groupBy, by key. */
      readonly groups?: readonly GroupJudgement[];
      /** With groupBy: why nobody at all could be judged. */
      readonly reason?: string;
      /** Absent: nobody counted, so all of it. */
      readonly coverage?: Coverage;
    }
  /** The fleet as a whole moved: a dependency or the metric itself is wrong, not an endpoint. */
  | {
      readonly kind: 'fleet-wide';
      readonly reason: string;
      readonly verdicts: ReadonlyMap<BackendId, Verdict>;
      /** With groupBy, by key: all of them moved. */
      readonly groups?: readonly GroupJudgement[];
      readonly coverage?: Coverage;
    }
  /** Nothing could be judged: query failed, source warming. */
  | { readonly kind: 'unusable'; readonly reason: string };

/** A group of `groupBy`, judged as if it were the fleet. */
export interface GroupJudgement {
  /** As groupKeyOf writes it. */
  readonly key: string;
  /** Its part of the fleet, judged or not, in the order of identity. */
  readonly members: readonly BackendId[];
  /** fleet-wide: this group as a whole moved; the others are judged as ever. */
  readonly kind: 'judged' | 'insufficient' | 'fleet-wide';
  /** Why; empty when it was judged. */
  readonly reason: string;
  /**
   * The group as a whole, by its median or its counts together, against the rest of the fleet. `anomalous` accuses no
   * backend: a canary may be slower for good reasons. But it must not be hidden by comparing it with itself only.
   */
  readonly againstRest: Verdict;
}
