/** What a step may know besides the state and the event. No clock, no I/O, no randomness: replay gives the same state. */
import type { EpochMs } from '../model.ts';

export interface StepContext {
  readonly now: EpochMs;
  /** Grows with every process that may write; (epoch, seq) orders all decisions. */
  readonly epoch: number;
  /** False while decisions cannot be persisted: then nothing new may go out, everything may come back. */
  readonly canReduce: boolean;
  /** New ejections still allowed over all Services in this minute. */
  readonly globalVelocity: number;
  /** Everything is suspended: manual acts are lifted too. */
  readonly globallySuspended: boolean;
  readonly timing: Timing;
}

/** The waiting times of the rules; configuration, so that tests can scale them. All in milliseconds. */
export interface Timing {
  /** How long a peak of ready backends counts for the base; default 10 min. */
  readonly baseWindowMs: number;
  /** How long the fleet may be below the floor before ejected backends are readmitted; default 60 s. */
  readonly breachDelayMs: number;
  /** How long an ejection counts as recent for holdAbovePercent; default 5 min. */
  readonly recentEjectionMs: number;
  /** Window of the velocity limit; default 10 min. */
  readonly velocityWindowMs: number;
  /** How long a verdict on a probe may be due before it counts as starved, and its place is the next one's; default 5 min. */
  readonly patienceMs: number;
  /** Longest time out by itself, however many retries; default 30 min. */
  readonly maxOutMs: number;
  /** How long after a backend joined or left the fleet counts as changing its shape; default 60 s. */
  readonly fleetRestMs: number;
  /** How long a fleet that never rests holds new ejections; default 10 min. */
  readonly longestChangeMs: number;
}

export const defaultTiming: Timing = {
  baseWindowMs: 600_000,
  breachDelayMs: 60_000,
  recentEjectionMs: 300_000,
  velocityWindowMs: 600_000,
  patienceMs: 300_000,
  maxOutMs: 1_800_000,
  fleetRestMs: 60_000,
  longestChangeMs: 600_000,
};

/** For how long a person may take something out or freeze a Service: who is called away must not leave it so for good. */
export const longestActMs = 4 * 3_600_000;

/** Decisions one Service may have on record; the same bound as the list in a policy's status. */
export const maxDecisions = 50;
