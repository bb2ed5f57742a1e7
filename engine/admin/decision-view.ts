/** The record of a backend that is out or has strikes, and what has to happen for it to get further. */
import type { EpochMs } from '../model.ts';
import { formatDuration } from '../policy/duration.ts';
import type { Decision } from '../rotation/decision.ts';
import type { Held, ServiceState, TrackName } from '../rotation/state.ts';
import { describeHeld } from '../budget/held.ts';
import { standsStill, thawsAtMs } from '../rotation/freeze.ts';
import { endOf } from '../rotation/time.ts';
import { guidanceOf } from '../rotation/unguided.ts';
import { acquittersOf } from '../rotation/suspects.ts';
import type { DecisionView, HeldView } from './messages.ts';
import { toTime } from './time.ts';

export function decisionView(state: ServiceState, track: TrackName, decision: Decision): DecisionView {
  const { next, atMs } = withEviction(nextOf(state, track, decision), decision);
  const { returning } = decision;
  return {
    state: decision.state,
    ...causeView(decision),
    sinceTime: toTime(decision.sinceMs),
    outSinceTime: toTime(decision.outSinceMs),
    retries: decision.retries,
    maxRetries: guidanceOf(state).activator.maxRetryCount,
    returning: returning.kind === 'time' ? returning.note : 'evidence',
    next,
    ...(atMs === undefined ? {} : { nextTime: toTime(atMs) }),
    closed: decision.closed,
    epoch: decision.epoch,
    seq: decision.seq,
  };
}

type CauseView = Pick<
  DecisionView,
  | 'cause'
  | 'breaker'
  | 'value'
  | 'bound'
  | 'severity'
  | 'reason'
  | 'query'
  | 'windowSeconds'
  | 'streakAnomalous'
  | 'streakOf'
  | 'budget'
  | 'verb'
  | 'actor'
  | 'agreed'
>;

function causeView({ cause }: Decision): CauseView {
  if (cause.kind === 'manual') {
    const { verb, actor, reason } = cause;
    const nothing = {
      breaker: '',
      query: '',
      windowSeconds: 0,
      streakAnomalous: 0,
      streakOf: 0,
      budget: '',
      agreed: [],
    };
    return { cause: 'manual', ...nothing, verb, actor, reason };
  }
  const { breaker, value, bound, severity, reason, query, lookbackMs, streak, budget, agreed = [] } = cause;
  return {
    cause: 'breaker',
    ...{ breaker, value, bound, severity, reason, budget, agreed },
    query: query ?? '',
    windowSeconds: lookbackMs / 1000,
    streakAnomalous: streak.anomalous,
    streakOf: streak.of,
    verb: '',
    actor: '',
  };
}

export function heldView({ cause, detail, breaker, verdict, sinceMs }: Held): HeldView {
  const { value, bound, reason } = verdict;
  return { cause, text: describeHeld(cause, detail), breaker, value, bound, reason, sinceTime: toTime(sinceMs) };
}

interface Next {
  readonly next: string;
  readonly atMs?: EpochMs;
}

function withEviction(given: Next, { evictionHeld }: Decision): Next {
  if (evictionHeld === undefined) return given;
  const { cause, detail } = evictionHeld;
  return { ...given, next: `${given.next}; its eviction waits, ${cause}: ${describeHeld(cause, detail)}` };
}

function nextOf(state: ServiceState, track: TrackName, decision: Decision): Next {
  const next = nextByItself(state, track, decision);
  const { freeze } = state;
  if (freeze === undefined || next.atMs === undefined || !standsStill(state, decision)) return next;
  return { next: `${next.next}, once the freeze is over`, atMs: Math.max(next.atMs, thawsAtMs(freeze)) };
}

function nextByItself(state: ServiceState, track: TrackName, decision: Decision): Next {
  const { ramp, resetAfterMs } = guidanceOf(state).activator;
  switch (decision.state) {
    case 'ejected':
    case 'paused': {
      const endMs = endOf(decision);
      if (endMs === undefined) return { next: 'stays out until a person restores it' };
      const probes = `probes at ${ramp.weights[0] ?? 100} % of its weight`;
      if (decision.cause.kind === 'manual' || decision.cause.cohort === undefined) return { next: probes, atMs: endMs };
      return { next: `${probes}, once no other of ${decision.cause.cohort} does or one has come back`, atMs: endMs };
    }
    case 'evicted':
      return { next: 'stays out until its pod is replaced or a person restores it' };
    case 'serving': {
      const leftMs = Math.max(0, resetAfterMs - decision.healthyMs);
      return { next: `its strikes are forgotten after ${formatDuration(leftMs)} more of judged health` };
    }
    case 'probing':
    case 'ramping':
      return nextStep(state, track, decision);
  }
}

function nextStep(state: ServiceState, track: TrackName, decision: Decision): Next {
  const { ramp } = guidanceOf(state).activator;
  const weight = ramp.weights[decision.step + 1] ?? 100;
  const goesTo = weight >= 100 ? 'goes to full weight' : `goes to ${weight} % of its weight`;
  const stepEndMs = decision.sinceMs + ramp.stepPeriodMs;
  const judges = state.policy === undefined ? [] : acquittersOf(decision, state.policy, track);
  if (decision.returning.kind === 'time' || judges.length === 0) return { next: `${goesTo} by time`, atMs: stepEndMs };

  // A verdict speaks of this step only if everything it looks back on lies after the step began.
  const lookbackMs = Math.min(...judges.map((judge) => judge.suspectLookbackMs ?? judge.lookbackMs));
  const names = judges.map(({ name }) => name).join(' or ');
  return {
    next: `${goesTo} when ${names} finds it normal over samples from after this step began, and no breaker finds it anomalous`,
    atMs: Math.max(stepEndMs, decision.evidenceFromMs + lookbackMs),
  };
}
