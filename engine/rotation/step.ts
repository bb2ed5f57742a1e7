/**
 * The state machine of a Service: `step(state, event, context) -> {state, effects}`.
 *
 * Pure: no clock, no I/O, no chance. Replaying the events gives the same states, which is how the simulation proves the
 * invariants and how a decision can be explained long after.
 */
import { assertNever } from '../model.ts';
import { liftDecisions, observeAnew, onCommand } from './command.ts';
import type { StepContext } from './context.ts';
import type { Effect, RotationEvent } from './event.ts';
import { observeSize, onFleet } from './fleet-change.ts';
import { onJudgement } from './judgement.ts';
import { onPolicy } from './policy-change.ts';
import type { ServiceState } from './state.ts';
import { passTime } from './time.ts';
import type { Work } from './work.ts';

export interface Step {
  readonly state: ServiceState;
  readonly effects: readonly Effect[];
}

export function step(before: ServiceState, event: RotationEvent, context: StepContext): Step {
  const work: Work = { context, seq: before.seq + 1, effects: [] };
  const withFleet = event.kind === 'fleet' ? onFleet(before, event.fleet, work) : before;
  const sized = observeSize(withFleet, work);
  const happened = happen(sized, event, work);
  const state = context.globallySuspended ? liftDecisions(happened, () => true, work) : passTime(happened, work);
  const changed =
    state.enforced.decisions !== before.enforced.decisions || state.shadow.decisions !== before.shadow.decisions;
  return { state: changed ? { ...state, seq: work.seq } : state, effects: work.effects };
}

function happen(state: ServiceState, event: RotationEvent, work: Work): ServiceState {
  switch (event.kind) {
    case 'tick':
    case 'fleet':
      return state;
    case 'resumed':
      return { ...state, breakers: observeAnew(state.breakers) };
    case 'policy':
      return onPolicy(state, event.policy, work);
    case 'judgement':
      return onJudgement(state, event, work);
    case 'command':
      return onCommand(state, event.command, work);
    default:
      return assertNever(event);
  }
}
