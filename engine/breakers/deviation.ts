/**
 * `continuousValueDeviation`: one number per backend, compared with its peers and with the fleet's own past.
 *
 * A backend is anomalous only if it deviates beyond the allowed deviation from BOTH
 *  - the leave-one-out reference: the median of the other reference backends, or their mean. Leaving the suspect out keeps
 *    it from masking itself; a median keeps a second bad backend from moving the reference, where a mean moves with each;
 *  - the baseline (baseline.ts), without which a majority that turns bad would eject the healthy minority. It is a median
 *    whatever the reference.
 *
 * It cannot see a fault that all backends share (reported as `fleet-wide`), nor find anybody anomalous without two peers.
 */
import type { BackendId } from '../model.ts';
import type { Detector } from '../policy/policy.ts';
import { type Baseline, isAway, updateBaseline } from './baseline.ts';
import { ascending, human, meansWithout, median, relativeDeviation } from './statistics.ts';
import { maxSeverity, type Readings, type Subject } from './subject.ts';
import { type Judgement, noScale, tooSmallRest, type Verdict } from './verdict.ts';

type Deviation = Extract<Detector, { kind: 'continuousValueDeviation' }>;

/** Fewer peers than this give no reference: with one peer, who deviates from whom? */
const minPeers = 2;

export function judgeDeviation(
  detector: Deviation,
  subjects: readonly Subject[],
  readings: Readings,
  before: Baseline,
  settled: boolean,
): { readonly judgement: Judgement; readonly baseline: Baseline } {
  const allowed = detector.maxDeviationPercent / 100;
  const eligible = subjects.filter((subject) => subject.role === 'reference');
  const reference = new Map<BackendId, number>();
  for (const { id } of eligible) {
    const reading = readings.get(id);
    if (reading?.kind === 'value') reference.set(id, reading.value);
  }

  const values = [...reference.values()].sort(ascending);
  const centreOf = detector.reference === 'Mean' ? meansWithout(values) : (place?: number) => median(values, place);
  const fleetMedian = median(values);
  let baseline = before;
  let fleetWide: string | undefined;
  if (fleetMedian !== undefined && values.length >= minPeers) {
    const observation = { values, median: fleetMedian, eligible: eligible.length, allowed, settled };
    baseline = updateBaseline(before, observation);
    if (baseline.level !== undefined && isAway(baseline.level, observation)) {
      fleetWide =
        fleetMedian === 0
          ? `the median of ${values.length} backends is 0`
          : `the median of ${values.length} backends, ${human(fleetMedian)}, is ${percent(relativeDeviation(fleetMedian, baseline.level))} the baseline ${human(baseline.level)} (allowed ${human(detector.maxDeviationPercent)} %)`;
    }
  }

  const verdicts = new Map<BackendId, Verdict>();
  for (const { id, role } of subjects) {
    if (role === 'excluded') continue;
    const reading = readings.get(id) ?? { kind: 'missing', reason: 'no sample' };
    if (reading.kind === 'invalid') verdicts.set(id, { kind: 'error', reason: reading.reason });
    else if (reading.kind === 'missing') verdicts.set(id, { kind: 'insufficient', reason: reading.reason });
    else if (fleetWide !== undefined) verdicts.set(id, judgeAgainstBaseline(detector, reading.value, baseline.level));
    else {
      const own = reference.has(id) ? values.indexOf(reading.value) : undefined;
      const peers = { count: values.length - (own === undefined ? 0 : 1), centre: centreOf(own) };
      verdicts.set(id, judgeValue(detector, reading.value, peers, baseline.level));
    }
  }
  return {
    judgement:
      fleetWide === undefined ? { kind: 'judged', verdicts } : { kind: 'fleet-wide', reason: fleetWide, verdicts },
    baseline,
  };
}

/** The other reference backends. */
interface Peers {
  readonly count: number;
  readonly centre: number | undefined;
}

function judgeValue(detector: Deviation, value: number, peers: Peers, level: number | undefined): Verdict {
  if (level === undefined) return { kind: 'insufficient', reason: 'no baseline yet: still settling' };
  const allowed = detector.maxDeviationPercent / 100;
  const fromBaseline = relativeDeviation(value, level);
  if (peers.centre === undefined || peers.count < minPeers) {
    // Whoever is near the baseline cannot be beyond both, whatever the peers would say.
    return isBeyond(detector, fromBaseline)
      ? { kind: 'insufficient', reason: `${peers.count} peers to compare with, needs ${minPeers}` }
      : { kind: 'normal', value, bound: boundOf(level, fromBaseline, allowed) };
  }

  const fromPeers = relativeDeviation(value, peers.centre);
  // It is the peers' bound; the baseline only confirms.
  const bound = boundOf(peers.centre, fromPeers, allowed);
  // Beyond both means beyond them to the same side: a value between a low fleet and a high baseline has a fleet median
  // beyond the baseline too, and that is fleet-wide.
  if (!isBeyond(detector, fromPeers) || !isBeyond(detector, fromBaseline)) return { kind: 'normal', value, bound };
  return {
    kind: 'anomalous',
    severity: severityOf(fromPeers, allowed),
    value,
    bound,
    reason: `value ${human(value)} is ${percent(fromPeers)} the ${centreName(detector)} of ${peers.count} peers ${human(peers.centre)} and ${percent(fromBaseline)} the baseline ${human(level)} (allowed ${human(detector.maxDeviationPercent)} %)`,
  };
}

/**
 * While the fleet as a whole has moved, the peers are no reference; against the baseline one still sees who moved. These
 * verdicts inform, they never eject: the judgement is `fleet-wide`.
 */
function judgeAgainstBaseline(detector: Deviation, value: number, level: number | undefined): Verdict {
  if (level === undefined) return { kind: 'insufficient', reason: 'no baseline yet: still settling' };
  return judgeAgainst(detector, value, level, 'value', 'the baseline');
}

/**
 * A group as a whole against the rest of the fleet, by their medians, which a few bad backends on either side do not move.
 * @param group @param rest Values in any order.
 */
export function compareDeviation(detector: Deviation, group: readonly number[], rest: readonly number[]): Verdict {
  const value = median(group.toSorted(ascending));
  const reference = median(rest.toSorted(ascending));
  if (value === undefined || reference === undefined || rest.length < minPeers)
    return tooSmallRest(rest.length, minPeers);
  // Idle, or new and not warm: from there everybody is infinitely far, and a group may go as a whole.
  if (reference === 0) return { kind: 'insufficient', reason: noScale };
  const [what, whose] = [`the median of ${group.length} backends`, `the median of the other ${rest.length}`];
  return judgeAgainst(detector, value, reference, what, whose);
}

function judgeAgainst(detector: Deviation, value: number, reference: number, what: string, whose: string): Verdict {
  const allowed = detector.maxDeviationPercent / 100;
  const deviation = relativeDeviation(value, reference);
  const bound = boundOf(reference, deviation, allowed);
  if (!isBeyond(detector, deviation)) return { kind: 'normal', value, bound };
  return {
    kind: 'anomalous',
    severity: severityOf(deviation, allowed),
    value,
    bound,
    reason: `${what} ${human(value)} is ${percent(deviation)} ${whose} ${human(reference)} (allowed ${human(detector.maxDeviationPercent)} %)`,
  };
}

function isBeyond(detector: Deviation, deviation: number): boolean {
  const allowed = detector.maxDeviationPercent / 100;
  return (
    (deviation > allowed && detector.direction !== 'Below') || (deviation < -allowed && detector.direction !== 'Above')
  );
}

function centreName({ reference }: Deviation): string {
  return reference === 'Mean' ? 'mean' : 'median';
}

/** The bound on the side that the value is on. */
function boundOf(reference: number, deviation: number, allowed: number): number {
  return reference + (deviation < 0 ? -1 : 1) * allowed * Math.abs(reference);
}

function severityOf(deviation: number, allowed: number): number {
  return allowed === 0 ? maxSeverity : Math.min(maxSeverity, Math.abs(deviation) / allowed);
}

function percent(deviation: number): string {
  const side = deviation < 0 ? 'below' : 'above';
  return Number.isFinite(deviation) ? `${human(Math.abs(deviation) * 100)} % ${side}` : `far ${side}`;
}
