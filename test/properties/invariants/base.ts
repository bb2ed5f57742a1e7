/** What the budget counts from, counted here once more, from the fleets that were seen. */
import { type EpochMs, members, readyMembers } from '../../../engine/model.ts';
import { budgetOfService } from '../../../engine/rotation/capacity.ts';
import { step } from '../../../engine/rotation/step.ts';
import type { Moment } from '../life.ts';
import { must } from './must.ts';

/** The current size, or the most that were ready at any time in the window if that is fewer. */
export function baseKeeper(): (moment: Moment) => void {
  /** So many were ready until then. */
  let seen: readonly { readonly untilMs: EpochMs; readonly ready: number }[] = [];
  let ready = 0;
  return ({ state, context: { now, timing } }) => {
    seen = [...seen.map((each) => ({ ...each, untilMs: Math.min(now, each.untilMs) })), { untilMs: now, ready }].filter(
      ({ untilMs }) => now - untilMs <= timing.baseWindowMs,
    );
    ready = readyMembers(state.fleet).length;
    const most = Math.max(ready, ...seen.map((each) => each.ready));
    const base = Math.min(members(state.fleet).length, most);
    must(budgetOfService(state).base === base, 'I3 base', [budgetOfService(state), base]);
  };
}

/** What breakers and people do never changes what the budget counts from. */
export function noRatchet({ before, event, state, context }: Moment): void {
  if (event.kind !== 'judgement' && event.kind !== 'command') return;
  const untouched = step(before, { kind: 'tick' }, context).state;
  must(budgetOfService(state).base === budgetOfService(untouched).base, 'I3 ratchet', state.peaks);
}
