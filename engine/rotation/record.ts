/** What of a Service's state must survive us, as plain JSON, and back. */
import { type Baseline, baselineMoved } from '../breakers/baseline.ts';
import { knownRateMoved } from '../breakers/known-rate.ts';
import { outlierAllowed } from '../breakers/outlier.ts';
import { baseOf, type Peak } from '../budget/base.ts';
import { type BackendId, type EpochMs, type Fleet, members } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import { longestActMs } from './context.ts';
import { type Decision, unraised } from './decision.ts';
import type { Eviction } from './evictions.ts';
import { maxRaisedWeight } from './ramp.ts';
import { silenceOnRecord } from './stale.ts';
import {
  type BreakerState,
  type Clamp,
  type Ejection,
  emptyBreaker,
  emptyTrack,
  type Freeze,
  initialState,
  type ServiceState,
  type Suspension,
  type Track,
} from './state.ts';

/** Raised when the meaning of a field changes. A newer one is refused at start: guessing would lose decisions. */
export const recordVersion = 1;

export interface ServiceRecord {
  readonly formatVersion: number;
  readonly epoch: number;
  readonly seq: number;
  /** The last accepted policy: what stays in force while the one on file is invalid, or newer than this version. */
  readonly policy?: Policy;
  readonly suspension?: Suspension;
  readonly freeze?: Freeze;
  readonly clamp?: Clamp;
  readonly peaks: readonly Peak[];
  readonly base: number;
  readonly breakers: Readonly<Record<string, BreakerRecord>>;
  readonly enforced: TrackRecord;
  readonly shadow: TrackRecord;
}

interface BreakerRecord {
  readonly fingerprint: string;
  readonly evaluations: number;
  /** Since when it has been silent, where that counts towards maxStale. */
  readonly silentSinceMs?: EpochMs;
  readonly level?: number;
  /** With groupBy: those of the groups that have one, by key. */
  readonly levels?: Readonly<Record<string, number>>;
}

interface TrackRecord {
  readonly decisions: readonly RecordedDecision[];
  readonly ejections: readonly Ejection[];
  /** Absent in records from before evictions were counted. */
  readonly evictions?: readonly Eviction[];
}

/** Those from before there were raised weights say nothing of them. */
type RecordedDecision = Omit<Decision, keyof typeof unraised> & Partial<Pick<Decision, keyof typeof unraised>>;

export function toRecord(state: ServiceState, epoch: number): ServiceRecord {
  return {
    formatVersion: recordVersion,
    epoch,
    seq: state.seq,
    ...(state.policy === undefined ? {} : { policy: state.policy }),
    ...(state.suspension === undefined ? {} : { suspension: state.suspension }),
    ...(state.freeze === undefined ? {} : { freeze: state.freeze }),
    ...(state.clamp === undefined ? {} : { clamp: state.clamp }),
    peaks: state.peaks,
    base: baseOf(members(state.fleet).length, state.peaks),
    breakers: Object.fromEntries([...state.breakers].map(([name, breaker]) => [name, breakerRecord(state, breaker)])),
    enforced: trackRecord(state.enforced),
    shadow: trackRecord(state.shadow),
  };
}

function breakerRecord(state: ServiceState, breaker: BreakerState): BreakerRecord {
  const { fingerprint, evaluations, baseline } = breaker;
  const settle = state.policy?.settle ?? 0;
  const silentSinceMs = silenceOnRecord(state, breaker);
  return {
    fingerprint,
    // Beyond settle the count says nothing more; kept small, it does not make every evaluation worth a write.
    evaluations: Math.min(evaluations, settle + 1),
    ...(silentSinceMs === undefined ? {} : { silentSinceMs }),
    ...(baseline.level === undefined ? {} : { level: baseline.level }),
    ...(baseline.groups === undefined ? {} : { levels: levelsOf(baseline.groups, settle) }),
  };
}

/** A group that has not settled has no level yet that is worth keeping; it begins again. */
function levelsOf(groups: ReadonlyMap<string, Baseline>, settle: number): Readonly<Record<string, number>> {
  const levels = [...groups].flatMap(([key, { level, seen = settle }]) =>
    level === undefined || seen < settle ? [] : [[key, level] as const],
  );
  return Object.fromEntries(levels.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function trackRecord(track: Track): TrackRecord {
  const decisions = [...track.decisions.values()].sort((a, b) => (a.backend < b.backend ? -1 : 1));
  const { ejections, evictions } = track;
  return { decisions, ejections, ...(evictions.length === 0 ? {} : { evictions }) };
}

export function fromRecord(record: ServiceRecord, fleet: Fleet): ServiceState {
  const breakers = Object.entries(record.breakers).map(([name, known]) => {
    const { fingerprint, evaluations, level, levels, silentSinceMs } = known;
    const baseline = {
      agreements: 0,
      ...(level !== undefined && Number.isFinite(level) ? { level } : {}),
      ...(levels === undefined ? {} : { groups: baselinesOf(levels) }),
    };
    const isTime = silentSinceMs !== undefined && Number.isFinite(silentSinceMs);
    const heard = isTime ? { heardAtMs: silentSinceMs } : {};
    return [name, { ...emptyBreaker(fingerprint), evaluations, baseline, ...heard }] as const;
  });
  return {
    ...initialState(fleet),
    ...(record.policy === undefined ? {} : { policy: record.policy }),
    ...(record.suspension === undefined ? {} : { suspension: record.suspension }),
    ...freezeFrom(record),
    ...(record.clamp === undefined ? {} : { clamp: record.clamp }),
    peaks: record.peaks,
    breakers: new Map(breakers),
    enforced: fromTrackRecord(record.enforced),
    shadow: fromTrackRecord(record.shadow),
    seq: record.seq,
  };
}

/** Nothing was decided or seen; what will be comes after what was, and under the same policy where the source shows none. */
export function withoutDecisions({ formatVersion, epoch, seq, policy }: ServiceRecord): ServiceRecord {
  const nobody = { decisions: [], ejections: [] };
  const breakers = policy?.breakers.map(({ name, fingerprint }) => [name, { fingerprint, evaluations: 0 }] as const);
  return {
    formatVersion,
    epoch,
    seq,
    ...(policy === undefined ? {} : { policy }),
    peaks: [],
    base: 0,
    breakers: Object.fromEntries(breakers ?? []),
    enforced: nobody,
    shadow: nobody,
  };
}

/** No freeze is longer than a person may ask for, whatever is written there. */
function freezeFrom({ freeze }: ServiceRecord): { readonly freeze?: Freeze } {
  if (freeze === undefined || !Number.isFinite(freeze.sinceMs) || !(freeze.durationMs > 0)) return {};
  return { freeze: { ...freeze, durationMs: Math.min(freeze.durationMs, longestActMs) } };
}

/** What is no number, from whatever wrote it, is no level. */
function baselinesOf(levels: Readonly<Record<string, number>>): ReadonlyMap<string, Baseline> {
  const known = Object.entries(levels).filter(([, level]) => Number.isFinite(level));
  return new Map(known.map(([key, level]) => [key, { agreements: 0, level }]));
}

function fromTrackRecord({ decisions, ejections, evictions = [] }: TrackRecord): Track {
  return {
    ...emptyTrack,
    decisions: new Map(decisions.map((decision): [BackendId, Decision] => [decision.backend, fromOlder(decision)])),
    ejections,
    evictions,
  };
}

/** Whatever the weight is, a hand may have written it. */
function fromOlder(decision: RecordedDecision): Decision {
  const { minWeight, starvedMs, starved } = { ...unraised, ...decision };
  return {
    ...decision,
    minWeight: minWeight > 0 ? Math.min(maxRaisedWeight, minWeight) : 0,
    starvedMs: starvedMs > 0 ? starvedMs : 0,
    starved,
  };
}

/**
 * Whether `next` says something that a restart must not forget. Gathered health, the age of peaks and small movements of
 * a baseline are not worth a write: a restart loses at most a little of each.
 */
export function isWorthSaving(saved: ServiceRecord | undefined, next: ServiceRecord): boolean {
  if (saved === undefined) {
    const byPerson = next.suspension ?? next.freeze;
    return next.policy !== undefined || byPerson !== undefined || next.enforced.decisions.length > 0;
  }
  if (durableKey(saved) !== durableKey(next)) return true;
  return Object.entries(next.breakers).some(([name, { level, levels = {} }]) => {
    const known = saved.breakers[name];
    const isFar = (before: number | undefined, now: number | undefined): boolean =>
      isFarFrom(before, now, next.policy, name);
    return (
      isFar(known?.level, level) || Object.entries(levels).some(([key, each]) => isFar(known?.levels?.[key], each))
    );
  });
}

function durableKey(record: ServiceRecord): string {
  const settle = record.policy?.settle ?? 0;
  return JSON.stringify({
    policy: record.policy?.fingerprint,
    suspension: record.suspension,
    freeze: record.freeze,
    clamp: record.clamp,
    // The base counts only while somebody is out.
    base: record.enforced.decisions.length === 0 ? 0 : record.base,
    settled: Object.entries(record.breakers).map(([name, breaker]) => [
      name,
      breaker.evaluations > settle,
      breaker.silentSinceMs,
    ]),
    tracks: [record.enforced, record.shadow].map(({ decisions, evictions = [] }) => ({
      decisions: decisions.map(
        ({ healthyMs: _, starvedMs: _starved, epoch: _epoch, seq: _seq, ...decision }) => decision,
      ),
      evictions,
    })),
  });
}

function isFarFrom(
  saved: number | undefined,
  level: number | undefined,
  policy: Policy | undefined,
  name: string,
): boolean {
  const detector = policy?.breakers.find((breaker) => breaker.name === name)?.detector;
  switch (detector?.kind) {
    case 'continuousValueDeviation':
      return baselineMoved(saved, level, detector.maxDeviationPercent / 100);
    case 'outlier':
      return baselineMoved(saved, level, outlierAllowed);
    default:
      return knownRateMoved(saved, level);
  }
}
