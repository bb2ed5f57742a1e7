/**
 * The level a fleet is known to run at.
 *
 * Peers alone cannot tell a bad majority from a bad minority: when five of six pods turn bad, the healthy sixth is the
 * one that deviates. The baseline remembers what normal was, so the majority is recognised as a fleet-wide change and
 * nobody is ejected. It therefore must never be dragged along by a majority: it follows the fleet only while the whole
 * fleet agrees.
 */
import { relativeDeviation } from './statistics.ts';

export interface Baseline {
  /** Absent until the breaker has settled. */
  readonly level?: number;
  /** Consecutive complete evaluations in which all backends agreed on a level away from the baseline. */
  readonly agreements: number;
  /** Of a group: evaluations it was seen in, up to `settle`. Absent, a level comes from a record, where only settled ones are. */
  readonly seen?: number;
  /** With groupBy, those of the groups, by key; the fleet as a whole then has no level. */
  readonly groups?: ReadonlyMap<string, Baseline>;
}

export const noBaseline: Baseline = { agreements: 0 };

/** Evaluations all backends must agree on a new level before it becomes the baseline. */
export const agreementsForNewLevel = 10;

export interface Observation {
  /** Values of the reference backends; never empty. */
  readonly values: readonly number[];
  readonly median: number;
  /** How many backends could be a reference; those without a value may be the healthy ones. */
  readonly eligible: number;
  /** Allowed relative deviation, 0.3 = 30 %. */
  readonly allowed: number;
  /** The breaker has seen its `settle` evaluations. */
  readonly settled: boolean;
}

export function isAway(level: number, observation: Observation): boolean {
  return observation.median === 0 || Math.abs(relativeDeviation(observation.median, level)) > observation.allowed;
}

export function updateBaseline(baseline: Baseline, observation: Observation): Baseline {
  if (baseline.level === undefined) {
    const isMajority = 2 * observation.values.length > observation.eligible;
    return observation.settled && isMajority ? { level: observation.median, agreements: 0 } : baseline;
  }
  const complete = observation.values.length >= observation.eligible;
  const agreed =
    complete &&
    observation.values.every(
      (value) => Math.abs(relativeDeviation(value, observation.median)) <= observation.allowed / 2,
    );
  if (!isAway(baseline.level, observation)) {
    return agreed ? { level: observation.median, agreements: 0 } : { ...baseline, agreements: 0 };
  }
  // An incomplete evaluation neither confirms nor refutes the new level; a disagreement refutes it.
  if (!agreed) return complete ? { ...baseline, agreements: 0 } : baseline;
  const agreements = baseline.agreements + 1;
  return agreements >= agreementsForNewLevel
    ? { level: observation.median, agreements: 0 }
    : { ...baseline, agreements };
}

/** True when `current` is worth writing down: it moved by a quarter of the allowed deviation since `stored`. */
export function baselineMoved(stored: number | undefined, current: number | undefined, allowed: number): boolean {
  if (current === undefined) return false;
  if (stored === undefined) return true;
  return stored !== current && Math.abs(relativeDeviation(current, stored)) >= allowed / 4;
}
