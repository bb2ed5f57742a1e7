/**
 * A freeze: a person wants nobody to go out or come back by itself for a while, as during a release that the metrics cannot
 * follow, or while they find out whether the breakers can be trusted. Breakers judge and are shown, what they would do
 * is held; who is out stays out, and steps of a ramp wait. People, suspensions and the floor act as always: a freeze must not
 * be what keeps a Service down.
 */
import type { EpochMs } from '../model.ts';
import type { Decision } from './decision.ts';
import type { Command, Effect } from './event.ts';
import type { Freeze, ServiceState } from './state.ts';
import type { Work } from './work.ts';

/** Over another freeze it takes its place, and so makes it longer or shorter. */
export function freeze(before: ServiceState, command: Extract<Command, { verb: 'freeze' }>, work: Work): ServiceState {
  const { actor, reason, forMs } = command;
  work.effects.push({ kind: 'freeze', frozen: true, actor, reason, forMs });
  return { ...before, freeze: { actor, reason, sinceMs: work.context.now, durationMs: forMs } };
}

type Thaw = Extract<Effect, { kind: 'freeze'; frozen: false }>;

export function thaw(before: ServiceState, why: Thaw['why'], work: Work, by: Pick<Thaw, 'by'> = {}): ServiceState {
  const { freeze: ended, ...state } = before;
  if (ended === undefined) return before;
  work.effects.push({ kind: 'freeze', frozen: false, why, ...by });
  return state;
}

/** Before anything else of a step: what was held up may happen in it. */
export function thawInTime(state: ServiceState, work: Work): ServiceState {
  const isOver = state.freeze !== undefined && work.context.now >= thawsAtMs(state.freeze);
  return isOver ? thaw(state, 'expired', work) : state;
}

export function thawsAtMs({ sinceMs, durationMs }: Freeze): EpochMs {
  return sinceMs + durationMs;
}

/** A backend that time does not bring further now. The ramp that a person asked for, or an edit of theirs, goes on. */
export function standsStill(state: ServiceState, { returning }: Decision): boolean {
  const isOfPerson =
    returning.kind === 'time' && (returning.note === 'manual-ramp' || returning.note === 'breaker-removed');
  return state.freeze !== undefined && !isOfPerson;
}
