/** What the rehearsals of one field have shown, in figures, and the value to choose. Plain data, for JSON. */
import type { BackendId, EpochMs } from '../../model.ts';
import type { Breaker, Detector } from '../../policy/policy.ts';
import type { Field } from './field.ts';
import type { Alarm, Confirm, Confirmed, Tally } from './rehearsal.ts';

/** Times are ISO 8601, rates from 0 to 1. */
export interface Suggestion {
  readonly service: string;
  readonly breaker: string;
  readonly detector: Detector['kind'];
  readonly field: Field['name'];
  readonly current: number;
  /**
   * The strictest value of those tried at which less than `targetRate` of the windows is a false alarm, with the
   * confirmation of the policy, and at every laxer one too. Absent: there is none, or nothing could be judged.
   */
  readonly suggested?: number;
  /** The same with other confirmations. */
  readonly byConfirm: readonly { readonly confirm: Confirm; readonly suggested?: number }[];
  readonly targetRate: number;
  /** Evaluations that were counted as healthy: all but those before it had settled, and those of incidents. */
  readonly windows: number;
  /** Those that overlap are not independent: so many of them are not. */
  readonly independentWindows: number;
  /** Had nobody been confirmed in any: with 95 % confidence the true rate is below one in so many windows. */
  readonly provenOneIn: number;
  /** History that it takes to be that sure of `targetRate`. */
  readonly enoughHistoryMs: number;
  readonly candidates: readonly Candidate[];
}

export interface Candidate {
  readonly value: number;
  /** So many false alarms that it was given up: all its figures are of the windows until then. */
  readonly isGivenUp: boolean;
  /** That it was judged in. */
  readonly windows: number;
  readonly backendWindows: number;
  readonly flaggedBackendWindows: number;
  readonly flaggedWindows: number;
  readonly fleetWideWindows: number;
  /** The confirmation of the policy first. */
  readonly confirmed: readonly ConfirmedReport[];
}

export interface ConfirmedReport {
  readonly confirm: Confirm;
  /** Windows in which anybody was confirmed. */
  readonly windows: number;
  /** Share of false alarms: those windows, and those in which the fleet as a whole seemed to have moved. */
  readonly rate: number;
  /** Times that a backend would have been taken out while it was taken to be healthy, but for budget and guards. */
  readonly alarms: readonly AlarmReport[];
  /** One for each incident. */
  readonly incidents: readonly {
    readonly from: string;
    readonly found: readonly string[];
    /** From its begin to the first confirmation. */
    readonly afterMs?: number;
  }[];
}

export interface AlarmReport {
  readonly backend: string;
  readonly from: string;
  readonly until: string;
  readonly value: number;
  readonly bound: number;
}

/** Something was wrong from one moment to another. */
export interface Incident {
  readonly fromMs: EpochMs;
  readonly untilMs: EpochMs;
}

/** The bar that the project sets for its own detectors, after confirmation. */
export const targetRate = 0.001;

/** Without an event in n trials, the rate is below 3 / n with 95 % confidence: Hanley and Lippman-Hand (1983). */
const ruleOfThree = 3;

export interface Tried {
  readonly service: string;
  readonly breaker: Breaker;
  readonly field: Field;
  /** In the order of the field's values. */
  readonly tallies: readonly Tally[];
  readonly incidents: readonly Incident[];
  readonly nameOf: (backend: BackendId) => string;
}

export function suggestionOf({ service, breaker, field, tallies, incidents, nameOf }: Tried): Suggestion {
  const { lookbackMs, evaluationPeriodMs } = breaker;
  const apartMs = Math.max(evaluationPeriodMs, lookbackMs);
  const windows = Math.max(0, ...tallies.map((tally) => tally.windows));
  const independentWindows = Math.floor((windows * evaluationPeriodMs) / apartMs);
  const candidates = tallies.map((tally, index) =>
    candidateOf(field.values[index] ?? Number.NaN, tally, incidents, nameOf),
  );
  const byConfirm = (tallies[0]?.confirmed ?? []).map(({ confirm }, way) => {
    const suggested = strictestBelow(candidates, way);
    return { confirm, ...(suggested === undefined ? {} : { suggested }) };
  });
  const suggested = byConfirm[0]?.suggested;
  return {
    service,
    breaker: breaker.name,
    detector: breaker.detector.kind,
    field: field.name,
    current: field.current,
    ...(suggested === undefined ? {} : { suggested }),
    byConfirm,
    targetRate,
    windows,
    independentWindows,
    provenOneIn: Math.floor(independentWindows / ruleOfThree),
    enoughHistoryMs: (ruleOfThree / targetRate) * apartMs,
    candidates,
  };
}

/** Stepping from the laxest value to stricter ones, the last one before the rate is too high. */
function strictestBelow(candidates: readonly Candidate[], way: number): number | undefined {
  const isBad = ({ backendWindows, confirmed }: Candidate): boolean =>
    backendWindows === 0 || (confirmed[way]?.rate ?? 1) >= targetRate;
  return candidates[candidates.findLastIndex(isBad) + 1]?.value;
}

function candidateOf(value: number, tally: Tally, incidents: readonly Incident[], nameOf: Tried['nameOf']): Candidate {
  const { isGivenUp, windows, backendWindows, flaggedBackendWindows, flaggedWindows, fleetWideWindows } = tally;
  return {
    value,
    isGivenUp,
    windows,
    backendWindows,
    flaggedBackendWindows,
    flaggedWindows,
    fleetWideWindows,
    confirmed: tally.confirmed.map((confirmed) => confirmedOf(confirmed, tally, incidents, nameOf)),
  };
}

function confirmedOf(
  { confirm, windows, alarms, found }: Confirmed,
  all: Tally,
  incidents: readonly Incident[],
  nameOf: Tried['nameOf'],
): ConfirmedReport {
  return {
    confirm,
    windows,
    rate: all.windows === 0 ? 0 : (windows + all.fleetWideWindows) / all.windows,
    alarms: alarms.map((alarm) => alarmOf(alarm, nameOf)),
    incidents: incidents.map(({ fromMs }, place) => {
      const hit = found.get(place);
      return {
        from: iso(fromMs),
        found: [...(hit?.backends ?? [])].map(nameOf).sort(),
        ...(hit === undefined ? {} : { afterMs: hit.atMs - fromMs }),
      };
    }),
  };
}

function alarmOf({ backend, fromMs, untilMs, value, bound }: Alarm, nameOf: Tried['nameOf']): AlarmReport {
  return { backend: nameOf(backend), from: iso(fromMs), until: iso(untilMs), value, bound };
}

function iso(atMs: EpochMs): string {
  return new Date(atMs).toISOString();
}
