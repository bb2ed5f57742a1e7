/** What happened while the past was replayed, as the engine tells it. */
import { ratioCounts } from '../breakers/counts.ts';
import { discreteCounts } from '../breakers/discrete.ts';
import type { Evidence } from '../breakers/judge.ts';
import { singleReading } from '../breakers/readings.ts';
import type { Judgement } from '../breakers/verdict.ts';
import type { HeldCause } from '../budget/held.ts';
import type { Clock } from '../clock.ts';
import type { EngineObserver } from '../loop.ts';
import { type BackendId, type EpochMs, type Fleet, members, type ServiceKey } from '../model.ts';
import type { Breaker, Detector } from '../policy/policy.ts';
import type { Problem } from '../problem.ts';
import type { Decision, RotationState } from '../rotation/decision.ts';
import type { TransitionCause } from '../rotation/event.ts';
import type { ServiceState, TrackName } from '../rotation/state.ts';

export interface ServiceDiary {
  readonly transitions: Transition[];
  readonly held: HeldSpan[];
  /** Those that go on. */
  readonly open: Map<string, HeldSpan>;
  readonly breakers: Map<string, BreakerDiary>;
  /** Everybody who was ever in the fleet. */
  readonly backends: Map<BackendId, string>;
}

export interface Transition {
  readonly atMs: EpochMs;
  readonly track: TrackName;
  readonly backend: BackendId;
  readonly from: RotationState;
  readonly to: RotationState;
  readonly why: TransitionCause;
  readonly decision: Decision;
}

export interface HeldSpan {
  readonly track: TrackName;
  readonly backend: BackendId;
  readonly breaker: string;
  readonly cause: HeldCause;
  readonly reason: string;
  readonly fromMs: EpochMs;
  /** Absent: it went on to the end. */
  untilMs?: EpochMs;
}

export interface BreakerDiary {
  evaluations: number;
  fleetWide: number;
  /** Evaluations that could not be used, by reason. */
  readonly unusable: Map<string, number>;
  /** Of each backend: evaluations without a verdict, by reason. */
  readonly noVerdict: Map<BackendId, Map<string, number>>;
  /** Evaluations that found the backend anomalous. */
  readonly anomalous: Map<BackendId, number>;
  readonly curves: Map<BackendId, Curve>;
  /** Series that named no backend, at the evaluation that had most of them. */
  unmatched: number;
}

/** What the breaker measured: also of a backend that was out, and so not judged. NaN where there was no value. */
export interface Curve {
  readonly atMs: EpochMs[];
  readonly value: number[];
  /** NaN where it was not judged. */
  readonly bound: number[];
}

export interface Diary extends EngineObserver {
  of(service: ServiceKey): ServiceDiary;
  gathered(breaker: Breaker, fleet: Fleet, evidence: Evidence): void;
  unmatched(breaker: Breaker, fleet: Fleet, count: number): void;
  readonly problems: readonly Problem[];
}

export function createDiary(clock: Clock): Diary {
  const services = new Map<ServiceKey, ServiceDiary>();
  const problems: Problem[] = [];

  const of = (service: ServiceKey): ServiceDiary => {
    const known = services.get(service) ?? {
      transitions: [],
      held: [],
      open: new Map(),
      breakers: new Map(),
      backends: new Map(),
    };
    services.set(service, known);
    return known;
  };
  const ofBreaker = (service: ServiceKey, breaker: string): BreakerDiary => {
    const { breakers } = of(service);
    const known = breakers.get(breaker) ?? emptyBreakerDiary();
    breakers.set(breaker, known);
    return known;
  };

  return {
    of,
    problems,
    effect(effect, { service }) {
      if (effect.kind !== 'transition') return;
      const { track, backend, from, to, why, decision } = effect;
      of(service).transitions.push({ atMs: clock.now(), track, backend, from, to, why, decision });
    },
    gathered(breaker, fleet, evidence) {
      const { curves } = ofBreaker(fleet.service, breaker.name);
      for (const { id } of members(fleet)) {
        const curve = curves.get(id) ?? { atMs: [], value: [], bound: [] };
        curves.set(id, curve);
        curve.atMs.push(clock.now());
        curve.value.push(valueOf(breaker.detector, evidence, id));
        curve.bound.push(Number.NaN);
      }
    },
    unmatched(breaker, fleet, count) {
      const diary = ofBreaker(fleet.service, breaker.name);
      diary.unmatched = Math.max(diary.unmatched, count);
    },
    evaluated(breaker, judgement, _durationMs, { service }) {
      const diary = ofBreaker(service, breaker.name);
      diary.evaluations += 1;
      if (judgement.kind === 'unusable') return count(diary.unusable, judgement.reason);
      if (judgement.kind === 'fleet-wide') diary.fleetWide += 1;
      noteVerdicts(diary, judgement);
    },
    changed(state) {
      noteFleet(of(state.service), state);
      noteHeld(of(state.service), state, clock.now());
    },
    gone: () => undefined,
    problem: (problem) => void problems.push(problem),
  };
}

function emptyBreakerDiary(): BreakerDiary {
  return {
    evaluations: 0,
    fleetWide: 0,
    unusable: new Map(),
    noVerdict: new Map(),
    anomalous: new Map(),
    curves: new Map(),
    unmatched: 0,
  };
}

function noteVerdicts(diary: BreakerDiary, { verdicts }: Exclude<Judgement, { kind: 'unusable' }>): void {
  for (const [backend, verdict] of verdicts) {
    if (verdict.kind === 'insufficient' || verdict.kind === 'error') {
      const reasons = diary.noVerdict.get(backend) ?? new Map<string, number>();
      diary.noVerdict.set(backend, reasons);
      count(reasons, verdict.reason);
      continue;
    }
    if (verdict.kind === 'anomalous') count(diary.anomalous, backend);
    const bounds = diary.curves.get(backend)?.bound;
    if (bounds !== undefined && bounds.length > 0) bounds[bounds.length - 1] = verdict.bound;
  }
}

function noteFleet({ backends }: ServiceDiary, { fleet }: ServiceState): void {
  for (const { id, name } of fleet.backends) if (!backends.has(id)) backends.set(id, name);
}

function noteHeld(diary: ServiceDiary, state: ServiceState, now: EpochMs): void {
  const seen = new Set<string>();
  for (const track of ['enforced', 'shadow'] as const) {
    for (const [backend, { cause, breaker, verdict, sinceMs }] of state[track].held) {
      const key = JSON.stringify([track, backend, cause, breaker, sinceMs]);
      seen.add(key);
      if (diary.open.has(key)) continue;
      const span = { track, backend, breaker, cause, reason: verdict.reason, fromMs: sinceMs };
      diary.open.set(key, span);
      diary.held.push(span);
    }
  }
  for (const [key, span] of diary.open) {
    if (seen.has(key)) continue;
    span.untilMs = now;
    diary.open.delete(key);
  }
}

/** Of counts, the share of bad ones in percent, as the verdicts have it. */
function valueOf(detector: Detector, evidence: Evidence, id: BackendId): number {
  if (evidence.kind !== 'samples') return Number.NaN;
  if (detector.kind === 'ratio' || detector.kind === 'discreteValueOutOfList') {
    const counts =
      detector.kind === 'ratio'
        ? ratioCounts(evidence.samples, evidence.total, id)
        : discreteCounts(detector, evidence.samples, id);
    return counts.kind === 'counts' && counts.total > 0 ? (counts.bad / counts.total) * 100 : Number.NaN;
  }
  const reading = singleReading(evidence.samples, id);
  return reading.kind === 'value' ? reading.value : Number.NaN;
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
