/** What can happen to a Service, and what a step asks the world to do about it. */
import type { Baseline } from '../breakers/baseline.ts';
import type { Judgement } from '../breakers/verdict.ts';
import type { HeldCause } from '../budget/held.ts';
import type { BackendId, EpochMs, Fleet } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import type { Decision, RotationState } from './decision.ts';
import type { EvictionAnswer } from './evictions.ts';
import type { TrackName } from './state.ts';

export type RotationEvent =
  /** Time passed: expiries, steps by time, closeAfter, breaches of the floor. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'fleet'; readonly fleet: Fleet }
  /** `undefined`: the policy is gone. */
  | { readonly kind: 'policy'; readonly policy: Policy | undefined }
  | {
      readonly kind: 'judgement';
      readonly breaker: string;
      readonly judgement: Judgement;
      readonly baseline: Baseline;
      /** The moment the samples were evaluated at, on our clock. */
      readonly evaluatedAtMs: EpochMs;
      /** How far back the evaluation looked. */
      readonly lookbackMs: number;
    }
  /** The global suspension was lifted: like a new policy, breakers observe before they act. */
  | { readonly kind: 'resumed' }
  /** What the cluster said to an eviction that was asked for; `undefined`: nothing is in its way any more. */
  | { readonly kind: 'eviction'; readonly backend: BackendId; readonly answer: EvictionAnswer | undefined }
  | { readonly kind: 'command'; readonly command: Command };

export type Command =
  | {
      readonly verb: 'eject' | 'pause';
      readonly backend: BackendId;
      readonly forMs: number;
      readonly actor: string;
      readonly reason: string;
      /** Skips guards, velocity and maxEjectedPercent, never the floor. */
      readonly force: boolean;
    }
  | {
      readonly verb: 'restore';
      readonly backend: BackendId;
      readonly actor: string;
      readonly reason: string;
      /** Through the ramp, by time, instead of at once. */
      readonly ramp: boolean;
    }
  | { readonly verb: 'suspend' | 'resume' | 'unfreeze'; readonly actor: string; readonly reason: string }
  | { readonly verb: 'freeze'; readonly forMs: number; readonly actor: string; readonly reason: string };

export type Effect =
  | {
      readonly kind: 'transition';
      readonly track: TrackName;
      readonly backend: BackendId;
      readonly name: string;
      readonly from: RotationState;
      readonly to: RotationState;
      readonly why: TransitionCause;
      /** The record after (or, when it was forgotten, before) the transition. */
      readonly decision: Decision;
      /** The person who asked for it. */
      readonly by?: Author;
    }
  | {
      readonly kind: 'held';
      readonly track: TrackName;
      readonly backend: BackendId;
      readonly name: string;
      readonly breaker: string;
      readonly cause: HeldCause;
      readonly reason: string;
      /** What is special about the cause here, such as the cohort by name. */
      readonly detail?: string;
      /** The budget's arithmetic at that moment. */
      readonly budget: string;
    }
  /** A person (files mode) or the Eviction API (Kubernetes) must replace this pod. */
  | { readonly kind: 'evict'; readonly decision: Decision }
  | { readonly kind: 'refused'; readonly command: Command; readonly cause: CommandRefusal; readonly message: string }
  | { readonly kind: 'suspension'; readonly suspended: boolean; readonly actor: string; readonly reason: string }
  | {
      readonly kind: 'freeze';
      readonly frozen: true;
      readonly actor: string;
      readonly reason: string;
      readonly forMs: number;
    }
  | {
      readonly kind: 'freeze';
      readonly frozen: false;
      /** By a person, by time, or because everything was suspended. */
      readonly why: 'manual' | 'expired' | 'suspended';
      readonly by?: Author;
    };

export type TransitionCause =
  | 'anomalous'
  | 'anomalous-again'
  | 'cohort'
  | 'retries-exhausted'
  | 'time-served'
  | 'step-up'
  | 'recovered'
  /** Too little of it to be judged: its weight was doubled, or activator.onStarved came about. */
  | 'starved'
  | 'stale'
  | 'correlated'
  | 'breaker-removed'
  | 'readmitted'
  | 'suspended'
  | 'observe'
  | 'manual'
  | 'close-after';

/** Who asked, and why, in their own words. */
export interface Author {
  readonly actor: string;
  readonly reason: string;
}

export type CommandRefusal = 'unknown-backend' | 'floor' | 'guard' | 'not-out' | 'suspended' | 'store-down';
