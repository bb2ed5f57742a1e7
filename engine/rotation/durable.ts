/**
 * Reductions are persisted, then served; bringing back never waits.
 *
 * Of each backend, the served decision is the new one if it takes nothing away compared with what is on record, else
 * the one on record, until the new one is too. So a crash between deciding and writing leaves nothing served that a
 * restart would not know of, and a store that hangs delays nobody's return.
 */
import type { BackendId } from '../model.ts';
import type { RampPolicy } from '../policy/policy.ts';
import { type Decision, isOut, isReturning } from './decision.ts';
import { weightOf } from './ramp.ts';

type Decisions = ReadonlyMap<BackendId, Decision>;

export function servable(decided: Decisions, persisted: Decisions, ramp: RampPolicy): Decisions {
  if (decided === persisted) return decided;
  const served = new Map<BackendId, Decision>();
  for (const [backend, decision] of decided) {
    const onRecord = persisted.get(backend);
    const chosen = reduces(onRecord, decision, ramp) ? onRecord : decision;
    if (chosen !== undefined) served.set(backend, chosen);
  }
  return served;
}

function reduces(before: Decision | undefined, after: Decision, ramp: RampPolicy): boolean {
  // A ramp only rises. After an edit of its weights the step on record has another one, which was never meant.
  const isSameRamp = before !== undefined && isReturning(before) && isReturning(after);
  if (isSameRamp && before.outSinceMs === after.outSinceMs) return false;
  return share(after, ramp) < (before === undefined ? fullShare : share(before, ramp));
}

const fullShare = 100;

/** Traffic a backend gets: its weight, nothing while out, and less than nothing once its connections are closed too. */
function share(decision: Decision, ramp: RampPolicy): number {
  if (decision.state === 'probing' || decision.state === 'ramping') return weightOf(decision, ramp);
  if (!isOut(decision)) return fullShare;
  return decision.closed ? -1 : 0;
}
