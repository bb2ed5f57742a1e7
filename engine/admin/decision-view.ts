/** The record of a backend that is out or has strikes, and what has to happen for it to get further. */
import type { EpochMs } from '../model.ts';
import { formatDuration } from '../policy/duration.ts';
import type { Breaker } from '../policy/policy.ts';
import { waitsForCohort } from '../rotation/cohort-ejection.ts';
import { cohortNameOf, type Decision, endOf } from '../rotation/decision.ts';
import { staleAtMs } from '../rotation/stale.ts';
import type { Held, ServiceState, TrackName } from '../rotation/state.ts';
import { describeHeld } from '../budget/held.ts';
import { standsStill, thawsAtMs } from '../rotation/freeze.ts';
import { judgesOf } from '../rotation/judges.ts';
import { isDue, maxProbing } from '../rotation/probe-slots.ts';
import { nextStepOf, weightFromTraffic } from '../rotation/ramp.ts';
import { guidanceOf } from '../rotation/unguided.ts';
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
    starved: decision.starved,
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
  const { resetAfterMs } = guidanceOf(state).activator;
  switch (decision.state) {
    case 'ejected':
    case 'paused': {
      const endMs = endOf(decision);
      if (endMs === undefined) return { next: `${starvedText(decision)}stays out until a person restores it` };
      if (isDue(decision, state.asOfMs ?? endMs) && !standsStill(state, decision)) {
        return { next: whyItWaits(state, track, decision) };
      }
      const [cohort, probes] = [cohortNameOf(decision), probeText(state, track, decision)];
      if (cohort === undefined) return { next: probes, atMs: endMs };
      return { next: `${probes}, once no other of ${cohort} does or one has come back`, atMs: endMs };
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

/** The weight is that of a probe that would begin now. */
function probeText(state: ServiceState, track: TrackName, decision: Decision): string {
  const ofRamp = guidanceOf(state).activator.ramp.weights[0] ?? 100;
  const ofTraffic = weightFromTraffic(state, track, decision);
  return ofTraffic > ofRamp
    ? `probes at ${ofTraffic} % of its weight, since ${ofRamp} % of the traffic would be too little to be judged soon`
    : `probes at ${ofRamp} % of its weight`;
}

function whyItWaits(state: ServiceState, track: TrackName, decision: Decision): string {
  const isReady = state.fleet.backends.some(({ id, ready }) => id === decision.backend && ready);
  if (isReady && waitsForCohort(state, track, decision)) {
    return `waits until no other of ${cohortNameOf(decision) ?? ''} probes or one has come back`;
  }
  return isReady
    ? `waits for a place to probe: at most ${maxProbing(state)} at once, first who has been out longest`
    : 'waits until it is ready; then it probes';
}

function starvedText({ starved }: Decision): string {
  return starved ? 'starved, got too little traffic to be judged: ' : '';
}

function nextStep(state: ServiceState, track: TrackName, decision: Decision): Next {
  const { ramp } = guidanceOf(state).activator;
  const weight = ramp.weights[nextStepOf(decision, ramp)] ?? 100;
  const goesTo = weight >= 100 ? 'goes to full weight' : `goes to ${weight} % of its weight`;
  const stepEndMs = decision.sinceMs + ramp.stepPeriodMs;
  const judges = judgesOf(state, track, decision);
  if (decision.returning.kind === 'time' || judges.length === 0) return { next: `${goesTo} by time`, atMs: stepEndMs };

  // A verdict speaks of this step only if everything it looks back on lies after the step began.
  const lookbackMs = Math.min(...judges.map((judge) => judge.suspectLookbackMs ?? judge.lookbackMs));
  const names = judges.map(({ name }) => name).join(' or ');
  const condition = `when ${names} finds it normal over samples from after this step began, and no breaker finds it anomalous`;
  return {
    next: `${starvedText(decision)}${progressText(state, judges, decision)}${goesTo} ${condition}${staleText(state, track, decision)}`,
    atMs: Math.max(stepEndMs, decision.evidenceFromMs + lookbackMs),
  };
}

function staleText(state: ServiceState, track: TrackName, decision: Decision): string {
  const atMs = staleAtMs(state, track, decision);
  return atMs === undefined ? '' : `; by time from ${toTime(atMs)}, if there is no data until then`;
}

/** What is missing, in the words of those who judge. */
function progressText(state: ServiceState, judges: readonly Breaker[], { backend }: Decision): string {
  const texts = judges.flatMap(({ name }) => {
    const verdict = state.breakers.get(name)?.last?.verdicts.get(backend);
    return verdict?.kind === 'insufficient' ? [verdict.reason] : [];
  });
  return texts.map((text) => `${text}; `).join('');
}
