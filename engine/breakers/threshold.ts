/**
 * `threshold`: value against an absolute bound. The only detector that needs no peers. With `longQuery` in two windows,
 * as multi-window burn rate alerts have it (Google, The Site Reliability Workbook, chapter 5).
 */
import type { Detector } from '../policy/policy.ts';
import { human } from './statistics.ts';
import { maxSeverity } from './subject.ts';
import type { Verdict } from './verdict.ts';

type Threshold = Extract<Detector, { kind: 'threshold' }>;

/**
 * Anomalous when `value operator bound` holds. Severity is 1 at the bound and grows by the distance in units of the
 * bound's size (of 1 for a zero bound), so that the same policy ranks its own backends by how far they are out.
 */
export function judgeThreshold(detector: Threshold, value: number): Verdict {
  const bound = detector.value;
  if (!relation(detector.operator, value, bound)) return { kind: 'normal', value, bound };
  const scale = Math.abs(bound) > 0 ? Math.abs(bound) : 1;
  return {
    kind: 'anomalous',
    severity: Math.min(maxSeverity, 1 + Math.abs(value - bound) / scale),
    value,
    bound,
    reason: `value ${human(value)} ${detector.operator} ${human(bound)}`,
  };
}

/**
 * Anomalous when both windows are beyond the bound: the short one says that it is bad now, the long one that this is no
 * blip. Ranked by the short one. A normal verdict shows the value that is within the bound.
 */
export function judgeWindows(detector: Threshold, short: number, long: number): Verdict {
  const now = judgeThreshold(detector, short);
  const lately = judgeThreshold(detector, long);
  if (now.kind !== 'anomalous' || lately.kind !== 'anomalous') return now.kind === 'anomalous' ? lately : now;
  return { ...now, reason: `${now.reason}, and ${human(long)} over the long window` };
}

function relation(operator: Threshold['operator'], value: number, bound: number): boolean {
  switch (operator) {
    case '>':
      return value > bound;
    case '>=':
      return value >= bound;
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '==':
      return value === bound;
    case '!=':
      return value !== bound;
  }
}
