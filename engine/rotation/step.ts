/**
 * The state machine of a Service: `step(state, event, context) -> {state, effects}`.
 *
 * Pure: no clock, no I/O, no chance. Replaying the events gives the same states, which is how the simulation proves the
 * invariants and how a decision can be explained long after.
 */
import { assertNever } from '../model.ts';
import { notLaterThan } from './clock-change.ts';
import { liftDecisions, observeAnew, onCommand } from './command.ts';
import type { StepContext } from './context.ts';
import type { Effect, RotationEvent } from './event.ts';
import { thaw, thawInTime } from './freeze.ts';
import { forgiveKillLoops } from './evictions.ts';
import { onEvictionAnswer } from './conviction.ts';
import { observeSize, onFleet } from './fleet-change.ts';
import { onJudgement } from './judgement.ts';
import { onPolicy } from './policy-change.ts';
import type { ServiceState, Track } from './state.ts';
import { passTime } from './time.ts';
import type { Work } from './work.ts';

export interface Step {
  readonly state: ServiceState;
  readonly effects: readonly Effect[];
}

export function step(before: ServiceState, event: RotationEvent, context: StepContext): Step {
  const work: Work = { context, seq: before.seq + 1, effects: [] };
  const started = notLaterThan(context.now, before);
  const thawed = thawInTime(started, work);
  const withFleet = event.kind === 'fleet' ? onFleet(thawed, event.fleet, work) : thawed;
  const sized = observeSize(withFleet, work);
  const happened = happen(sized, event, work);
  const state = context.globallySuspended ? liftEverything(happened, work) : passTime(happened, work);
  const wrote = hasWritten(before.enforced, state.enforced, work) || hasWritten(before.shadow, state.shadow, work);
  return {
    state: { ...state, asOfMs: context.now, seq: wrote ? work.seq : before.seq },
    effects: work.effects,
  };
}

/** R15: the global suspension ends whatever people or breakers did. */
function liftEverything(state: ServiceState, work: Work): ServiceState {
  return thaw(
    liftDecisions(state, () => true, work),
    'suspended',
    work,
  );
}

/** A record of this step bears its seq; one that was forgotten is missing. */
function hasWritten(before: Track, after: Track, { seq }: Work): boolean {
  if (before.decisions === after.decisions) return false;
  if (before.decisions.size !== after.decisions.size) return true;
  return [...after.decisions.values()].some((decision) => decision.seq === seq);
}

function happen(state: ServiceState, event: RotationEvent, work: Work): ServiceState {
  switch (event.kind) {
    case 'tick':
    case 'fleet':
      return state;
    case 'resumed':
      return { ...forgiveKillLoops(state), breakers: observeAnew(state.breakers) };
    case 'policy':
      return onPolicy(state, event.policy, work);
    case 'judgement':
      return onJudgement(state, event, work);
    case 'eviction':
      return onEvictionAnswer(state, event.backend, event.answer, work);
    case 'command':
      return onCommand(state, event.command, work);
    default:
      return assertNever(event);
  }
}
