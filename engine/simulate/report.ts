/** A replay in figures: what would have been taken out, when, for how long, and what was refused. Plain data, for JSON. */
import type { HeldCause } from '../budget/held.ts';
import type { BackendId, EpochMs } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import { isReturning, type RotationState } from '../rotation/decision.ts';
import type { TransitionCause } from '../rotation/event.ts';
import { weightOf as rampWeight } from '../rotation/ramp.ts';
import type { BreakerDiary, Diary, ServiceDiary, Transition } from './diary.ts';
import type { ReplayedPolicy } from './replay.ts';
import type { Period } from './questions.ts';

/** Times are ISO 8601. */
export interface SimulationReport {
  readonly from: string;
  readonly until: string;
  readonly services: readonly ServiceReport[];
}

export interface ServiceReport {
  readonly service: string;
  readonly policy: string;
  readonly enforcement: Policy['enforcement'];
  /** What cannot be known of the past, and is taken to have been so. */
  readonly assumptions: readonly string[];
  /** Everybody who was in the fleet at any time. */
  readonly backends: readonly string[];
  readonly totals: Totals;
  readonly breakers: readonly BreakerReport[];
  /** In the order in which they began. */
  readonly episodes: readonly Episode[];
  readonly held: readonly HeldReport[];
}

export interface Totals {
  /** Taken out while serving. */
  readonly ejections: number;
  /** Sent back out from a probe or a ramp. */
  readonly failedReturns: number;
  /** Ejections of a backend that had come back in full and still had its strikes. */
  readonly flaps: number;
  /** Time that backends were not serving in full, summed over them. */
  readonly outMs: number;
  /** Refusals by cause: how many, and how long they lasted. */
  readonly held: Readonly<Partial<Record<HeldCause, { readonly count: number; readonly forMs: number }>>>;
  /** Episodes that were still going on at the end. */
  readonly stillOut: number;
}

export interface BreakerReport {
  readonly breaker: string;
  readonly enforcement: 'Enforce' | 'Observe';
  readonly evaluations: number;
  readonly fleetWide: number;
  readonly unusable: readonly Reason[];
  /** Backends that could not be judged now and then, the worst first; those that were out are not judged and not here. */
  readonly noData: readonly {
    readonly backend: string;
    readonly evaluations: number;
    readonly reasons: readonly Reason[];
  }[];
  /** Evaluations that found a backend anomalous, whatever came of it. */
  readonly anomalous: readonly { readonly backend: string; readonly evaluations: number }[];
  /** Series that name no backend of the fleet, at most at one moment. */
  readonly unmatched: number;
}

export interface Reason {
  readonly reason: string;
  readonly count: number;
}

/** A backend is out from one moment to another. */
export interface Episode {
  readonly backend: string;
  /** Only observed: nothing of it would have been served. */
  readonly observed: boolean;
  readonly from: string;
  /** Absent: still out at the end. */
  readonly until?: string;
  readonly outMs: number;
  readonly breaker?: string;
  readonly value?: number;
  readonly bound?: number;
  readonly reason: string;
  /** How often it was sent back out on its way. */
  readonly failedReturns: number;
  /** It had come back in full shortly before. */
  readonly flap: boolean;
  readonly ended: TransitionCause | 'still-out';
  readonly states: readonly StateSpan[];
}

export interface StateSpan {
  readonly state: RotationState;
  /** Percent of its full weight. */
  readonly weight: number;
  readonly from: string;
  readonly until: string;
}

export interface HeldReport {
  readonly backend: string;
  readonly observed: boolean;
  readonly breaker: string;
  readonly cause: HeldCause;
  readonly reason: string;
  readonly from: string;
  readonly until?: string;
  readonly forMs: number;
}

export function reportOf(diary: Diary, policies: readonly ReplayedPolicy[], period: Period): SimulationReport {
  return {
    from: iso(period.fromMs),
    until: iso(period.untilMs),
    services: policies.map((replayed) => serviceReport(diary.of(replayed.policy.service), replayed, period)),
  };
}

function serviceReport(diary: ServiceDiary, { policy, fleet }: ReplayedPolicy, period: Period): ServiceReport {
  const episodes = episodesOf(diary, policy, period);
  const held = diary.held.map(
    ({ track, backend, fromMs, untilMs, ...rest }): HeldReport => ({
      backend: nameOf(diary, backend),
      observed: track === 'shadow',
      ...rest,
      from: iso(fromMs),
      ...(untilMs === undefined ? {} : { until: iso(untilMs) }),
      forMs: (untilMs ?? period.untilMs) - fromMs,
    }),
  );
  return {
    service: policy.service,
    policy: `${policy.namespace}/${policy.name}`,
    enforcement: policy.enforcement,
    assumptions: assumptionsOf(policy, fleet.origin),
    backends: [...diary.backends.values()].sort(),
    totals: totalsOf(episodes, held),
    breakers: policy.breakers.map(({ name, enforcement }) =>
      breakerReport(diary, name, enforcement, diary.breakers.get(name)),
    ),
    episodes,
    held,
  };
}

function assumptionsOf(policy: Policy, origin: 'slices' | 'series'): readonly string[] {
  return [
    'an ejected backend keeps its recorded values: real traffic went on, so probes are judged by full traffic',
    origin === 'slices'
      ? 'the fleet was all the time what the EndpointSlices of the files say now'
      : 'a backend exists from its first sample to its last, and is ready all the while',
    `the policy is new at the start: each breaker observes for ${policy.settle} evaluations before it acts`,
    'nobody acted by hand, and no container restarted',
    ...policy.breakers.flatMap(({ name, detector }) =>
      detector.kind === 'customService' ? [`breaker ${name} never judges: a custom service keeps no history`] : [],
    ),
    ...(policy.enforcement === 'Suspended' ? ['the policy is Suspended: it takes nobody out'] : []),
  ];
}

function episodesOf(diary: ServiceDiary, policy: Policy, period: Period): readonly Episode[] {
  const byBackend = Map.groupBy(diary.transitions, ({ track, backend }) => JSON.stringify([track, backend]));
  const episodes = [...byBackend.values()].flatMap((transitions) => {
    const starts = transitions.flatMap(({ from }, index) => (from === 'serving' ? [index] : []));
    return starts.map((start, place) => episodeOf(transitions.slice(start, starts[place + 1]), diary, policy, period));
  });
  return episodes.toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : a.backend < b.backend ? -1 : 1));
}

/** From the transition that takes it out to the one that makes it serving again, if there is one. */
function episodeOf(steps: readonly Transition[], diary: ServiceDiary, policy: Policy, period: Period): Episode {
  const [first] = steps;
  const last = steps.at(-1);
  if (first === undefined || last === undefined) throw new Error('an episode has a beginning');
  const { backend, track, decision, atMs } = first;
  const { cause } = decision;
  const isBack = last.to === 'serving';
  const endMs = isBack ? last.atMs : period.untilMs;
  const spans = steps
    .filter(({ to }) => to !== 'serving')
    .map((step, index) => ({
      state: step.to,
      weight: weightOf(step, policy),
      from: iso(step.atMs),
      until: iso(steps[index + 1]?.atMs ?? endMs),
    }));
  return {
    backend: nameOf(diary, backend),
    observed: track === 'shadow',
    from: iso(atMs),
    ...(isBack ? { until: iso(endMs) } : {}),
    outMs: endMs - atMs,
    ...(cause.kind === 'breaker' ? { breaker: cause.breaker, value: cause.value, bound: cause.bound } : {}),
    reason: cause.reason,
    failedReturns: steps.filter(isFailedReturn).length,
    flap: decision.retries > 0,
    ended: isBack ? last.why : 'still-out',
    states: spans,
  };
}

function isFailedReturn({ from, to }: Transition): boolean {
  return (from === 'probing' || from === 'ramping') && to !== 'probing' && to !== 'ramping' && to !== 'serving';
}

function weightOf({ decision }: Transition, policy: Policy): number {
  return isReturning(decision) ? rampWeight(decision, policy.activator.ramp) : 0;
}

function totalsOf(episodes: readonly Episode[], held: readonly HeldReport[]): Totals {
  const causes: Partial<Record<HeldCause, { count: number; forMs: number }>> = {};
  for (const { cause, forMs } of held) {
    const known = causes[cause] ?? { count: 0, forMs: 0 };
    causes[cause] = { count: known.count + 1, forMs: known.forMs + forMs };
  }
  const sum = (of: (episode: Episode) => number): number => episodes.reduce((total, each) => total + of(each), 0);
  return {
    ejections: episodes.length,
    failedReturns: sum(({ failedReturns }) => failedReturns),
    flaps: sum(({ flap }) => Number(flap)),
    outMs: sum(({ outMs }) => outMs),
    held: causes,
    stillOut: sum(({ ended }) => Number(ended === 'still-out')),
  };
}

function breakerReport(
  diary: ServiceDiary,
  breaker: string,
  enforcement: 'Enforce' | 'Observe',
  seen: BreakerDiary | undefined,
): BreakerReport {
  const named = <Value>(map: ReadonlyMap<BackendId, Value> | undefined): readonly (readonly [string, Value])[] =>
    [...(map ?? [])].map(([id, value]) => [nameOf(diary, id), value] as const);
  return {
    breaker,
    enforcement,
    evaluations: seen?.evaluations ?? 0,
    fleetWide: seen?.fleetWide ?? 0,
    unusable: reasonsOf(seen?.unusable),
    noData: named(seen?.noVerdict)
      .map(([backend, reasons]) => ({
        backend,
        evaluations: [...reasons.values()].reduce((sum, count) => sum + count, 0),
        reasons: reasonsOf(reasons),
      }))
      .toSorted(mostFirst),
    anomalous: named(seen?.anomalous)
      .map(([backend, evaluations]) => ({ backend, evaluations }))
      .toSorted(mostFirst),
    unmatched: seen?.unmatched ?? 0,
  };
}

interface Counted {
  readonly backend: string;
  readonly evaluations: number;
}

function mostFirst(a: Counted, b: Counted): number {
  return b.evaluations - a.evaluations || (a.backend < b.backend ? -1 : 1);
}

/** Numbers in a reason differ from one evaluation to the next: the commonest few tell enough. */
const reasonsShown = 5;

function reasonsOf(reasons: ReadonlyMap<string, number> | undefined): readonly Reason[] {
  return [...(reasons ?? [])]
    .map(([reason, count]) => ({ reason, count }))
    .toSorted((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1))
    .slice(0, reasonsShown);
}

function nameOf({ backends }: ServiceDiary, id: BackendId): string {
  return backends.get(id) ?? id;
}

function iso(atMs: EpochMs): string {
  return new Date(atMs).toISOString();
}
