/** One breaker as written to one breaker as the engine uses it, with how far back it looks. */
import { decimal } from './decimal.ts';
import { defaults } from './defaults.ts';
import { durationMs } from './duration.ts';
import { fingerprint } from './fingerprint.ts';
import {
  type Breaker,
  comparesPeers,
  type Detector,
  type DetectorQuery,
  type Enforcement,
  queriesOf,
} from './policy.ts';
import { instantLookbackMs, lookbackMs, type QueryCheck, type QueryChecker } from './promql.ts';
import type { BreakerSpec } from './schema.ts';

export function normaliseBreaker(spec: BreakerSpec, policyEnforcement: Enforcement, checkQuery: QueryChecker): Breaker {
  const fallback = defaults.breaker;
  const detector = detectorOf(spec);
  const evaluationPeriodMs = durationMs(spec.evaluationPeriod ?? fallback.evaluationPeriod);
  const activity = spec.activity && { query: spec.activity.query, min: decimal(spec.activity.min) };
  const of = spec.confirm?.of ?? fallback.confirm.of;
  const measured = {
    detector,
    ...(activity === undefined ? {} : { activity }),
    // Whom a backend is compared with is part of what its baseline means. Without a detector that compares it is nothing.
    ...(spec.groupBy === undefined || !comparesPeers(detector) ? {} : { groupBy: spec.groupBy }),
    source: spec.source ?? fallback.source,
    match: {
      label: spec.match?.label ?? fallback.match.label,
      by: spec.match?.by ?? fallback.match.by,
      namespaceLabel: spec.match?.namespaceLabel ?? fallback.match.namespaceLabel,
    },
  };
  return {
    name: spec.name,
    // A suspended policy overrides all its breakers by itself; theirs is what they return to.
    enforcement: spec.enforcement ?? (policyEnforcement === 'Observe' ? 'Observe' : 'Enforce'),
    evaluationPeriodMs,
    confirm: { of, atLeast: spec.confirm?.atLeast ?? Math.min(fallback.confirm.atLeast, of) },
    onNoData: spec.onNoData ?? fallback.onNoData,
    ...measured,
    ...lookbacks(detector, activity?.query, evaluationPeriodMs, checkQuery),
    fingerprint: fingerprint(measured),
  };
}

function detectorOf(spec: BreakerSpec): Detector {
  const { continuousValueDeviation, discreteValueOutOfList, threshold, ratio, outlier, customService } = spec;
  if (continuousValueDeviation !== undefined) {
    const { query, maxDeviationPercent, direction, reference } = continuousValueDeviation;
    const fallback = defaults.continuousValueDeviation;
    return {
      kind: 'continuousValueDeviation',
      query,
      maxDeviationPercent: decimal(maxDeviationPercent ?? fallback.maxDeviationPercent),
      direction: direction ?? fallback.direction,
      // Absent for the median, so that the fingerprints of policies from before there was a choice stay what they were.
      ...(reference === 'Mean' ? { reference } : {}),
    };
  }
  if (discreteValueOutOfList !== undefined) {
    const { query, key, goodValues, badValues, tolerancePercent, minActivity } = discreteValueOutOfList;
    const fallback = defaults.discreteValueOutOfList;
    return {
      kind: 'discreteValueOutOfList',
      query,
      key,
      list: goodValues === undefined ? { kind: 'bad', values: badValues ?? [] } : { kind: 'good', values: goodValues },
      ...(tolerancePercent === undefined ? {} : { tolerancePercent: decimal(tolerancePercent) }),
      minActivity: decimal(minActivity ?? fallback.minActivity),
    };
  }
  if (threshold !== undefined) return { kind: 'threshold', ...threshold, value: decimal(threshold.value) };
  if (ratio !== undefined) {
    const { bad, total, minRequests, minBad, sensitivity } = ratio;
    const fallback = defaults.ratio;
    return {
      kind: 'ratio',
      bad,
      total,
      minRequests: minRequests ?? fallback.minRequests,
      minBad: minBad ?? fallback.minBad,
      sensitivity: decimal(sensitivity ?? fallback.sensitivity),
    };
  }
  if (outlier !== undefined) {
    const { query, direction, minRatio } = outlier;
    const fallback = defaults.outlier;
    return {
      kind: 'outlier',
      query,
      direction: direction ?? fallback.direction,
      minRatio: decimal(minRatio ?? fallback.minRatio),
    };
  }
  if (customService !== undefined) {
    const [service = '', port] = customService.split(':');
    return { kind: 'customService', service, port: Number(port) };
  }
  throw new Error(`breaker ${spec.name} has no detector that this version knows`);
}

/**
 * A bare selector may return a sample of five minutes ago. Where an activity query proves that the backend was active
 * in a window, it also updated its values in that window, and only that far back counts.
 */
function lookbacks(
  detector: Detector,
  activity: string | undefined,
  evaluationPeriodMs: number,
  checkQuery: QueryChecker,
): Pick<Breaker, 'lookbackMs' | 'suspectLookbackMs'> {
  // Such a service judges in its own way; one period is the least that it can be thought to have looked back.
  if (detector.kind === 'customService') return { lookbackMs: evaluationPeriodMs };
  const activityMs = activity === undefined ? undefined : reachOf(checkQuery(activity), instantLookbackMs);
  const lookback = (queries: readonly DetectorQuery[]): number =>
    Math.max(
      ...queries.map(({ query }) => reachOf(checkQuery(query), activityMs ?? instantLookbackMs)),
      activityMs ?? 0,
    );
  const queries = queriesOf(detector);
  const lookbackMs = lookback(queries);
  if (detector.kind !== 'threshold' || detector.longQuery === undefined) return { lookbackMs };
  return { lookbackMs, suspectLookbackMs: lookback(queries.slice(0, 1)) };
}

function reachOf(check: QueryCheck, instantMs: number): number {
  if (check.kind === 'faulty') throw new Error(`not a usable query: ${check.faults[0].message}`);
  return lookbackMs(check.expr, instantMs);
}
