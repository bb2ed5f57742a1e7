/**
 * `discreteValueOutOfList`: each backend's activity split by the value of a label (`key`), such as requests by status
 * code. Bad share = activity under values that are not good (or are bad) / all activity.
 *
 * Counts may be fractional (`increase()` extrapolates): they are never rounded, or 0.9 errors would become none.
 */
import type { Sample } from '../metrics/source.ts';
import type { Detector } from '../policy/policy.ts';
import { numericReading } from './readings.ts';
import { human } from './statistics.ts';
import { maxSeverity } from './subject.ts';
import type { Verdict } from './verdict.ts';

type Discrete = Extract<Detector, { kind: 'discreteValueOutOfList' }>;

/**
 * Anomalous when the bad share exceeds `tolerancePercent` and the activity is at least `minActivity`; below that the
 * share says nothing and the verdict is `insufficient`. Severity is share / tolerance.
 */
export function judgeDiscrete(detector: Discrete, samples: readonly Sample[]): Verdict {
  const listed = new Set(detector.list.values);
  let good = 0;
  let bad = 0;
  for (const sample of samples) {
    const reading = numericReading(sample);
    if (reading.kind === 'invalid') return { kind: 'error', reason: reading.reason };
    // The share of the rest would be a guess.
    if (reading.kind === 'missing') return { kind: 'insufficient', reason: reading.reason };
    if (reading.value < 0) return { kind: 'error', reason: `activity ${human(reading.value)} is negative` };
    const label = sample.labels[detector.key];
    // A query that aggregates the label away would make every backend bad; an empty label must be meant.
    if (label === undefined && !listed.has('')) {
      return { kind: 'error', reason: `a sample has no label ${detector.key}; keep it in the query` };
    }
    const isListed = listed.has(label ?? '');
    if (isListed === (detector.list.kind === 'good')) good += reading.value;
    else bad += reading.value;
  }

  const activity = good + bad;
  if (activity === 0 || activity < detector.minActivity) {
    return { kind: 'insufficient', reason: `activity ${human(activity)} below ${human(detector.minActivity)}` };
  }
  const share = (bad / activity) * 100;
  const bound = detector.tolerancePercent;
  if (share <= bound) return { kind: 'normal', value: share, bound };
  return {
    kind: 'anomalous',
    severity: bound === 0 ? maxSeverity : Math.min(maxSeverity, share / bound),
    value: share,
    bound,
    reason: `${human(share)} % of ${human(activity)} have ${detector.key} out of the good values (tolerance ${human(bound)} %)`,
  };
}
