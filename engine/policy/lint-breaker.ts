/** The lint rules about one breaker. */
import { codes } from './codes.ts';
import { formatDuration } from './duration.ts';
import { type Finding, type Path, warning } from './finding.ts';
import { type Breaker, type Detector, type Policy, queriesOf } from './policy.ts';
import { type Expr, keepsLabel, looksAhead, makesRates, type QueryChecker, readsInstant, windowMs } from './promql.ts';
import type { BreakerSpec } from './schema.ts';

export function lintBreaker(
  breaker: Breaker,
  spec: BreakerSpec,
  policy: Policy,
  path: Path,
  checkQuery: QueryChecker,
): readonly Finding[] {
  const { detector } = breaker;
  const about = [
    ...observedOnly(spec, policy, path),
    ...blindSide(detector, path),
    ...notLonger(detector, [...path, detector.kind, 'longQuery'], checkQuery),
  ];
  if (detector.kind === 'customService') return [...about, ...metricFieldsWithoutEffect(spec, path)];
  const queries = [
    ...queriesOf(detector).map(({ field, query }) => ({
      path: [...path, detector.kind, field],
      query,
      isDetector: true,
    })),
    ...(breaker.activity === undefined
      ? []
      : [{ path: [...path, 'activity', 'query'], query: breaker.activity.query, isDetector: false }]),
  ];
  return [
    ...about,
    ...queries.flatMap(({ path: queryPath, query, isDetector }, index) => {
      const check = checkQuery(query);
      if (check.kind === 'faulty') return [];
      return [
        // Once a breaker: the two windows of a ratio are the same, and a long one is there to be shared.
        ...(index === 0 ? sharedSamples(breaker, check.expr, path) : []),
        ...(isDetector ? staleSamples(breaker, check.expr, queryPath) : []),
        ...(isDetector ? notCounts(detector, check.expr, queryPath) : []),
        ...lostLabels(breaker, check.expr, isDetector, queryPath),
        ...future(check.expr, queryPath),
      ];
    }),
  ];
}

/** Confirmation asks for independent looks; windows that overlap see the same bad second several times. */
function sharedSamples({ evaluationPeriodMs, confirm }: Breaker, expr: Expr, path: Path): readonly Finding[] {
  const window = windowMs(expr);
  if (confirm.of === 1 || evaluationPeriodMs >= window) return [];
  const [period, span] = [formatDuration(evaluationPeriodMs), formatDuration(window)];
  const message = `evaluations every ${period} share most of a window of ${span}: one bad moment may confirm itself`;
  const remedy = 'lengthen evaluationPeriod, shorten the window, or accept it for speed';
  return [warning(codes.sharedSamples, [...path, 'evaluationPeriod'], message, remedy)];
}

/** How sure one can be of a share depends on how many it is a share of. */
function notCounts(detector: Detector, expr: Expr, path: Path): readonly Finding[] {
  const needsCounts =
    detector.kind === 'ratio' ||
    (detector.kind === 'discreteValueOutOfList' && detector.tolerancePercent === undefined);
  if (!needsCounts || !makesRates(expr)) return [];
  const message = 'a rate does not say how many there were: few requests a second look like too few to judge';
  const remedy = detector.kind === 'ratio' ? 'use increase()' : 'use increase(), or set tolerancePercent';
  return [warning(codes.notCounts, path, message, remedy)];
}

function staleSamples({ activity, lookbackMs }: Breaker, expr: Expr, path: Path): readonly Finding[] {
  if (activity !== undefined || !readsInstant(expr)) return [];
  const message = `a bare metric may be up to 5 minutes old, so each step back into rotation waits ${formatDuration(lookbackMs)}`;
  return [warning(codes.staleSamples, path, message, 'use a range such as [30s], or set activity')];
}

function lostLabels({ match, detector }: Breaker, expr: Expr, isDetector: boolean, path: Path): readonly Finding[] {
  const needed = isDetector && detector.kind === 'discreteValueOutOfList' ? [match.label, detector.key] : [match.label];
  return needed
    .filter((label) => !keepsLabel(expr, label))
    .map((label) => {
      const use = label === match.label ? 'no sample can be assigned to a backend' : 'no sample can be judged';
      return warning(
        codes.labelLost,
        path,
        `the result has no label "${label}": ${use}`,
        `keep it: by (${needed.join(', ')})`,
      );
    });
}

function future(expr: Expr, path: Path): readonly Finding[] {
  if (!looksAhead(expr)) return [];
  const message = 'a negative offset looks into the future, where a live query finds nothing';
  return [warning(codes.looksAhead, path, message, 'remove the offset')];
}

/** Bounds that no value can pass, on one side or at all. */
function blindSide(detector: Detector, path: Path): readonly Finding[] {
  if (detector.kind === 'discreteValueOutOfList' && detector.tolerancePercent === 100) {
    const message = 'no share of bad values is above 100 %: no backend is ever anomalous';
    return [warning(codes.blindSide, [...path, detector.kind, 'tolerancePercent'], message, 'lower it')];
  }
  if (detector.kind !== 'continuousValueDeviation') return [];
  if (detector.maxDeviationPercent < 100 || detector.direction === 'Above') return [];
  const message = `even a value of 0 deviates by 100 % only, so ${detector.maxDeviationPercent} % never finds a value too low`;
  const remedy = 'go below 100, or set direction: Above';
  return [warning(codes.blindSide, [...path, detector.kind, 'maxDeviationPercent'], message, remedy)];
}

/** Two windows are there because the long one forgets a blip that fills the short one. */
function notLonger(detector: Detector, path: Path, checkQuery: QueryChecker): readonly Finding[] {
  if (detector.kind !== 'threshold' || detector.longQuery === undefined) return [];
  const [short, long] = [detector.query, detector.longQuery].map((query) => {
    const check = checkQuery(query);
    return check.kind === 'faulty' ? 0 : windowMs(check.expr);
  });
  if (short === undefined || long === undefined || long > short) return [];
  const message = `looks back ${formatDuration(long)}, query ${formatDuration(short)}: it is not the longer window`;
  return [warning(codes.longWindowShort, path, message, 'lengthen its range, or leave longQuery out')];
}

function observedOnly(spec: BreakerSpec, policy: Policy, path: Path): readonly Finding[] {
  if (spec.enforcement !== 'Enforce' || policy.enforcement === 'Enforce') return [];
  const message = `has no effect while the policy is ${policy.enforcement}`;
  return [warning(codes.noEffect, [...path, 'enforcement'], message, "set the policy's enforcement to Enforce")];
}

function metricFieldsWithoutEffect(spec: BreakerSpec, path: Path): readonly Finding[] {
  return (['source', 'match', 'activity'] as const)
    .filter((field) => spec[field] !== undefined)
    .map((field) =>
      warning(codes.noEffect, [...path, field], 'has no effect with customService', 'it is for detectors with a query'),
    );
}
