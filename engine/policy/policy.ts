/**
 * A policy as the engine uses it: validated, every default applied, durations in milliseconds, inheritance resolved.
 * The YAML form, its bounds and its defaults are in schema.ts; parse.ts turns one into the other.
 */
import type { ServiceKey } from '../model.ts';

export type Enforcement = 'Enforce' | 'Observe' | 'Suspended';

export interface Policy {
  readonly namespace: string;
  readonly name: string;
  readonly service: ServiceKey;
  /** metadata.creationTimestamp, when known: between two policies for one Service the oldest wins. */
  readonly createdAtMs?: number;
  readonly enforcement: Enforcement;
  /** Evaluations each breaker observes before a new or edited policy acts. */
  readonly settle: number;
  readonly eject: EjectPolicy;
  readonly budget: BudgetPolicy;
  readonly proximity: 'None' | 'Zone' | 'Node';
  /** Age from Ready under which a backend is neither judged nor a reference. */
  readonly warmUpMs: number;
  readonly breakers: readonly Breaker[];
  /** How many breakers of a track it takes to accuse: any of them, or all; absent in records from before there was a choice. */
  readonly combine?: 'Any' | 'All';
  readonly activator: ActivatorPolicy;
  /** Absent: nobody of a StatefulSet is ejected. */
  readonly allowStateful?: true;
  /** Hash of the spec's meaning: a changed one settles anew. */
  readonly fingerprint: string;
}

export interface EjectPolicy {
  readonly how: 'Drain' | 'MarkUnhealthy' | 'Remove';
  /** Time from ejection until `then` happens; absent: never. */
  readonly closeAfterMs?: number;
  readonly then: 'None' | 'Remove' | 'Evict';
}

export interface BudgetPolicy {
  readonly minAvailableCount: number;
  readonly minAvailableRatioPercent: number;
  readonly maxEjectedPercent: number;
  readonly velocity: { readonly count: number; readonly percent: number };
  readonly holdAbovePercent: number;
  readonly onBreach: 'Readmit' | 'Hold';
  /** Absent in a policy of an older version on record: Report. */
  readonly onCohort?: 'Report' | 'EjectWithinBudget';
}

export interface ActivatorPolicy {
  readonly mode: 'periodic' | 'retryAndPause' | 'retryAndKill';
  readonly periodMs: number;
  readonly maxRetryCount: number;
  readonly maxPauseCount: number;
  readonly resetAfterMs: number;
  readonly maxEvictionsPerHour: number;
  /** How long anybody waits for a judgement that does not come; absent: for ever. */
  readonly maxStaleMs?: number;
  /** What becomes of a probe that gets too little to be judged at any weight; absent: it stays at its step. */
  readonly onStarved?: 'Restore' | 'Pause';
  readonly ramp: RampPolicy;
}

export interface RampPolicy {
  /** Percent of the full weight, rising, ending in 100; the first is the probe. */
  readonly weights: readonly number[];
  readonly stepPeriodMs: number;
}

export interface Breaker {
  readonly name: string;
  /** Its own, or the policy's when it has none. */
  readonly enforcement: 'Enforce' | 'Observe';
  readonly evaluationPeriodMs: number;
  readonly confirm: { readonly of: number; readonly atLeast: number };
  readonly onNoData: 'Hold' | 'Healthy';
  /** Labels (group-key.ts) whose values split the fleet into groups that are judged apart; absent: one fleet. */
  readonly groupBy?: readonly string[];
  readonly activity?: { readonly query: string; readonly min: number };
  /** Name of a metric source of the serving config; never a URL. */
  readonly source: string;
  readonly match: Match;
  readonly detector: Detector;
  /**
   * How far back a verdict looks, in milliseconds: the largest range + subquery + offset of its queries. A verdict
   * speaks of a moment only if its evaluation time minus this lies after that moment.
   */
  readonly lookbackMs: number;
  /** The same of what a probing or ramping backend is judged by; absent: it is judged by the same queries. */
  readonly suspectLookbackMs?: number;
  /** Hash of what it measures: baseline and streaks survive edits that leave it alone. */
  readonly fingerprint: string;
}

export interface Match {
  /** Label of the sample that names the backend. */
  readonly label: string;
  readonly by: 'PodName' | 'PodIP' | 'Address' | 'PodUID';
  /** Compared with the policy's namespace when the sample has it. */
  readonly namespaceLabel: string;
}

export type Detector =
  | {
      readonly kind: 'continuousValueDeviation';
      readonly query: string;
      readonly maxDeviationPercent: number;
      readonly direction: 'Both' | 'Above' | 'Below';
      /** Of the peers, what a value is compared with; absent: their median. */
      readonly reference?: 'Mean';
    }
  | {
      readonly kind: 'discreteValueOutOfList';
      readonly query: string;
      readonly key: string;
      readonly list: { readonly kind: 'good' | 'bad'; readonly values: readonly string[] };
      /** Absent: its peers say how large a share is too large, as for `ratio`. */
      readonly tolerancePercent?: number;
      readonly minActivity: number;
    }
  | {
      readonly kind: 'threshold';
      readonly query: string;
      /** The same over a longer window: a serving backend is anomalous only if both values are. */
      readonly longQuery?: string;
      /** The relation that is anomalous: `value > bound`. */
      readonly operator: '>' | '>=' | '<' | '<=' | '==' | '!=';
      readonly value: number;
    }
  | {
      readonly kind: 'ratio';
      /** Counts in a window; both queries over the same one. */
      readonly bad: string;
      readonly total: string;
      /** Events under which a backend is not judged. */
      readonly minRequests: number;
      /** Bad events under which no backend is anomalous. */
      readonly minBad: number;
      /** Overdispersion: how much the rates of healthy backends differ, above 0 and below 1. */
      readonly sensitivity: number;
    }
  | {
      readonly kind: 'outlier';
      readonly query: string;
      readonly direction: 'Both' | 'Above' | 'Below';
      /** Times the median, and the baseline, that a value must be at least; 1 or more. */
      readonly minRatio: number;
    }
  | { readonly kind: 'customService'; readonly service: string; readonly port: number };

/** With fewer backends in its group nobody has the two peers that every detector needs. */
export const minGroup = 3;

/** Whether a backend is compared with its peers; otherwise every one is judged by itself, and groups change nothing. */
export function comparesPeers(detector: Detector): boolean {
  switch (detector.kind) {
    case 'continuousValueDeviation':
    case 'outlier':
    case 'ratio':
      return true;
    case 'discreteValueOutOfList':
      return detector.tolerancePercent === undefined;
    case 'threshold':
    case 'customService':
      return false;
  }
}

/** What a detector asks its source, by the field that says so: one query, or the two of a ratio or of two windows. */
export function queriesOf(
  detector: Exclude<Detector, { kind: 'customService' }>,
): readonly [DetectorQuery, ...DetectorQuery[]] {
  if (detector.kind === 'ratio') {
    return [
      { field: 'bad', query: detector.bad },
      { field: 'total', query: detector.total },
    ];
  }
  const { query } = detector;
  if (detector.kind !== 'threshold' || detector.longQuery === undefined) return [{ field: 'query', query }];
  return [
    { field: 'query', query },
    { field: 'longQuery', query: detector.longQuery },
  ];
}

export interface DetectorQuery {
  readonly field: 'query' | 'bad' | 'total' | 'longQuery';
  readonly query: string;
}

/** The question in one line, for people, as they can ask it themselves: PromQL, or the service that is asked. */
export function questionOf(detector: Detector): string {
  switch (detector.kind) {
    case 'customService':
      return `${detector.service}:${detector.port}`;
    case 'ratio':
      return `(${detector.bad}) / (${detector.total})`;
    case 'threshold':
      return detector.longQuery === undefined ? detector.query : `(${detector.query}) and (${detector.longQuery})`;
    default:
      return detector.query;
  }
}
