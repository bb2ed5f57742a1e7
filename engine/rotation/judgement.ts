/** What one judgement of one breaker changes. The order of the calls is the order of the rules. */
import type { Verdict } from '../breakers/verdict.ts';
import type { BackendId } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { accusationsIn } from './accusations.ts';
import { updateApart } from './apart.ts';
import { ejectCohort } from './cohort-ejection.ts';
import { accusersOf, type Decision, isOut, isReturning, isSuspect } from './decision.ts';
import { ejectConfirmed } from './ejection.ts';
import type { RotationEvent } from './event.ts';
import { unmarkInVain } from './evictions.ts';
import { evidenceFromMs, hasMoved, windowStartOf } from './evidence.ts';
import { cohortIn, isCorrelated, isYoungFleet, sparedIn } from './guards.ts';
import { holdThese } from './hold.ts';
import { rampByTime } from './ramp.ts';
import { shapeGuard } from './shape.ts';
import { type BreakerState, emptyBreaker, type LastJudgement, type ServiceState, type TrackName } from './state.ts';
import { feedStarved } from './starvation.ts';
import { heardAgain, isWhole } from './stale.ts';
import { updateStreaks } from './streak.ts';
import { forgiveStrikes, judgeSuspects } from './suspects.ts';
import { put, sortedDecisions, trackOf, updateTrack, type Work } from './work.ts';

type JudgementEvent = Extract<RotationEvent, { kind: 'judgement' }>;

export function onJudgement(before: ServiceState, event: JudgementEvent, work: Work): ServiceState {
  const policy = before.policy;
  const breaker = policy?.breakers.find(({ name }) => name === event.breaker);
  if (policy === undefined || breaker === undefined) return before;
  const track = before.suspension === undefined ? trackOf(policy, breaker) : undefined;

  const recorded = recordJudgement(before, event, breaker, track ?? 'enforced', work);
  if (track === undefined || work.context.globallySuspended || event.judgement.kind === 'unusable') return recorded;
  const judged = isWhole(event.judgement) ? heardAgain(recorded, track, breaker.name, work) : recorded;

  const { now, timing, canReduce } = work.context;
  const facts = {
    correlated: isCorrelated(judged, policy, track, now, timing),
    young: isYoungFleet(judged, policy, now),
    changing: shapeGuard(judged, now, timing),
    spared: sparedIn(judged, policy),
    cohort: cohortIn(judged, policy, track, now, timing),
    canReduce: canReduce || track === 'shadow',
    frozen: judged.freeze !== undefined,
  };
  const accusations = accusationsIn(judged, track, policy, facts, now);
  const forgiven = facts.frozen ? judged : forgiveStrikes(judged, track, policy, breaker, work);
  const suspects = judgeSuspects(forgiven, track, policy, breaker, accusations, facts, work);
  const fed = feedStarved(suspects.state, track, policy, breaker, facts, work);
  const whole = ejectCohort(fed, track, policy, breaker, accusations, facts, work);
  const ejected = ejectConfirmed(whole.state, track, policy, breaker, whole.accusations, work);
  const held = holdThese(ejected.state, track, [...suspects.refusals, ...ejected.refusals], work);
  const counted = countHolding(held, track, breaker, facts.correlated, work);
  return facts.frozen ? counted : returnCorrelated(counted, track, policy, facts.correlated, work);
}

/** Keeps the verdicts that speak of the present, and extends the streaks. */
function recordJudgement(
  state: ServiceState,
  event: JudgementEvent,
  breaker: Breaker,
  track: TrackName,
  work: Work,
): ServiceState {
  const { now } = work.context;
  const { judgement, evaluatedAtMs, baseline } = event;
  const before = state.breakers.get(breaker.name) ?? emptyBreaker(breaker.fingerprint);
  const windowStartMs = evaluatedAtMs - event.lookbackMs;
  const window = { evaluatedAtMs, windowStartMs };

  const verdicts = new Map<BackendId, Verdict>();
  if (judgement.kind !== 'unusable') {
    for (const [backend, verdict] of judgement.verdicts) {
      const isPresent = windowStartOf(window, verdict) >= evidenceFromMs(state, track, backend);
      verdicts.set(backend, isPresent ? verdict : { kind: 'insufficient', reason: tooOld });
    }
  }
  const last: LastJudgement = {
    kind: judgement.kind,
    ...(judgement.reason === undefined ? {} : { reason: judgement.reason }),
    ...window,
    receivedAtMs: now,
    ...(judgement.kind === 'unusable' || judgement.groups === undefined ? {} : { groups: judgement.groups }),
    ...(judgement.kind === 'unusable' || judgement.coverage === undefined ? {} : { coverage: judgement.coverage }),
    verdicts,
  };
  // While the fleet as a whole moves, or a group, no streak in it means anything: it starts anew afterwards.
  const servesSinceMs = (backend: BackendId): number | undefined =>
    isOut(state[track].decisions.get(backend)) || hasMoved(last, backend)
      ? undefined
      : evidenceFromMs(state, track, backend);
  const moment = { atMs: now, windowStartMs };
  const streaks = updateStreaks(before.streaks, verdicts, servesSinceMs, breaker, moment);
  const groups = judgement.kind === 'unusable' ? [] : (judgement.groups ?? []);
  const apart = updateApart(before.apart, groups, breaker, moment);
  // While the fleet as a whole moves, nothing can be counted either: who is good and who is bad then?
  const { trials = before.trials, probePercent = before.probePercent } = judgement.kind === 'judged' ? judgement : {};
  const counted = { trials, ...(probePercent === undefined ? {} : { probePercent }) };
  const heardAtMs = isWhole(last) ? now : (before.heardAtMs ?? now);
  const next: BreakerState =
    judgement.kind === 'unusable'
      ? { ...before, heardAtMs, last }
      : {
          ...before,
          ...counted,
          heardAtMs,
          baseline,
          evaluations: before.evaluations + 1,
          last,
          usable: last,
          streaks,
          apart,
        };
  return { ...state, breakers: new Map(state.breakers).set(breaker.name, next) };
}

const tooOld = 'the samples reach back before its present state';

/**
 * Counts the evaluations for which it has looked without a break as if it were not the backends' fault: holdAbovePercent, of
 * those breakers that see some of it or have taken some of it out (others may be evaluated far more often, and know nothing
 * of it), and `fleet-wide`, of the breaker that says so.
 */
function countHolding(
  state: ServiceState,
  track: TrackName,
  breaker: Breaker,
  correlated: boolean,
  work: Work,
): ServiceState {
  const { holding } = state[track];
  if (!correlated && holding.size === 0 && !seesMove(state, breaker.name)) return state;
  const kept = new Map([...holding].filter(([name]) => correlated || seesMove(state, name)));
  // R6: where nobody could be judged, nothing was seen that could bring anybody back.
  const isSeen = kindsOf(state, breaker).some((kind) => kind === 'anomalous' || kind === 'normal');
  if (correlated ? isInvolved(state, track, breaker, work) : seesMove(state, breaker.name) && isSeen) {
    kept.set(breaker.name, (kept.get(breaker.name) ?? 0) + 1);
  }
  return updateTrack(state, track, { holding: kept });
}

function isInvolved(state: ServiceState, track: TrackName, breaker: Breaker, work: Work): boolean {
  const kinds = kindsOf(state, breaker);
  const victims = [...state[track].decisions.values()].filter((decision) => isRecentVictim(decision, work));
  return (
    kinds.includes('anomalous') ||
    (kinds.includes('normal') && victims.some(({ cause }) => accusersOf(cause).includes(breaker.name)))
  );
}

function kindsOf(state: ServiceState, { name }: Breaker): readonly Verdict['kind'][] {
  return [...(state.breakers.get(name)?.usable?.verdicts.values() ?? [])].map(({ kind }) => kind);
}

/** The fleet as a whole, or one of the groups of the breaker. */
function seesMove(state: ServiceState, breaker: string): boolean {
  const judgement = state.breakers.get(breaker)?.usable;
  return judgement?.kind === 'fleet-wide' || judgement?.groups?.some(({ kind }) => kind === 'fleet-wide') === true;
}

/**
 * A failure that arrives staggered ejects its first victims before it is recognised: they come back, without strikes, once
 * it has lasted as many evaluations as a confirmation looks at. All of them from holdAbovePercent, which counts over all
 * breakers; from `fleet-wide` those of the breaker that says so, and of the group of which it says it.
 */
function returnCorrelated(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  correlated: boolean,
  work: Work,
): ServiceState {
  const lasting = policy.breakers.filter(
    ({ name, confirm }) =>
      (before[track].holding.get(name) ?? 0) >= confirm.of && (correlated || seesMove(before, name)),
  );
  if (lasting.length === 0) return before;
  let state = before;
  for (const decision of sortedDecisions(before[track])) {
    const accusers = accusersOf(decision.cause);
    const isMeant =
      correlated ||
      lasting.some(({ name }) => {
        const judgement = before.breakers.get(name)?.usable;
        return accusers.includes(name) && judgement !== undefined && hasMoved(judgement, decision.backend);
      });
    const isExempt = isReturning(decision) && !isSuspect(decision);
    if (!isMeant || !isRecentVictim(decision, work) || isExempt) continue;
    const returning = rampByTime(decision, work.context.now, 'correlated');
    state = put(state, track, { ...returning, state: 'ramping', retries: 0 }, 'correlated', work);
    state = unmarkInVain(state, track, decision.backend);
  }
  return state;
}

function isRecentVictim(decision: Decision, { context: { now, timing } }: Work): boolean {
  const isOutByBreaker = decision.cause.kind === 'breaker' && isOut(decision) && decision.state !== 'evicted';
  return isOutByBreaker && now - decision.outSinceMs <= timing.recentEjectionMs;
}
