/** Taking a backend out on a breaker's word. */
import type { Verdict } from '../breakers/verdict.ts';
import { describeBudget } from '../budget/arithmetic.ts';
import type { BackendId } from '../model.ts';
import { type Breaker, type Policy, questionOf } from '../policy/policy.ts';
import type { Accusation } from './accusations.ts';
import { sentence, surplusPaused, timeOutMs } from './activator.ts';
import { budgetOfService, servingIn } from './capacity.ts';
import { type Agreement, type Decision, type DecisionCause, unraised } from './decision.ts';
import { type EvictionAnswer, type EvictionHold, evictionHold, markInVain, recordEviction } from './evictions.ts';
import type { ServiceState, TrackName } from './state.ts';
import { anomalousIn } from './streak.ts';
import { put, remember, updateTrack, type Work } from './work.ts';

export interface Conviction {
  readonly backend: BackendId;
  readonly breaker: Breaker;
  readonly verdict: Extract<Verdict, { kind: 'anomalous' }>;
  /** `new` from serving, confirmed and within the budget; `repeated` from probing or ramping. */
  readonly kind: 'new' | 'repeated';
  readonly retries: number;
  /** Who else had to say so. */
  readonly agreed: readonly Pick<Accusation, 'by' | 'verdict'>[];
  /** The cohort it goes with, by name. */
  readonly cohort?: string | undefined;
}

export function convict(
  before: ServiceState,
  track: TrackName,
  policy: Policy,
  conviction: Conviction,
  work: Work,
): ServiceState {
  const { backend: id, kind, retries, cohort } = conviction;
  const backend = before.fleet.backends.find((candidate) => candidate.id === id);
  if (backend === undefined) return before;
  const { now, timing, epoch } = work.context;
  // Of a bad version there would only be more: a cohort is neither collected nor killed pod by pod.
  const sentenced = cohort === undefined ? sentence(policy.activator, retries) : 'ejected';
  const judged = kind === 'new' ? markInVain(before, track, id, now) : before;
  const evictionHeld = sentenced === 'evicted' ? evictionHold(judged, track, id, now) : undefined;
  const to = evictionHeld === undefined ? sentenced : 'paused';
  const decision: Decision = {
    backend: id,
    name: backend.name,
    state: to,
    sinceMs: now,
    ...(to === 'ejected' ? { durationMs: timeOutMs(policy.activator, retries, id, work.seq, timing.maxOutMs) } : {}),
    outSinceMs: now,
    evidenceFromMs: now,
    step: 0,
    retries,
    healthyMs: 0,
    ...unraised,
    closed: false,
    cause: causeOf(before, track, conviction),
    returning: { kind: 'evidence' },
    ...(evictionHeld === undefined ? {} : { evictionHeld }),
    ...(backend.incarnation === undefined ? {} : { incarnation: backend.incarnation }),
    epoch,
    seq: work.seq,
  };
  const why =
    to === 'ejected'
      ? kind === 'repeated'
        ? 'anomalous-again'
        : cohort === undefined
          ? 'anomalous'
          : 'cohort'
      : 'retries-exhausted';
  let state = put(judged, track, decision, why, work);
  state = updateTrack(state, track, { ejections: [...state[track].ejections, { atMs: now, backend: id, kind }] });
  // One that goes out again takes no new place; today's numbers could be smaller, and let others in at its cost.
  if (track === 'enforced' && kind === 'new') state = remember(state, budgetOfService(state));
  if (to === 'evicted') state = askForEviction(state, track, decision, work);
  if (evictionHeld !== undefined) tellEvictionHeld(state, track, decision, evictionHeld, work);
  for (const surplus of surplusPaused(policy.activator, state[track])) {
    state = evict(state, track, surplus, 'retries-exhausted', work);
  }
  return state;
}

/** Evicts, unless that is refused: then it stays as it is, and says what it waits for. */
export function evict(
  state: ServiceState,
  track: TrackName,
  decision: Decision,
  why: 'retries-exhausted' | 'close-after',
  work: Work,
): ServiceState {
  const { now } = work.context;
  const hold = evictionHold(state, track, decision.backend, now);
  const { durationMs: _, evictionHeld: known, ...rest } = decision;
  if (hold !== undefined) {
    if (hold.cause === known?.cause) return state;
    tellEvictionHeld(state, track, decision, hold, work);
    return put(state, track, { ...decision, evictionHeld: hold }, why, work);
  }
  const closed = decision.closed || why === 'close-after';
  const evicted: Decision = { ...rest, state: 'evicted', sinceMs: now, closed };
  return put(askForEviction(state, track, evicted, work), track, evicted, why, work);
}

function askForEviction(state: ServiceState, track: TrackName, decision: Decision, work: Work): ServiceState {
  if (track === 'enforced') work.effects.push({ kind: 'evict', decision });
  return recordEviction(state, track, decision.backend, work.context.now);
}

/**
 * What was asked for stays asked for: whoever leads asks again. The record says why it has not happened yet, in the same
 * place and words as for the limits of our own, and says each answer once.
 */
export function onEvictionAnswer(
  state: ServiceState,
  backend: BackendId,
  answer: EvictionAnswer | undefined,
  work: Work,
): ServiceState {
  const decision = state.enforced.decisions.get(backend);
  if (decision?.state !== 'evicted' || decision.evictionHeld?.cause === answer) return state;
  const { evictionHeld: _, ...rest } = decision;
  if (answer === undefined) return put(state, 'enforced', rest, 'retries-exhausted', work);
  tellEvictionHeld(state, 'enforced', decision, { cause: answer }, work);
  return put(state, 'enforced', { ...rest, evictionHeld: { cause: answer } }, 'retries-exhausted', work);
}

function tellEvictionHeld(
  state: ServiceState,
  track: TrackName,
  { backend, name, cause }: Decision,
  { cause: refusal, detail }: EvictionHold,
  work: Work,
): void {
  if (cause.kind === 'manual') return;
  const { breaker, reason } = cause;
  const budget = describeBudget(budgetOfService(state), servingIn(state, track).length);
  const why = { cause: refusal, reason, ...(detail === undefined ? {} : { detail }) };
  work.effects.push({ kind: 'held', track, backend, name, breaker, ...why, budget });
}

function causeOf(state: ServiceState, track: TrackName, conviction: Conviction): DecisionCause {
  const { breaker, verdict, kind, backend, agreed, cohort } = conviction;
  const streak = state.breakers.get(breaker.name)?.streaks.get(backend);
  return {
    kind: 'breaker',
    breaker: breaker.name,
    severity: verdict.severity,
    value: verdict.value,
    bound: verdict.bound,
    reason: verdict.reason,
    ...(breaker.detector.kind === 'customService' ? {} : { query: questionOf(breaker.detector) }),
    lookbackMs: verdict.lookbackMs ?? breaker.lookbackMs,
    streak: kind === 'new' ? { anomalous: anomalousIn(streak), of: streak?.length ?? 0 } : { anomalous: 1, of: 1 },
    budget: describeBudget(budgetOfService(state), servingIn(state, track).length),
    ...(agreed.length === 0 ? {} : { agreed: agreed.map(agreement) }),
    ...(cohort === undefined ? {} : { cohort }),
  };
}

function agreement({ by, verdict }: Pick<Accusation, 'by' | 'verdict'>): Agreement {
  const { severity, value, bound, reason } = verdict;
  return { breaker: by.name, severity, value, bound, reason };
}
