/** Who goes when not all may: the worst, whatever the order of the input. */
import type { HeldCause } from '../../../engine/budget/held.ts';
import type { Effect } from '../../../engine/rotation/event.ts';
import { canonical } from '../../support/frozen.ts';
import { assignmentOf } from '../../support/world.ts';
import type { Moment } from '../life.ts';
import { must } from './must.ts';
import { tracks, transitions } from './moment.ts';

const forWantOfRoom: readonly HeldCause[] = ['budget', 'velocity', 'global-velocity', 'store-full'];

/** Nobody who is left in for want of room is worse than one who went at the same moment; ties go by identity. */
export function worstGoFirst(moment: Moment): void {
  const { event, state } = moment;
  if (event.kind !== 'judgement') return;
  for (const track of tracks) {
    // Of another breaker what is shown may be what it was refused when it spoke.
    const left = [...state[track].held].filter(
      ([, { cause, breaker }]) => breaker === event.breaker && forWantOfRoom.includes(cause),
    );
    for (const { from, why, decision } of transitions(moment, track)) {
      const { cause, backend } = decision;
      if (from !== 'serving' || why === 'manual' || cause.kind !== 'breaker') continue;
      for (const [other, { verdict }] of left) {
        const isWorse = cause.severity > verdict.severity || (cause.severity === verdict.severity && backend < other);
        must(isWorse, 'I14 worst first', [decision, other, verdict]);
      }
    }
  }
}

/** Twice the work of a step: some of them are enough. */
const stride = 7;

export function orderKeeper(): (moment: Moment) => void {
  let moments = 0;
  return (moment) => {
    moments += 1;
    if (moments % stride === 0) orderIsNothing(moment);
  };
}

/** The order of backends, verdicts and records in memory decides nothing. */
function orderIsNothing({ before, event, state, effects, context, again }: Moment): void {
  const turned = again(reversed(before), reversed(event), context);
  must(canonical(turned.state) === canonical(reversed(state)), 'I14 order', event);
  const sorted = (all: readonly Effect[]) => all.map(canonical).sort().join();
  must(sorted(turned.effects) === sorted(effects), 'I14 order', [effects, turned.effects]);
  must(canonical(assignmentOf(turned.state)) === canonical(assignmentOf(state)), 'I14 order', event);
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
