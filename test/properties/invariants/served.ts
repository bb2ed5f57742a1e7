/** What is served: the floor, the budget, the velocity. */
import { isDeepStrictEqual } from 'node:util';
import { velocityLimit } from '../../../engine/budget/arithmetic.ts';
import { type BackendId, type EpochMs, readyMembers } from '../../../engine/model.ts';
import { budgetOfService, servingIn } from '../../../engine/rotation/capacity.ts';
import { isOut, type RotationState } from '../../../engine/rotation/decision.ts';
import { servable } from '../../../engine/rotation/durable.ts';
import type { ServiceState, TrackName } from '../../../engine/rotation/state.ts';
import { guidanceOf } from '../../../engine/rotation/unguided.ts';
import type { Moment } from '../life.ts';
import { must } from './must.ts';
import { tracks, transitions } from './moment.ts';

/** Served: HEALTHY at full weight. A probe is traffic, but no capacity. */
function fullyServed({ state, served }: Moment): number {
  return served.filter(({ backend, status }) => status === 'HEALTHY' && !isOut(state.enforced.decisions.get(backend)))
    .length;
}

/** The floor holds, but for the minute that onBreach gives, or for ever where it says Hold. */
export function floorKeeper(): (moment: Moment) => void {
  let belowSinceMs: EpochMs | undefined;
  return (moment) => {
    const { state, context, isAfterCrash } = moment;
    const { now, timing } = context;
    const floor = Math.min(readyMembers(state.fleet).length, budgetOfService(state).floor);
    if (Math.min(fullyServed(moment), servingIn(state, 'enforced').length) >= floor) {
      belowSinceMs = undefined;
      return;
    }
    // How long it has lasted is not on record, and a clock that is set back begins it anew.
    belowSinceMs = isAfterCrash || belowSinceMs === undefined ? now : Math.min(belowSinceMs, now);
    const isExcused = now - belowSinceMs < timing.breachDelayMs || guidanceOf(state).budget.onBreach === 'Hold';
    must(isExcused, 'I1 floor', `${fullyServed(moment)} served, floor ${floor}, for ${now - belowSinceMs} ms`);
  };
}

/** Whoever is newly taken out goes within the budget, and leaves the floor standing. */
export function budgetKept(moment: Moment): void {
  for (const track of tracks) {
    const taken = transitions(moment, track).filter(({ from, to }) => from === 'serving' && to !== 'serving');
    if (taken.length === 0) continue;
    const budget = budgetOfService(moment.state);
    const serving = servingIn(moment.state, track).length;
    const byBreaker = taken.some(({ why }) => why !== 'manual');
    must(!byBreaker || budget.base - serving <= budget.maxOut, 'I1 budget', { budget, serving });
    const isReduction = taken.some(({ backend }) =>
      readyMembers(moment.before.fleet).some(({ id, ready }) => ready && id === backend),
    );
    must(!isReduction || serving >= budget.floor, 'I1 floor at the act', { budget, serving });
  }
}

export function someoneIsServed({ state, served }: Moment): void {
  const isHealthy = served.some(({ status }) => status === 'HEALTHY');
  must(isHealthy || readyMembers(state.fleet).length === 0, 'I1 nobody served', served);
  must(state.fleet.backends.length === 0 || served.length > 0, 'I1 empty', 'a fleet that has backends');
}

export function onlyReadyServed({ state, served }: Moment): void {
  const ready = new Set(readyMembers(state.fleet).map(({ id }) => id));
  if (ready.size === 0) return;
  for (const { backend, status } of served) {
    must(status !== 'HEALTHY' || ready.has(backend), 'I2 only ready ones', backend);
  }
}

export function weightsAreWhole({ served }: Moment): void {
  for (const { backend, weight } of served) {
    must(Number.isInteger(weight) && weight >= 1 && weight <= 100, 'I12 whole', [backend, weight]);
  }
}

/** New ejections per window. Counts by itself, not from what the engine remembers. */
export function velocityKeeper(): (moment: Moment) => void {
  let taken: readonly { readonly track: TrackName; readonly atMs: EpochMs }[] = [];
  return (moment) => {
    const { context, state, before, event } = moment;
    const { now, timing } = context;
    taken = taken
      .map((each) => ({ ...each, atMs: Math.min(now, each.atMs) }))
      .filter(({ atMs }) => now - atMs <= timing.velocityWindowMs);
    const isManual = event.kind === 'command' && (event.command.verb === 'eject' || event.command.verb === 'pause');
    for (const track of tracks) {
      const left = state[track].decisions;
      const fresh = [...left.values()].filter(({ backend, state: now }) => {
        const old = before[track].decisions.get(backend)?.state ?? 'serving';
        return old === 'serving' && now !== 'serving';
      });
      taken = [...taken, ...fresh.map(() => ({ track, atMs: now }))];
      if (fresh.length === 0 || isManual) continue;
      const used = taken.filter((each) => each.track === track).length;
      const limit = velocityLimit(budgetOfService(state).base, guidanceOf(state).budget);
      must(used <= limit, 'I7 velocity', `${used} of ${limit}`);
      must(track === 'shadow' || fresh.length <= context.globalVelocity, 'I7 all Services', `${fresh.length}`);
    }
  };
}

/** R9, R10: while nothing can be written down, nothing is taken away. */
export function nothingReducedUnwritten({ before, state, context, isAfterCrash }: Moment): void {
  if (context.canReduce || isAfterCrash) return;
  const { ramp } = guidanceOf(state).activator;
  const { decisions } = state.enforced;
  must(isDeepStrictEqual(servable(decisions, before.enforced.decisions, ramp), decisions), 'I4 unwritten', decisions);
}

/**
 * The last clamp is for the day the engine fails: until then what is decided is what is served. But one that was not ready
 * while it was out was no loss to the budget; once it is ready again, the clamp may count one too many.
 */
export function clampKeeper(): (moment: Moment) => void {
  let uncounted: ReadonlySet<BackendId> = new Set();
  return ({ state, served }) => {
    const ready = new Set(readyMembers(state.fleet).map(({ id }) => id));
    const out = [...state.enforced.decisions.values()].filter(isOut).map(({ backend }) => backend);
    uncounted = new Set(out.filter((id) => uncounted.has(id) || !ready.has(id)));
    const isGiven = (id: BackendId): boolean => !['ejected', 'paused', 'evicted'].includes(stateIn(state, id));
    if (uncounted.size > 0 || ![...ready].some(isGiven)) return;
    for (const { backend, status } of served) {
      must(status !== 'HEALTHY' || isGiven(backend), 'I4 clamp', [backend, state.clamp]);
    }
  };
}

function stateIn(state: ServiceState, id: BackendId): RotationState {
  return state.enforced.decisions.get(id)?.state ?? 'serving';
}
