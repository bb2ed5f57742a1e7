/**
 * `outlier`: who is far outside the spread of its peers, for gauges such as latency, queue length or CPU.
 *
 *   spread = max(1.4826 MAD, 5 % of the median)       over all reference backends, the one judged included
 *
 * 1.4826 MAD is what the standard deviation would be if values were normal, and half of the backends can be bad before it
 * moves. The floor is for fleets that agree almost exactly, where any difference would be many MADs. Anomalous is who is
 * k spreads from the median, and `minRatio` times the median, and `minRatio` times the baseline, all on the side that is
 * looked at: what is rare need not matter, and after most have turned to failing fast the healthy rest is as slow as ever
 * (baseline.ts; it follows the median while all are within half of it).
 *
 * k grows as the group shrinks, because a MAD of few is itself uncertain: 5 from ten backends on, 9 for seven to nine, 14
 * for five and six. With three or four there is no usable spread: far is twice the median of the others. Needs three, and
 * a median that is not 0, or there is no scale to measure by. It is blind to what all share.
 *
 * MAD and its factor: Iglewicz and Hoaglin (1993). Their k of 3.5 finds somebody in 12 % of windows of a healthy normal
 * group of five, and in 5 % of one of a hundred.
 */
import type { BackendId } from '../model.ts';
import type { Detector } from '../policy/policy.ts';
import { type Baseline, updateBaseline } from './baseline.ts';
import { ascending, human, median } from './statistics.ts';
import { maxSeverity, type Readings, type Subject } from './subject.ts';
import { type Judgement, noScale, tooSmallRest, type Verdict } from './verdict.ts';

type OutlierSettings = Pick<Extract<Detector, { kind: 'outlier' }>, 'direction' | 'minRatio'>;

/** Beyond twice its level, or near nothing, a fleet is at another level. */
export const outlierAllowed = 1;

const consistency = 1.4826;
const floorShare = 0.05;
const minGroup = 3;
const minForSpread = 5;
const ratioWithoutSpread = 2;
/** sqrt(pi / 2): the standard error of a median in units of that of a mean. */
const medianError = 1.2533;

export function judgeOutlier(
  settings: OutlierSettings,
  subjects: readonly Subject[],
  readings: Readings,
  before: Baseline,
  settled: boolean,
): { readonly judgement: Judgement; readonly baseline: Baseline } {
  const eligible = subjects.filter(({ role }) => role === 'reference');
  const known = eligible.flatMap(({ id }) => {
    const reading = readings.get(id);
    return reading?.kind === 'value' ? [{ id, value: reading.value }] : [];
  });
  known.sort((a, b) => ascending(a.value, b.value));
  const values = known.map(({ value }) => value);
  const places = new Map(known.map(({ id }, place) => [id, place]));
  const middle = median(values);
  // Once for all: it is sorted, and that for each backend would be most of the work.
  const spread = middle === undefined ? 0 : spreadAround(middle, values);
  const observation = { values, eligible: eligible.length, allowed: outlierAllowed, settled };
  const baseline =
    middle === undefined || values.length < minGroup
      ? before
      : updateBaseline(before, { ...observation, median: middle });

  const verdicts = new Map<BackendId, Verdict>();
  for (const { id, role } of subjects) {
    if (role === 'excluded') continue;
    const reading = readings.get(id) ?? { kind: 'missing', reason: 'no sample' };
    if (reading.kind === 'invalid') verdicts.set(id, { kind: 'error', reason: reading.reason });
    else if (reading.kind === 'missing') verdicts.set(id, { kind: 'insufficient', reason: reading.reason });
    else verdicts.set(id, judgeValue(settings, reading.value, groupOf(values, spread, places.get(id)), baseline.level));
  }
  return { judgement: { kind: 'judged', verdicts }, baseline };
}

/** What a value is compared with. */
type Group =
  | { readonly kind: 'unusable'; readonly reason: string }
  | {
      readonly kind: 'usable';
      readonly middle: number;
      /** How far from the middle is far. */
      readonly reach: number;
      readonly ratio: number | undefined;
      readonly how: string;
    };

/**
 * @param spread of all values.
 * @param place of the one judged among the sorted values; undefined for one that is no part of the reference.
 */
function groupOf(sorted: readonly number[], spread: number, place: number | undefined): Group {
  const others = sorted.length - (place === undefined ? 0 : 1);
  if (others < minGroup - 1)
    return { kind: 'unusable', reason: `${others} peers to compare with, needs ${minGroup - 1}` };
  const isSmall = others + 1 < minForSpread;
  const middle = median(sorted, isSmall ? place : undefined) ?? 0;
  if (middle === 0) return { kind: 'unusable', reason: noScale };
  if (isSmall) {
    const how = `the median of the other ${others} is ${human(middle)}`;
    return { kind: 'usable', middle, reach: 0, ratio: ratioWithoutSpread, how };
  }
  const k = spreadsAllowed(others + 1);
  const how = `the median of ${sorted.length} backends is ${human(middle)}, their spread ${human(spread)}, allowed ${k} times`;
  return { kind: 'usable', middle, reach: k * spread, ratio: undefined, how };
}

function spreadAround(middle: number, values: readonly number[]): number {
  const deviations = values.map((value) => Math.abs(value - middle)).sort(ascending);
  return Math.max(consistency * (median(deviations) ?? 0), floorShare * Math.abs(middle));
}

function spreadsAllowed(size: number): number {
  return size >= 10 ? 5 : size >= 7 ? 9 : 14;
}

/**
 * A group as a whole against the rest of the fleet: its median `minRatio` times that of the rest, and as many standard
 * errors away from it as a single backend may be spreads. The standard error of the median of n normal values is 1.2533
 * spreads / sqrt(n), that of a difference the root of the sum of squares; the spread is that of the rest. A rest of three
 * or four has none: far is then twice its median.
 * @param group @param rest Values in any order.
 */
export function compareOutlier(settings: OutlierSettings, group: readonly number[], rest: readonly number[]): Verdict {
  const value = median(group.toSorted(ascending));
  const middle = median(rest.toSorted(ascending));
  if (value === undefined || middle === undefined || rest.length < minGroup) return tooSmallRest(rest.length, minGroup);
  if (middle === 0) return { kind: 'insufficient', reason: noScale };
  const isSmall = rest.length < minForSpread;
  const error = medianError * Math.sqrt(1 / group.length + 1 / rest.length);
  const reach = isSmall ? 0 : spreadsAllowed(rest.length) * error * spreadAround(middle, rest);
  const how = `the median of the other ${rest.length} is ${human(middle)}`;
  const ratio = isSmall ? ratioWithoutSpread : undefined;
  const verdict = judgeDistance(settings, value, { kind: 'usable', middle, reach, ratio, how }, middle);
  return verdict.kind === 'anomalous'
    ? { ...verdict, reason: `the median of ${group.length} backends, ${verdict.reason}` }
    : verdict;
}

function judgeValue(settings: OutlierSettings, value: number, group: Group, level: number | undefined): Verdict {
  if (group.kind === 'unusable') return { kind: 'insufficient', reason: group.reason };
  if (level === undefined) return { kind: 'insufficient', reason: 'no baseline yet: still settling' };
  const verdict = judgeDistance(settings, value, group, level);
  return verdict.kind === 'anomalous'
    ? { ...verdict, reason: `value ${verdict.reason}; the baseline is ${human(level)}` }
    : verdict;
}

function judgeDistance(
  { direction, minRatio }: OutlierSettings,
  value: number,
  { middle, reach, ratio = minRatio, how }: Extract<Group, { kind: 'usable' }>,
  level: number,
): Verdict {
  const isAbove = value >= middle;
  const bound = isAbove
    ? Math.max(middle + reach, timesAway(middle, ratio, isAbove))
    : Math.min(middle - reach, timesAway(middle, ratio, isAbove));
  const isWanted = direction === 'Both' || direction === (isAbove ? 'Above' : 'Below');
  if (
    !isWanted ||
    value === middle ||
    !isAt(value, bound, isAbove) ||
    !isAt(value, timesAway(level, minRatio, isAbove), isAbove)
  ) {
    return { kind: 'normal', value, bound };
  }
  return {
    kind: 'anomalous',
    severity: Math.min(maxSeverity, Math.abs(value - middle) / Math.abs(bound - middle)),
    value,
    bound,
    reason: `${human(value)} is ${isAbove ? 'above' : 'below'} ${human(bound)}: ${how}`,
  };
}

/** Twice of it above, half of it below: as far for a ratio. */
function timesAway(reference: number, ratio: number, isAbove: boolean): number {
  const distance = Math.abs(reference) * (isAbove ? ratio - 1 : 1 - 1 / ratio);
  return isAbove ? reference + distance : reference - distance;
}

function isAt(value: number, bound: number, isAbove: boolean): boolean {
  return isAbove ? value >= bound : value <= bound;
}
