/** How a step works: true to what it tells, silent when nothing is said, never late. */
import { isDeepStrictEqual } from 'node:util';
import { type BackendId, readyMembers } from '../../../engine/model.ts';
import type { Decision, RotationState } from '../../../engine/rotation/decision.ts';
import type { Track } from '../../../engine/rotation/state.ts';
import { step } from '../../../engine/rotation/step.ts';
import { nextWakeMs } from '../../../engine/rotation/time.ts';
import type { Moment } from '../life.ts';
import { must } from './must.ts';
import { tracks, transitions } from './moment.ts';

/** R6: an evaluation that says nothing changes nothing but the time. */
export function silenceChangesNothing({ before, event, state, context }: Moment): void {
  if (event.kind !== 'judgement') return;
  const { judgement } = event;
  const saysNothing =
    judgement.kind === 'unusable' ||
    (judgement.kind === 'judged' &&
      // That a group has moved is something, too, even if nobody of it can be judged.
      judgement.groups?.some(({ kind }) => kind === 'fleet-wide') !== true &&
      [...judgement.verdicts.values()].every(({ kind }) => kind === 'insufficient' || kind === 'error'));
  if (!saysNothing) return;
  const untouched = step(before, { kind: 'tick' }, context).state;
  for (const track of tracks) {
    const [now, otherwise] = [state, untouched].map(({ [track]: { decisions } }) => decisions);
    // That there is no data is what maxStale waits for, and when it ends.
    const isExcused = (id: BackendId): boolean =>
      [before[track].decisions, now, otherwise].some((each) => isStale(each?.get(id)));
    const rest = (decisions: Track['decisions'] | undefined) => [...(decisions ?? [])].filter(([id]) => !isExcused(id));
    must(isDeepStrictEqual(rest(now), rest(otherwise)), 'I6 silence', event);
  }
}

function isStale(decision: Decision | undefined): boolean {
  return decision?.returning.kind === 'time' && decision.returning.note === 'stale';
}

/** The log replayed gives the same state: what is not said in the event and the context does not count. */
export function stepIsPure({ before, event, context, state, again }: Moment): void {
  must(isDeepStrictEqual(again(before, event, context).state, state), 'I18 replay', event);
}

/** What is told is what happened: each transition begins where the last one ended. */
export function effectsAreTrue(moment: Moment): void {
  for (const track of tracks) {
    const at = new Map<BackendId, RotationState>();
    const stateIn = ({ decisions }: Track, id: BackendId): RotationState => decisions.get(id)?.state ?? 'serving';
    for (const { backend, from, to } of transitions(moment, track)) {
      must((at.get(backend) ?? stateIn(moment.before[track], backend)) === from, 'I18 effects', moment.effects);
      at.set(backend, to);
    }
    const present = new Set(readyMembers(moment.state.fleet).map(({ id }) => id));
    for (const id of present) {
      const told = at.get(id) ?? stateIn(moment.before[track], id);
      must(told === stateIn(moment.state[track], id), 'I18 effects', [id, told, moment.effects]);
    }
  }
}

export function timeIsAhead({ state, context: { now, timing } }: Moment): void {
  must(state.asOfMs === now, 'I9 time', 'the state is as of another moment');
  must(
    (nextWakeMs(state, timing) ?? Number.POSITIVE_INFINITY) > now,
    'I9 time',
    'it would wake at once, again and again',
  );
  for (const { decisions } of [state.enforced, state.shadow]) {
    for (const decision of decisions.values()) {
      must(Math.max(decision.sinceMs, decision.outSinceMs, decision.evidenceFromMs) <= now, 'I9 time', decision);
    }
  }
}
