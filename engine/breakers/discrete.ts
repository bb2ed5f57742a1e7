/**
 * `discreteValueOutOfList`: each backend's activity split by the value of a label (`key`), such as requests by status
 * code. Bad share = activity under values that are not good (or are bad) / all activity. With a tolerance the share is
 * compared with that; without one, with that of the peers, as `ratio` does.
 */
import type { BackendId } from '../model.ts';
import type { Detector } from '../policy/policy.ts';
import { type CountReading, mostCounted, tooMany } from './counts.ts';
import { type MatchedSamples, numericReading } from './readings.ts';
import { human } from './statistics.ts';
import { maxSeverity } from './subject.ts';
import type { Verdict } from './verdict.ts';

type Discrete = Extract<Detector, { kind: 'discreteValueOutOfList' }>;

export function discreteCounts(detector: Discrete, matched: MatchedSamples, id: BackendId): CountReading {
  const ambiguity = matched.ambiguous.get(id);
  if (ambiguity !== undefined) return { kind: 'error', reason: ambiguity };
  const samples = matched.byBackend.get(id) ?? [];
  if (samples.length === 0) return { kind: 'insufficient', reason: 'no sample' };
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
  if (good + bad > mostCounted) return { kind: 'error', reason: tooMany };
  return { kind: 'counts', bad, total: good + bad };
}

/**
 * Anomalous when the bad share exceeds the tolerance and the activity is at least `minActivity`; below that the share
 * says nothing and the verdict is `insufficient`. Severity is share / tolerance.
 */
export function judgeShare(detector: Discrete, tolerancePercent: number, reading: CountReading): Verdict {
  if (reading.kind !== 'counts') return reading;
  const { bad, total } = reading;
  if (total === 0 || total < detector.minActivity) {
    return { kind: 'insufficient', reason: `activity ${human(total)} below ${human(detector.minActivity)}` };
  }
  const share = (bad / total) * 100;
  const bound = tolerancePercent;
  if (share <= bound) return { kind: 'normal', value: share, bound };
  return {
    kind: 'anomalous',
    severity: bound === 0 ? maxSeverity : Math.min(maxSeverity, share / bound),
    value: share,
    bound,
    reason: `${human(share)} % of ${human(total)} have ${detector.key} out of the good values (tolerance ${human(bound)} %)`,
  };
}
