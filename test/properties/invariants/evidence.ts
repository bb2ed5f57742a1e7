/** Nobody is convicted or acquitted but by fresh evidence, from a breaker that may act. */
import type { GroupJudgement, Judgement, Verdict } from '../../../engine/breakers/verdict.ts';
import type { BackendId, EpochMs } from '../../../engine/model.ts';
import { servingIn } from '../../../engine/rotation/capacity.ts';
import { accusersOf, isReturning } from '../../../engine/rotation/decision.ts';
import type { RotationEvent } from '../../../engine/rotation/event.ts';
import type { TrackName } from '../../../engine/rotation/state.ts';
import { guidanceOf } from '../../../engine/rotation/unguided.ts';
import { breakersOf, isJudged, trackOf } from '../../../engine/rotation/work.ts';
import type { Moment } from '../life.ts';
import { isOnlyObserved, tracks, type Transition, transitions } from './moment.ts';
import { must } from './must.ts';

type JudgementEvent = Extract<RotationEvent, { kind: 'judgement' }>;

/** What the judgement of this step says of a backend, if it looked at nothing before its present state. */
function saidNow(
  { before, context }: Moment,
  event: JudgementEvent,
  track: TrackName,
  backend: BackendId,
): Verdict | undefined {
  const { judgement, evaluatedAtMs, lookbackMs } = event;
  const old = before[track].decisions.get(backend);
  const sinceMs = old !== undefined && isReturning(old) ? old.sinceMs : 0;
  const fromMs = [
    before.evidenceFrom.get(backend) ?? 0,
    before.enforced.decisions.get(backend)?.evidenceFromMs ?? 0,
    old?.evidenceFromMs ?? 0,
    Math.min(context.now, sinceMs),
  ];
  if (judgement.kind !== 'judged' || isOfMovedGroup(judgement, backend)) return undefined;
  const verdict = judgement.verdicts.get(backend);
  const itsLookbackMs = verdict !== undefined && 'lookbackMs' in verdict ? verdict.lookbackMs : undefined;
  return evaluatedAtMs - (itsLookbackMs ?? lookbackMs) < Math.max(...fromMs) ? undefined : verdict;
}

/** Of a group that is at another level as a whole nothing is said about one backend. */
function isOfMovedGroup({ groups }: Extract<Judgement, { kind: 'judged' }>, backend: BackendId): boolean {
  return groups?.some(({ kind, members }) => kind === 'fleet-wide' && members.includes(backend)) === true;
}

/** Out on a breaker's word: it has spoken just now, of the present, of an anomaly, after settling, in its own track. */
export function convictedByFreshEvidence(moment: Moment): void {
  for (const track of tracks) {
    for (const transition of transitions(moment, track)) {
      if (!isConviction(transition)) continue;
      const { event, before } = moment;
      must(event.kind === 'judgement', 'I6 conviction', transition);
      const breaker = before.policy?.breakers.find(({ name }) => name === event.breaker);
      must(breaker !== undefined && before.policy !== undefined, 'I6 conviction', transition);
      must(trackOf(before.policy, breaker) === track, 'I6 conviction', transition);
      must(saidNow(moment, event, track, transition.backend)?.kind === 'anomalous', 'I6 conviction', [
        transition,
        event,
      ]);
      must((before.breakers.get(breaker.name)?.evaluations ?? 0) >= before.policy.settle, 'I6 settle', transition);
      const needed = before.policy.combine === 'All' ? breakersOf(before.policy, track).length : 1;
      must(new Set(accusersOf(transition.decision.cause)).size === needed, 'I6 combine', transition);
    }
  }
}

/**
 * Out with its cohort: where the policy wants that, on the word of a breaker of the track that has settled and finds one of
 * them anomalous now. All of the cohort that serve go in the same step.
 */
export function cohortsGoTogether(moment: Moment): void {
  const { before, event, state } = moment;
  for (const track of tracks) {
    const gone = transitions(moment, track).filter(({ why }) => why === 'cohort');
    const [first] = gone;
    if (first === undefined) continue;
    must(before.policy?.budget.onCohort === 'EjectWithinBudget', 'I14 cohort', first);
    must(event.kind === 'judgement', 'I14 cohort', first);
    const breaker = before.policy.breakers.find(({ name }) => name === event.breaker);
    must(breaker !== undefined && trackOf(before.policy, breaker) === track, 'I14 cohort', first);
    must((before.breakers.get(breaker.name)?.evaluations ?? 0) >= before.policy.settle, 'I14 cohort', first);
    must(
      apartGroups(event).length > 0 ||
        gone.some(({ backend }) => saidNow(moment, event, track, backend)?.kind === 'anomalous'),
      'I14 cohort',
      gone,
    );
    const { cause } = first.decision;
    const cohort = cause.kind === 'breaker' ? cause.cohort : undefined;
    must(cohort !== undefined, 'I14 cohort', first);
    for (const { id, labels, zone, node } of servingIn(state, track)) {
      const groups = apartGroups(event).filter(({ members }) => members.includes(id));
      const isOfIt = [
        ...groups.map(({ key }) => `group ${key}`),
        `version ${labels?.['pod-template-hash']}`,
        `zone ${zone}`,
        `node ${node}`,
      ].includes(cohort);
      must(!isOfIt, 'I14 cohort', [cohort, id]);
    }
  }
}

function apartGroups({ judgement }: JudgementEvent): readonly GroupJudgement[] {
  const groups = judgement.kind === 'unusable' ? [] : (judgement.groups ?? []);
  return groups.filter(({ againstRest }) => againstRest.kind === 'anomalous');
}

/** The eviction of one that was paused before is no conviction of its own. */
function isConviction({ why, from, to }: Transition): boolean {
  if (why === 'anomalous' || why === 'anomalous-again') return true;
  return why === 'retries-exhausted' && !(from === 'paused' && to === 'evicted');
}

/** A step up by evidence: its time is over, and a breaker that judges here found it normal just now. */
export function stepsAreEarned(moment: Moment): void {
  const { event, before, state, context } = moment;
  for (const track of tracks) {
    for (const transition of transitions(moment, track)) {
      const { why, backend, from } = transition;
      const isStep = why === 'step-up' || (why === 'recovered' && from !== 'serving');
      if (!isStep || !isJudged(state, track) || isOnlyObserved(state, backend)) continue;
      must(event.kind === 'judgement', 'I6 step up', transition);
      must(saidNow(moment, event, track, backend)?.kind === 'normal', 'I6 step up', [transition, event]);
      const old = before[track].decisions.get(backend);
      must(old !== undefined, 'I6 step up', transition);
      const isOver = context.now - old.sinceMs >= guidanceOf(before).activator.ramp.stepPeriodMs;
      must(isOver || old.sinceMs > context.now, 'I6 step up', [transition, old]);
      const accusers = before.policy?.breakers.filter(({ name }) => accusersOf(old.cause).includes(name)) ?? [];
      const isFree = before.policy?.combine === 'All' || accusers.length === 0;
      must(isFree || accusers.some(({ name }) => name === event.breaker), 'I6 step up', [transition, event.breaker]);
    }
  }
}

function isTaken(transition: Transition): boolean {
  return isConviction(transition) || transition.why === 'cohort';
}

/** holdAbovePercent, from what this step says and what was taken out before: above it, nobody goes and nobody climbs. */
export function holdKeeper(): (moment: Moment) => void {
  const taken = new Map<string, EpochMs>();
  return (moment) => {
    const { before, event, state, context } = moment;
    for (const [key, atMs] of taken) {
      if (context.now - atMs > context.timing.recentEjectionMs) taken.delete(key);
      else taken.set(key, Math.min(atMs, context.now));
    }
    for (const track of tracks) {
      const told = transitions(moment, track);
      const isHeld = event.kind === 'judgement' && share(moment, event, track, taken) > 1;
      const acts = told.filter(
        (transition) =>
          isTaken(transition) || (transition.why === 'step-up' && !isOnlyObserved(state, transition.backend)),
      );
      must(!isHeld || !isJudged(state, track) || acts.length === 0, 'I7 hold-above', acts);
      for (const { backend } of told.filter(isTaken)) taken.set(`${track} ${backend}`, context.now);
    }
    for (const key of taken.keys()) {
      const isPresent = before.fleet.backends.some(({ id }) => key.endsWith(` ${id}`));
      if (!isPresent) taken.delete(key);
    }
  };
}

/** How much of what holdAbovePercent allows is bad, by the judgement of this step and the ejections of late. */
function share(moment: Moment, event: JudgementEvent, track: TrackName, taken: ReadonlyMap<string, EpochMs>): number {
  const { before, state } = moment;
  const { policy } = before;
  const breaker = policy?.breakers.find(({ name }) => name === event.breaker);
  if (policy === undefined || breaker === undefined || trackOf(policy, breaker) !== track) return 0;
  if (event.judgement.kind === 'unusable') return 0;
  const members = before.fleet.backends.filter(({ terminating }) => !terminating);
  const bad = members.filter(({ id }) => {
    return taken.has(`${track} ${id}`) || saidNow(moment, event, track, id)?.kind === 'anomalous';
  });
  const base = Math.min(members.length, Math.max(...state.peaks.map(({ ready }) => ready)));
  const allowed = (policy.budget.holdAbovePercent / 100) * base;
  return bad.length === 0 ? 0 : bad.length / allowed;
}
