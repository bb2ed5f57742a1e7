/** One evaluation of one breaker: evidence and roles in, judgement out. */
import type { BackendId } from '../model.ts';
import type { Breaker } from '../policy/policy.ts';
import type { Baseline } from './baseline.ts';
import { coverageOf, hasSeries, isJudgedBy } from './coverage.ts';
import { compareDeviation, judgeDeviation } from './deviation.ts';
import { type CountReading, type Counts, ratioCounts } from './counts.ts';
import { discreteCounts, judgeShare } from './discrete.ts';
import { type MatchedSamples, singleReading } from './readings.ts';
import { type Judged, judgeGroups, type Part, type PeerDetector } from './groups.ts';
import { compareOutlier, judgeOutlier } from './outlier.ts';
import { compareRatio, judgeRatio, ratioDefaults, type RatioSettings } from './ratio.ts';
import { ascending, human, median } from './statistics.ts';
import type { Reading, Readings, Role, Subject } from './subject.ts';
import { judgeThreshold, judgeWindows } from './threshold.ts';
import { type EvidenceWindow, judgeTrials, withEarlierWindows } from './trial.ts';
import type { Judgement, Verdict } from './verdict.ts';

export type Evidence =
  | {
      readonly kind: 'samples';
      readonly samples: MatchedSamples;
      /** For `ratio`, where `samples` are the bad events. */
      readonly total?: MatchedSamples;
      /** For a `threshold` with two windows: the long one. */
      readonly long?: MatchedSamples;
      readonly activity?: MatchedSamples;
    }
  /** A custom service judges by itself; its verdicts go through the same confirmation, budget and guards. */
  | { readonly kind: 'verdicts'; readonly verdicts: ReadonlyMap<BackendId, Verdict> }
  | { readonly kind: 'unusable'; readonly reason: string };

type UsableEvidence = Exclude<Evidence, { kind: 'unusable' }>;

export interface JudgeContext {
  readonly breaker: Breaker;
  readonly subjects: readonly Subject[];
  readonly baseline: Baseline;
  /** This breaker has seen its `settle` evaluations, this one included. */
  readonly settled: boolean;
  /** What the evidence speaks of. */
  readonly window: EvidenceWindow;
  /** With groupBy: evaluations that a group which comes later is watched for; default 0. */
  readonly settle?: number;
}

type NoReading = Exclude<Reading, { kind: 'value' }>;

/** Share of the fleet that must have data before silence may mean health (onNoData: Healthy). */
const coverageForSilence = 0.8;

export function judge(context: JudgeContext, evidence: Evidence): Judged {
  if (evidence.kind === 'unusable') {
    return { judgement: { kind: 'unusable', reason: evidence.reason }, baseline: context.baseline };
  }
  const judged =
    evidence.kind === 'samples'
      ? judgeSamples(context, evidence)
      : { judgement: judgedVerdicts(context, evidence.verdicts), baseline: context.baseline };
  const sized = evidence.kind === 'samples' ? sizedByActivity(context, judged.judgement, evidence) : judged.judgement;
  return { ...judged, judgement: withCoverage(context, withSilence(context, sized), evidence) };
}

function withCoverage({ subjects }: JudgeContext, judgement: Judgement, evidence: UsableEvidence): Judgement {
  if (judgement.kind === 'unusable') return judgement;
  const coverage = coverageOf(subjects, (id) =>
    evidence.kind === 'samples'
      ? // A series of bad events begins with the first of them: the total tells who is there.
        hasSeries([evidence.total ?? evidence.samples, evidence.activity], id)
      : isJudgedBy(evidence.verdicts.get(id)),
  );
  return { ...judgement, coverage };
}

/** Twice the least that counts: traffic is never even, and a probe that is often idle has no say. */
const activityMargin = 2;

/** Where a backend must have done something to have a say, its probe must be able to do that much. */
function sizedByActivity(
  { breaker: { activity }, subjects }: JudgeContext,
  judgement: Judgement,
  evidence: Extract<Evidence, { kind: 'samples' }>,
): Judgement {
  const { activity: did } = evidence;
  if (activity === undefined || did === undefined || judgement.kind !== 'judged') return judgement;
  const usual = median(
    subjects
      .flatMap(({ id, role }) => {
        const reading = singleReading(did, id);
        return role === 'reference' && reading.kind === 'value' ? [reading.value] : [];
      })
      .toSorted(ascending),
  );
  if (usual === undefined || usual <= 0) return judgement;
  const probePercent = Math.max(judgement.probePercent ?? 0, ((activityMargin * activity.min) / usual) * 100);
  return { ...judgement, probePercent };
}

function judgeSamples(context: JudgeContext, evidence: Extract<Evidence, { kind: 'samples' }>): Judged {
  const { breaker, subjects, baseline } = context;
  const { detector } = breaker;
  const idle = (id: BackendId): NoReading | undefined => idleReading(breaker, evidence.activity, id);

  switch (detector.kind) {
    case 'continuousValueDeviation': {
      const readings = readEach(subjects, (id) => idle(id) ?? singleReading(evidence.samples, id));
      return judgePeers(context, {
        judge: (part) => judgeDeviation(detector, part.subjects, readings, part.baseline, part.settled),
        valueOf: numberIn(readings),
        compare: (group, rest) => compareDeviation(detector, group, rest),
      });
    }
    case 'outlier': {
      const readings = readEach(subjects, (id) => idle(id) ?? singleReading(evidence.samples, id));
      return judgePeers(context, {
        judge: (part) => judgeOutlier(detector, part.subjects, readings, part.baseline, part.settled),
        valueOf: numberIn(readings),
        compare: (group, rest) => compareOutlier(detector, group, rest),
      });
    }
    case 'threshold':
      return {
        judgement: judgeEach(subjects, (id, role) => {
          const reading = idle(id) ?? singleReading(evidence.samples, id);
          if (reading.kind !== 'value') return withoutValue(reading);
          if (detector.longQuery === undefined) return judgeThreshold(detector, reading.value);
          // Its long window reaches back to the fault it went out for: it would have to wait until that is full again.
          if (role === 'suspect') {
            const lookbackMs = breaker.suspectLookbackMs ?? breaker.lookbackMs;
            return { ...judgeThreshold(detector, reading.value), lookbackMs };
          }
          const long = evidence.long === undefined ? notAsked : singleReading(evidence.long, id);
          if (long.kind !== 'value') return withoutValue({ ...long, reason: `longQuery: ${long.reason}` });
          return judgeWindows(detector, reading.value, long.value);
        }),
        baseline,
      };
    case 'discreteValueOutOfList': {
      const { tolerancePercent: tolerance } = detector;
      const counts = (id: BackendId): CountReading =>
        asCounts(idle(id)) ?? discreteCounts(detector, evidence.samples, id);
      if (tolerance === undefined) {
        return judgeCounts(context, ratioDefaults(detector.minActivity), counts);
      }
      return { judgement: judgeEach(subjects, (id) => judgeShare(detector, tolerance, counts(id))), baseline };
    }
    case 'ratio': {
      const counts = (id: BackendId): CountReading =>
        asCounts(idle(id)) ?? ratioCounts(evidence.samples, evidence.total, id);
      return judgeCounts(context, detector, counts);
    }
    case 'customService':
      return { judgement: { kind: 'unusable', reason: 'a custom service gives verdicts, not samples' }, baseline };
  }
}

/** Peers say what is usual; who is on its way back is judged by what it did since then. */
function judgeCounts(context: JudgeContext, settings: RatioSettings, read: (id: BackendId) => CountReading): Judged {
  const { window } = context;
  const { minRequests } = settings;
  const readings = readEach(context.subjects, read);
  const longer = withEarlierWindows(readings, context.subjects, minRequests, window);
  return judgePeers<Counts>(context, {
    judge({ subjects, baseline, settled }) {
      const judged = judgeRatio(settings, subjects, longer, baseline, settled);
      return { ...judged, judgement: judgeTrials(judged.judgement, subjects, readings, minRequests, window) };
    },
    valueOf(id) {
      const reading = readings.get(id);
      return reading?.kind === 'counts' ? reading : undefined;
    },
    compare: (group, rest, groups) => compareRatio(settings, group, rest, groups),
  });
}

const notAsked: NoReading = { kind: 'missing', reason: 'not asked' };

/** A detector that compares backends: over the whole fleet, or group by group. */
function judgePeers<Value>(context: JudgeContext, detector: PeerDetector<Value>): Judged {
  const { breaker, subjects, baseline, settled, settle = 0 } = context;
  const fleet: Part = { subjects, baseline, settled };
  return breaker.groupBy === undefined ? detector.judge(fleet) : judgeGroups(fleet, settle, detector);
}

function numberIn(readings: Readings): (id: BackendId) => number | undefined {
  return (id) => {
    const reading = readings.get(id);
    return reading?.kind === 'value' ? reading.value : undefined;
  };
}

function readEach<Value>(
  subjects: readonly Subject[],
  read: (id: BackendId, role: Role) => Value,
): ReadonlyMap<BackendId, Value> {
  return new Map(subjects.filter(({ role }) => role !== 'excluded').map(({ id, role }) => [id, read(id, role)]));
}

function asCounts(reading: NoReading | undefined): CountReading | undefined {
  return reading && withoutValue(reading);
}

function judgeEach(subjects: readonly Subject[], verdict: (id: BackendId, role: Role) => Verdict): Judgement {
  return { kind: 'judged', verdicts: readEach(subjects, verdict) };
}

function judgedVerdicts(context: JudgeContext, given: ReadonlyMap<BackendId, Verdict>): Judgement {
  return judgeEach(
    context.subjects,
    (id) => given.get(id) ?? { kind: 'insufficient', reason: 'no verdict', unseen: true },
  );
}

/** A backend that did less than `activity.min` in the window has no say: its value is noise, or left over. */
function idleReading(breaker: Breaker, activity: MatchedSamples | undefined, id: BackendId): NoReading | undefined {
  if (breaker.activity === undefined) return undefined;
  if (activity === undefined) return { kind: 'missing', reason: 'no activity data' };
  const reading = singleReading(activity, id);
  if (reading.kind !== 'value') return { ...reading, reason: `activity: ${reading.reason}` };
  if (reading.value >= breaker.activity.min) return undefined;
  return { kind: 'missing', reason: `activity ${human(reading.value)} below ${human(breaker.activity.min)}` };
}

function withoutValue(reading: NoReading): { readonly kind: 'error' | 'insufficient'; readonly reason: string } {
  return { kind: reading.kind === 'invalid' ? 'error' : 'insufficient', reason: reading.reason };
}

/**
 * onNoData: Healthy lets silence end a streak, but only while the rest of the fleet is seen: when most are silent it is
 * the metrics that are broken.
 */
function withSilence(context: JudgeContext, judgement: Judgement): Judgement {
  if (context.breaker.onNoData !== 'Healthy' || judgement.kind !== 'judged') return judgement;
  const reference = context.subjects.filter(({ role }) => role === 'reference');
  const seen = reference.filter(({ id }) => isSeen(judgement.verdicts.get(id))).length;
  if (seen < coverageForSilence * reference.length) return judgement;
  const verdicts = new Map(judgement.verdicts);
  for (const { id } of reference) {
    const verdict = verdicts.get(id);
    if (verdict?.kind === 'insufficient') verdicts.set(id, { ...verdict, clearsStreak: true });
  }
  return { ...judgement, verdicts };
}

function isSeen(verdict: Verdict | undefined): boolean {
  return verdict?.kind === 'normal' || verdict?.kind === 'anomalous';
}
