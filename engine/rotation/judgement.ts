/** What one judgement of one breaker changes. The order of the calls is the order of the rules. */
import type { Verdict } from '../breakers/verdict.ts';
import type { BackendId } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { ejectConfirmed } from './accusations.ts';
import { isOut } from './decision.ts';
import type { RotationEvent } from './event.ts';
import { isCorrelated } from './guards.ts';
import { holdThese, type Refusal } from './hold.ts';
import { startProbing } from './ramp.ts';
import { type BreakerState, emptyBreaker, type ServiceState, type TrackName } from './state.ts';
import { updateStreaks } from './streak.ts';
import { forgiveStrikes, judgeSuspects } from './suspects.ts';
import { put, sortedDecisions, trackOf, updateTrack, type Work } from './work.ts';

type JudgementEvent = Extract<RotationEvent, { kind: 'judgement' }>;

export function onJudgement(before: ServiceState, event: JudgementEvent, work: Work): ServiceState {
  const policy = before.policy;
  const breaker = policy?.breakers.find(({ name }) => name === event.breaker);
  if (policy === undefined || breaker === undefined) return before;
  const track = before.suspension === undefined ? trackOf(policy, breaker) : undefined;

  const judged = recordJudgement(before, event, breaker, track, work);
  if (track === undefined || work.context.globallySuspended || event.judgement.kind === 'unusable') return judged;

  const correlated = isCorrelated(judged, policy, track, work.context.now, work.context.timing);
  const counted = countHolding(judged, track, breaker, correlated);
  const suspects = judgeSuspects(counted, track, policy, breaker, correlated, work);
  const forgiven = forgiveStrikes(suspects.state, track, policy, breaker, work);
  const accused = ejectConfirmed(forgiven, track, policy, correlated, work);
  const elsewhere = suspectsHeldByOthers(accused.state, track, breaker);
  const held = holdThese(accused.state, track, [...elsewhere, ...suspects.refusals, ...accused.refusals], work);
  return isLasting(held, track, policy) ? returnCorrelated(held, track, work) : held;
}

/** Refusals about suspects are renewed by the breaker that made them; until then they stand. */
function suspectsHeldByOthers(state: ServiceState, track: TrackName, breaker: Breaker): readonly Refusal[] {
  return [...state[track].held].flatMap(([backend, held]) => {
    const suspect = state[track].decisions.get(backend);
    const isSuspect = suspect?.state === 'probing' || suspect?.state === 'ramping';
    return isSuspect && held.breaker !== breaker.name ? [{ backend, ...held }] : [];
  });
}

/** Keeps the verdicts that speak of the present, and extends the streaks. */
function recordJudgement(
  state: ServiceState,
  event: JudgementEvent,
  breaker: Breaker,
  track: TrackName | undefined,
  work: Work,
): ServiceState {
  const { now } = work.context;
  const { judgement } = event;
  const before = state.breakers.get(breaker.name) ?? emptyBreaker(breaker.fingerprint);
  const decisions = state[track ?? 'enforced'].decisions;
  const windowStartMs = event.evaluatedAtMs - event.lookbackMs;

  const verdicts = new Map<BackendId, Verdict>();
  if (judgement.kind !== 'unusable') {
    for (const [backend, verdict] of judgement.verdicts) {
      const fromMs = Math.max(decisions.get(backend)?.evidenceFromMs ?? 0, state.restarts.get(backend) ?? 0);
      verdicts.set(
        backend,
        windowStartMs >= fromMs
          ? verdict
          : { kind: 'insufficient', reason: 'the samples reach back before its present state' },
      );
    }
  }

  const isServing = (backend: BackendId): boolean => !isOut(decisions.get(backend));
  const next: BreakerState = {
    ...before,
    baseline: event.baseline,
    evaluations: before.evaluations + (judgement.kind === 'unusable' ? 0 : 1),
    last: {
      kind: judgement.kind,
      ...(judgement.kind === 'judged' ? {} : { reason: judgement.reason }),
      evaluatedAtMs: event.evaluatedAtMs,
      receivedAtMs: now,
      verdicts,
    },
    // While the fleet as a whole moves, nobody's streak means anything: it starts anew afterwards.
    streaks:
      judgement.kind === 'judged'
        ? updateStreaks(before.streaks, verdicts, isServing, breaker, now)
        : judgement.kind === 'fleet-wide'
          ? new Map()
          : before.streaks,
  };
  return { ...state, breakers: new Map(state.breakers).set(breaker.name, next) };
}

function countHolding(state: ServiceState, track: TrackName, breaker: Breaker, correlated: boolean): ServiceState {
  if (!correlated) return state[track].holding.size === 0 ? state : updateTrack(state, track, { holding: new Map() });
  const count = (state[track].holding.get(breaker.name) ?? 0) + 1;
  return updateTrack(state, track, { holding: new Map(state[track].holding).set(breaker.name, count) });
}

/** holdAbovePercent has lasted as many evaluations as a confirmation looks at. */
function isLasting(state: ServiceState, track: TrackName, policy: Policy): boolean {
  return policy.breakers.some(({ name, confirm }) => (state[track].holding.get(name) ?? 0) >= confirm.of);
}

/** A failure that arrives staggered ejects its first victims before it is recognised: they come back, without strikes. */
function returnCorrelated(before: ServiceState, track: TrackName, work: Work): ServiceState {
  const { now, timing } = work.context;
  let state = before;
  for (const decision of sortedDecisions(before[track])) {
    const isRecent = now - decision.outSinceMs <= timing.recentEjectionMs;
    const isOutByBreaker = decision.cause.kind === 'breaker' && isOut(decision) && decision.state !== 'evicted';
    if (!isRecent || !isOutByBreaker || decision.returning.kind === 'time') continue;
    const returning = startProbing(decision, now, { kind: 'time', note: 'correlated' });
    state = put(state, track, { ...returning, state: 'ramping', retries: 0 }, 'correlated', work);
  }
  return state;
}
