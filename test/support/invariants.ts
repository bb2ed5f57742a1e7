/** What must be true after every step, whatever happened. Each check throws an error that begins with its rule. */
import { isDeepStrictEqual } from 'node:util';
import { velocityLimit } from '../../engine/budget/arithmetic.ts';
import { type BackendId, type EpochMs, readyMembers } from '../../engine/model.ts';
import { budgetOfService, servingIn } from '../../engine/rotation/capacity.ts';
import { type Decision, isOut, isReturning, type RotationState } from '../../engine/rotation/decision.ts';
import { hasReduction } from '../../engine/rotation/durable.ts';
import type { Effect } from '../../engine/rotation/event.ts';
import { weightOf } from '../../engine/rotation/ramp.ts';
import type { ServiceState, Track, TrackName } from '../../engine/rotation/state.ts';
import { step } from '../../engine/rotation/step.ts';
import { nextWakeMs } from '../../engine/rotation/time.ts';
import { guidanceOf } from '../../engine/rotation/unguided.ts';
import { canonical } from './frozen.ts';
import type { Moment } from './simulation.ts';
import { assignmentOf } from './world.ts';

const tracks = ['enforced', 'shadow'] as const;

export function must(holds: boolean, rule: string, what: unknown = ''): asserts holds {
  if (!holds) throw new Error(`${rule}: ${typeof what === 'string' ? what : canonical(what)}`);
}

type Transition = Extract<Effect, { kind: 'transition' }>;

function transitions({ effects }: Moment, track: TrackName): readonly Transition[] {
  return effects.filter((effect) => effect.kind === 'transition').filter((effect) => effect.track === track);
}

/** Ready backends and what is served of each, of the only port. */
function servedOf(state: ServiceState) {
  const localities = assignmentOf(state).ports[0]?.localities ?? [];
  return localities.flatMap(({ endpoints }) => endpoints);
}

/** Served: HEALTHY at full weight. A probe is traffic, but no capacity. */
function fullyServed(state: ServiceState): number {
  return servedOf(state).filter(
    ({ backend, status }) => status === 'HEALTHY' && !isOut(state.enforced.decisions.get(backend)),
  ).length;
}

/** The floor holds, but for the minute that onBreach gives, or for ever where it says Hold. */
export function floorKeeper(): (moment: Moment) => void {
  let belowSinceMs: EpochMs | undefined;
  return ({ state, context: { now, timing }, isAfterCrash }) => {
    const floor = Math.min(readyMembers(state.fleet).length, budgetOfService(state).floor);
    if (Math.min(fullyServed(state), servingIn(state, 'enforced').length) >= floor) {
      belowSinceMs = undefined;
      return;
    }
    // How long it has lasted is not on record, and a clock that is set back begins it anew.
    belowSinceMs = isAfterCrash || belowSinceMs === undefined ? now : Math.min(belowSinceMs, now);
    const isExcused = now - belowSinceMs < timing.breachDelayMs || guidanceOf(state).budget.onBreach === 'Hold';
    must(isExcused, 'I1', `${fullyServed(state)} served, floor ${floor}, for ${now - belowSinceMs} ms`);
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
    must(!byBreaker || budget.base - serving <= budget.maxOut, 'budget', { budget, serving });
    const isReduction = taken.some(({ backend }) =>
      readyMembers(moment.before.fleet).some(({ id, ready }) => ready && id === backend),
    );
    must(!isReduction || serving >= budget.floor, 'I1 at the act', { budget, serving });
  }
}

export function onlyReadyServed({ state }: Moment): void {
  const ready = new Set(readyMembers(state.fleet).map(({ id }) => id));
  const served = servedOf(state);
  const healthy = served.filter(({ status }) => status === 'HEALTHY');
  if (ready.size > 0) {
    must(healthy.length > 0, 'R7', served);
    must(
      healthy.every(({ backend }) => ready.has(backend)),
      'I2',
      served,
    );
  }
  must(
    served.every(({ weight }) => Number.isInteger(weight) && weight >= 1 && weight <= 100),
    'I12',
    served,
  );
  must(state.fleet.backends.length === 0 || served.length > 0, 'R2', 'empty');
}

/** I3: what breakers and people do never changes what the budget counts from. */
export function noRatchet({ before, event, state, context }: Moment): void {
  if (event.kind !== 'judgement' && event.kind !== 'command') return;
  const untouched = step(before, { kind: 'tick' }, context).state;
  must(budgetOfService(state).base === budgetOfService(untouched).base, 'I3', state.peaks);
}

export function decisionsExplain({ state, context }: Moment): void {
  for (const { backend, status, weight } of servedOf(state)) {
    const isReady = readyMembers(state.fleet).some(({ id }) => id === backend);
    if (!isReady || (status === 'HEALTHY' && weight === 100)) continue;
    const decision = state.enforced.decisions.get(backend);
    must(decision !== undefined && isOut(decision), 'I4', backend);
    const { cause, epoch, seq } = decision;
    must(epoch <= context.epoch && seq <= state.seq, 'I4', decision);
    const isNamed = cause.kind === 'manual' ? cause.actor !== '' : cause.breaker !== '' && Number.isFinite(cause.value);
    must(isNamed, 'I4', decision);
  }
}

/** I5: seq never goes back, and grows with whatever is written. */
export function seqGrows({ before, state }: Moment): void {
  must(state.seq === before.seq || state.seq === before.seq + 1, 'I5', `${before.seq} to ${state.seq}`);
  for (const track of tracks) {
    for (const decision of state[track].decisions.values()) {
      must(decision.seq <= state.seq, 'I5', decision);
      const old = before[track].decisions.get(decision.backend);
      const isSame = old !== undefined && meaning(old) === meaning(decision);
      must(isSame || decision.seq > before.seq, 'I5', [old, decision]);
    }
  }
}

/** All of a decision but what needs no stamp: gathered health, and times that a clock set back pulls along. */
function meaning({
  healthyMs: _,
  sinceMs: _since,
  outSinceMs: _out,
  evidenceFromMs: _from,
  ...rest
}: Decision): string {
  return canonical(rest);
}

/** I6, R6: an evaluation that says nothing changes nothing but the time. */
export function silenceChangesNothing({ before, event, state, context }: Moment): void {
  if (event.kind !== 'judgement') return;
  const { judgement } = event;
  const saysNothing =
    judgement.kind === 'unusable' ||
    [...judgement.verdicts.values()].every(({ kind }) => kind === 'insufficient' || kind === 'error');
  if (!saysNothing) return;
  const untouched = step(before, { kind: 'tick' }, context).state;
  for (const track of tracks) {
    must(isDeepStrictEqual(state[track].decisions, untouched[track].decisions), 'I6', event);
  }
}

/** I7: new ejections per window. Counts by itself, not from what the engine remembers. */
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
      must(used <= limit, 'I7', `${used} of ${limit}`);
      must(track === 'shadow' || fresh.length <= context.globalVelocity, 'R8', `${fresh.length}`);
    }
  };
}

/** I10: a backend that was not there before inherits nothing. */
export function nothingInherited({ before, state, event, isAfterCrash }: Moment): void {
  if (event.kind !== 'fleet' || isAfterCrash) return;
  const known = new Set(before.fleet.backends.map(({ id }) => id));
  for (const { id } of state.fleet.backends) {
    if (known.has(id)) continue;
    for (const track of tracks) {
      must(!state[track].decisions.has(id) && !state[track].held.has(id), 'I10', id);
    }
    must(
      [...state.breakers.values()].every(({ streaks }) => !streaks.has(id)),
      'I10',
      id,
    );
  }
}

/** I11: a strike is the price of being taken out by a breaker, one at a time; nothing else adds one. */
export function strikesAreEarned(moment: Moment): void {
  for (const track of tracks) {
    for (const decision of moment.state[track].decisions.values()) {
      const old = moment.before[track].decisions.get(decision.backend)?.retries ?? 0;
      if (decision.retries <= old) continue;
      const isTaken = transitions(moment, track).some(
        ({ backend, why }) =>
          backend === decision.backend && ['anomalous', 'anomalous-again', 'retries-exhausted'].includes(why),
      );
      must(isTaken && decision.retries === old + 1, 'I11', decision);
    }
  }
}

/** I12: on the way back weights only rise, unless it goes out again. */
export function rampsRise({ before, state }: Moment): void {
  for (const track of tracks) {
    for (const old of before[track].decisions.values()) {
      const decision = state[track].decisions.get(old.backend);
      if (!isReturning(old) || decision === undefined || !isReturning(decision)) continue;
      const [from, to] = [old, decision].map((each, index) =>
        weightOf(each, guidanceOf(index === 0 ? before : state).activator.ramp),
      );
      must((to ?? 0) >= (from ?? 0), 'I12', [old, decision]);
    }
  }
}

/** I13: eviction is asked for once, and only of what is really out. */
export function evictedOnce(moment: Moment): void {
  for (const effect of moment.effects) {
    if (effect.kind !== 'evict') continue;
    const { backend } = effect.decision;
    must(moment.before.enforced.decisions.get(backend)?.state !== 'evicted', 'I13', effect);
    must(moment.state.enforced.decisions.get(backend)?.state === 'evicted', 'I13', effect);
  }
}

/** I14: the order of backends, verdicts and records in memory decides nothing. */
export function orderIsNothing({ before, event, state, effects, context }: Moment): void {
  const turned = step(reversed(before), reversed(event), context);
  must(canonical(turned.state) === canonical(reversed(state)), 'I14', event);
  const sorted = (all: readonly Effect[]) => all.map(canonical).sort().join();
  must(sorted(turned.effects) === sorted(effects), 'I14', [effects, turned.effects]);
  must(canonical(assignmentOf(turned.state)) === canonical(assignmentOf(state)), 'I14', event);
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

/** I15, I16, I20: who may not act has nobody out. */
export function whoMayNotActDoesNot({ state, context }: Moment): void {
  const { policy, suspension, enforced, shadow } = state;
  if (context.globallySuspended) must(enforced.decisions.size + shadow.decisions.size === 0, 'I20', enforced.decisions);
  const byBreaker = [...enforced.decisions.values()].filter(({ cause }) => cause.kind === 'breaker');
  if (suspension !== undefined) must(byBreaker.length === 0, 'I20', byBreaker);
  if (policy?.enforcement === 'Suspended') must(byBreaker.length === 0, 'I20', byBreaker);
  if (policy?.enforcement === 'Observe') must(byBreaker.length === 0, 'I15', byBreaker);
  const enforcing = new Set(policy?.breakers.filter((b) => b.enforcement === 'Enforce').map(({ name }) => name));
  for (const decision of byBreaker) {
    const isHis = decision.cause.kind === 'breaker' && enforcing.has(decision.cause.breaker);
    must(isHis || decision.returning.kind === 'time', 'I16', decision);
  }
}

/** R9, R10: while nothing can be written down, nothing is taken away. */
export function nothingReducedUnwritten({ before, state, context, isAfterCrash }: Moment): void {
  if (context.canReduce || isAfterCrash) return;
  const { ramp } = guidanceOf(before).activator;
  const newRamp = guidanceOf(state).activator.ramp;
  if (canonical(ramp) !== canonical(newRamp)) return;
  must(!hasReduction(state.enforced.decisions, before.enforced.decisions, ramp), 'R9', state.enforced.decisions);
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

export function nothingIsLeftBehind({ state }: Moment): void {
  const present = new Set(state.fleet.backends.map(({ id }) => id));
  for (const { decisions, held } of [state.enforced, state.shadow]) {
    must(
      [...decisions.keys(), ...held.keys()].every((id) => present.has(id)),
      'left behind',
      decisions,
    );
  }
}

/**
 * I9: after a time without faults nobody is on the way any more. Only who gets no verdict may wait: no data is no
 * evidence.
 */
export function nobodyIsStuck(state: ServiceState): void {
  const isAcquitted = (id: BackendId): boolean =>
    [...state.breakers.values()].some(({ last }) => last?.verdicts.get(id)?.kind === 'normal');
  for (const decision of state.enforced.decisions.values()) {
    const mayWait = isReturning(decision) && !isAcquitted(decision.backend);
    must(['serving', 'paused', 'evicted'].includes(decision.state) || mayWait, 'I9', decision);
  }
}
