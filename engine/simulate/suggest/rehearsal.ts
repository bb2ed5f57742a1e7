/**
 * One candidate rehearsed over the recorded past: whom the breaker would have found anomalous, and whom it would have confirmed, had
 * everybody served all the while. It goes through the same judgement and the same streaks as the engine; budget and guards
 * are left out, because they refuse and do not find.
 */
import { noBaseline } from '../../breakers/baseline.ts';
import { type Evidence, judge } from '../../breakers/judge.ts';
import type { Subject } from '../../breakers/subject.ts';
import type { Judgement } from '../../breakers/verdict.ts';
import type { BackendId, EpochMs } from '../../model.ts';
import type { Breaker } from '../../policy/policy.ts';
import { type BreakerState, emptyBreaker } from '../../rotation/state.ts';
import { anomalousIn, updateStreaks } from '../../rotation/streak.ts';

export type Confirm = Breaker['confirm'];

/** One evaluation, the same for all candidates. */
export interface Moment {
  readonly atMs: EpochMs;
  readonly evaluatedAtMs: EpochMs;
  readonly lookbackMs: number;
  readonly evidence: Evidence;
  /** Everybody who could be judged, and nobody out. */
  readonly subjects: readonly Subject[];
  /** Place of the incident that this moment sees something of: what is found then is no false alarm. */
  readonly incident?: number;
}

export interface Rehearsal {
  observe(moment: Moment): void;
  readonly tally: Tally;
}

/** Counted while nothing was known to be wrong, once the breaker had settled. */
export interface Tally {
  /** There were so many false alarms that it was not looked at any further: the figures are of the windows until then. */
  isGivenUp: boolean;
  /** Evaluations that judged anybody. */
  windows: number;
  /** In which anybody was anomalous. */
  flaggedWindows: number;
  /** In which the fleet as a whole seemed to have moved: nobody is accused then, and yet it is a false alarm. */
  fleetWideWindows: number;
  backendWindows: number;
  flaggedBackendWindows: number;
  /** One for each way to confirm. */
  readonly confirmed: readonly Confirmed[];
}

export interface Confirmed {
  readonly confirm: Confirm;
  /** In which anybody was confirmed. */
  windows: number;
  readonly alarms: Alarm[];
  /** By the place of the incident: when somebody was confirmed first, and who was. */
  readonly found: Map<number, { readonly atMs: EpochMs; readonly backends: Set<BackendId> }>;
}

/** A backend is confirmed anomalous from one moment to another; what comes again at once is the same. */
export interface Alarm {
  readonly backend: BackendId;
  readonly fromMs: EpochMs;
  untilMs: EpochMs;
  readonly value: number;
  readonly bound: number;
}

interface Way {
  readonly streaks: BreakerState['streaks'];
  readonly latest: Map<BackendId, Alarm>;
}

/**
 * @param settle evaluations before the breaker acts, as of the policy.
 * @param tooMany false alarms, by every confirmation, after which it is given up.
 */
export function createRehearsal(
  breaker: Breaker,
  settle: number,
  confirms: readonly Confirm[],
  tooMany = Number.POSITIVE_INFINITY,
): Rehearsal {
  let { baseline, evaluations } = { ...emptyBreaker(''), baseline: noBaseline };
  const ways = confirms.map((confirm) => ({
    confirm,
    streaks: emptyBreaker('').streaks,
    latest: new Map<BackendId, Alarm>(),
  }));
  const tally: Tally = {
    isGivenUp: false,
    windows: 0,
    flaggedWindows: 0,
    fleetWideWindows: 0,
    backendWindows: 0,
    flaggedBackendWindows: 0,
    confirmed: confirms.map((confirm) => ({ confirm, windows: 0, alarms: [], found: new Map() })),
  };

  return {
    tally,
    observe(moment) {
      if (tally.isGivenUp) return;
      const { subjects, evidence, evaluatedAtMs, lookbackMs, incident } = moment;
      const window = { startMs: evaluatedAtMs - lookbackMs, endMs: evaluatedAtMs };
      const judged = judge(
        { breaker, subjects, baseline, settled: evaluations + 1 >= settle, settle, window },
        evidence,
      );
      const { judgement } = judged;
      if (judgement.kind === 'unusable') return;
      ({ baseline } = judged);
      evaluations += 1;
      const at = { atMs: evaluatedAtMs, windowStartMs: window.startMs };
      const isSettled = evaluations > settle;
      if (isSettled && incident === undefined) count(tally, judgement);
      const accuses = judgement.kind === 'judged' && isAnybodyAnomalous(judgement);
      for (const [place, way] of ways.entries()) {
        // Nobody to accuse, and nobody who was: what is quiet, and that is nearly all, costs nothing.
        if (!accuses && way.streaks.size === 0) continue;
        way.streaks = accusing(
          judgement.kind === 'judged'
            ? updateStreaks(way.streaks, judgement.verdicts, always, { ...breaker, confirm: way.confirm }, at)
            : new Map(),
        );
        const tallied = tally.confirmed[place];
        if (isSettled && tallied !== undefined) note(tallied, judgement, way, moment, breaker);
      }
      tally.isGivenUp = tally.confirmed.every(({ windows }) => windows + tally.fleetWideWindows >= tooMany);
    },
  };
}

function isAnybodyAnomalous({ verdicts }: Exclude<Judgement, { kind: 'unusable' }>): boolean {
  for (const { kind } of verdicts.values()) if (kind === 'anomalous') return true;
  return false;
}

/** Entries before the first anomalous one never decide anything. */
function accusing(streaks: BreakerState['streaks']): BreakerState['streaks'] {
  return new Map([...streaks].filter(([, streak]) => anomalousIn(streak) > 0));
}

/** Nobody was out, so nobody's past is void. */
const always = (): EpochMs => Number.NEGATIVE_INFINITY;

function count(tally: Tally, { kind, verdicts }: Exclude<Judgement, { kind: 'unusable' }>): void {
  const kinds = [...verdicts.values()].map((verdict) => verdict.kind);
  const judged = kinds.filter((each) => each === 'anomalous' || each === 'normal').length;
  // Silence proves nothing.
  if (judged === 0) return;
  const flagged = kind === 'judged' ? kinds.filter((each) => each === 'anomalous').length : 0;
  tally.windows += 1;
  tally.fleetWideWindows += Number(kind === 'fleet-wide');
  tally.flaggedWindows += Number(flagged > 0);
  tally.backendWindows += judged;
  tally.flaggedBackendWindows += flagged;
}

function note(
  confirmed: Confirmed,
  { kind, verdicts }: Exclude<Judgement, { kind: 'unusable' }>,
  { streaks, latest }: Way,
  { atMs, incident }: Moment,
  { evaluationPeriodMs }: Breaker,
): void {
  if (kind !== 'judged') return;
  const { confirm, alarms, found } = confirmed;
  let anybody = false;
  for (const [backend, verdict] of verdicts) {
    if (verdict.kind !== 'anomalous' || anomalousIn(streaks.get(backend)) < confirm.atLeast) continue;
    if (incident !== undefined) {
      const hit = found.get(incident) ?? { atMs, backends: new Set() };
      found.set(incident, hit);
      hit.backends.add(backend);
      continue;
    }
    anybody = true;
    const last = latest.get(backend);
    if (last !== undefined && atMs - last.untilMs <= confirm.of * evaluationPeriodMs) {
      last.untilMs = atMs;
      continue;
    }
    const alarm = { backend, fromMs: atMs, untilMs: atMs, value: verdict.value, bound: verdict.bound };
    latest.set(backend, alarm);
    alarms.push(alarm);
  }
  confirmed.windows += Number(anybody);
}
