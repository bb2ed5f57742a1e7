/** How a step works: pure, indifferent to order, true to what it tells, never late. */
import { isDeepStrictEqual } from 'node:util';
import { type BackendId, readyMembers } from '../../../engine/model.ts';
import type { RotationState } from '../../../engine/rotation/decision.ts';
import type { Effect } from '../../../engine/rotation/event.ts';
import type { Track } from '../../../engine/rotation/state.ts';
import { step } from '../../../engine/rotation/step.ts';
import { nextWakeMs } from '../../../engine/rotation/time.ts';
import { canonical } from '../../support/frozen.ts';
import { assignmentOf } from '../../support/world.ts';
import type { Moment } from '../life.ts';
import { must } from './must.ts';
import { tracks, transitions } from './moment.ts';

/** R6: an evaluation that says nothing changes nothing but the time. */
export function silenceChangesNothing({ before, event, state, context }: Moment): void {
  if (event.kind !== 'judgement') return;
  const { judgement } = event;
  const saysNothing =
    judgement.kind === 'unusable' ||
    [...judgement.verdicts.values()].every(({ kind }) => kind === 'insufficient' || kind === 'error');
  if (!saysNothing) return;
  const untouched = step(before, { kind: 'tick' }, context).state;
  for (const track of tracks) {
    must(isDeepStrictEqual(state[track].decisions, untouched[track].decisions), 'silence', event);
  }
}

/** The order of backends, verdicts and records in memory decides nothing. */
export function orderIsNothing({ before, event, state, effects, context }: Moment): void {
  const turned = step(reversed(before), reversed(event), context);
  must(canonical(turned.state) === canonical(reversed(state)), 'order', event);
  const sorted = (all: readonly Effect[]) => all.map(canonical).sort().join();
  must(sorted(turned.effects) === sorted(effects), 'order', [effects, turned.effects]);
  must(canonical(assignmentOf(turned.state)) === canonical(assignmentOf(state)), 'order', event);
}

/** A copy with every map, and the backends of the fleet, in the opposite order. */
function reversed<T>(value: T): T {
  return reverse(value) as T;
}

function reverse(value: unknown): unknown {
  if (value instanceof Map) return new Map([...value].reverse().map(([key, item]) => [key, reverse(item)]));
  if (Array.isArray(value)) return value.map(reverse);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === 'backends' && Array.isArray(part) ? part.toReversed() : reverse(part),
    ]),
  );
}

/** What is told is what happened: each transition begins where the last one ended. */
export function effectsAreTrue(moment: Moment): void {
  for (const track of tracks) {
    const at = new Map<BackendId, RotationState>();
    const stateIn = ({ decisions }: Track, id: BackendId): RotationState => decisions.get(id)?.state ?? 'serving';
    for (const { backend, from, to } of transitions(moment, track)) {
      must((at.get(backend) ?? stateIn(moment.before[track], backend)) === from, 'effects', moment.effects);
      at.set(backend, to);
    }
    const present = new Set(readyMembers(moment.state.fleet).map(({ id }) => id));
    for (const id of present) {
      const told = at.get(id) ?? stateIn(moment.before[track], id);
      must(told === stateIn(moment.state[track], id), 'effects', [id, told, moment.effects]);
    }
  }
}

export function timeIsAhead({ state, context: { now, timing } }: Moment): void {
  must(state.asOfMs === now, 'time', 'the state is as of another moment');
  must((nextWakeMs(state, timing) ?? Number.POSITIVE_INFINITY) > now, 'time', 'it would wake at once, again and again');
  for (const { decisions } of [state.enforced, state.shadow]) {
    for (const decision of decisions.values()) {
      must(Math.max(decision.sinceMs, decision.outSinceMs, decision.evidenceFromMs) <= now, 'time', decision);
    }
  }
}
