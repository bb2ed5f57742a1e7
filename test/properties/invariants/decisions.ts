/** What is decided, and by whom. */
import { type BackendId, readyMembers } from '../../../engine/model.ts';
import { type Decision, isOut, isReturning } from '../../../engine/rotation/decision.ts';
import { weightOf } from '../../../engine/rotation/ramp.ts';
import type { ServiceState } from '../../../engine/rotation/state.ts';
import { guidanceOf } from '../../../engine/rotation/unguided.ts';
import { canonical } from '../../support/frozen.ts';
import type { Moment } from '../life.ts';
import { must } from './must.ts';
import { servedOf, tracks, transitions } from './moment.ts';

export function decisionsExplain({ state, context }: Moment): void {
  for (const { backend, status, weight } of servedOf(state)) {
    const isReady = readyMembers(state.fleet).some(({ id }) => id === backend);
    if (!isReady || (status === 'HEALTHY' && weight === 100)) continue;
    const decision = state.enforced.decisions.get(backend);
    must(decision !== undefined && isOut(decision), 'explained', backend);
    const { cause, epoch, seq } = decision;
    must(epoch <= context.epoch && seq <= state.seq, 'explained', decision);
    const isNamed = cause.kind === 'manual' ? cause.actor !== '' : cause.breaker !== '' && Number.isFinite(cause.value);
    must(isNamed, 'explained', decision);
  }
}

/** Seq never goes back, and grows with whatever is written. */
export function seqGrows({ before, state }: Moment): void {
  must(state.seq === before.seq || state.seq === before.seq + 1, 'seq', `${before.seq} to ${state.seq}`);
  for (const track of tracks) {
    for (const decision of state[track].decisions.values()) {
      must(decision.seq <= state.seq, 'seq', decision);
      const old = before[track].decisions.get(decision.backend);
      const isSame = old !== undefined && meaning(old) === meaning(decision);
      must(isSame || decision.seq > before.seq, 'seq', [old, decision]);
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

/** A backend that was not there before inherits nothing. */
export function nothingInherited({ before, state, event, isAfterCrash }: Moment): void {
  if (event.kind !== 'fleet' || isAfterCrash) return;
  const known = new Set(before.fleet.backends.map(({ id }) => id));
  for (const { id } of state.fleet.backends) {
    if (known.has(id)) continue;
    for (const track of tracks) {
      must(!state[track].decisions.has(id) && !state[track].held.has(id), 'inherited', id);
    }
    must(
      [...state.breakers.values()].every(({ streaks }) => !streaks.has(id)),
      'inherited',
      id,
    );
  }
}

/** A strike is the price of being taken out by a breaker, one at a time; nothing else adds one. */
export function strikesAreEarned(moment: Moment): void {
  for (const track of tracks) {
    for (const decision of moment.state[track].decisions.values()) {
      const old = moment.before[track].decisions.get(decision.backend)?.retries ?? 0;
      if (decision.retries <= old) continue;
      const isTaken = transitions(moment, track).some(
        ({ backend, why }) =>
          backend === decision.backend && ['anomalous', 'anomalous-again', 'retries-exhausted'].includes(why),
      );
      must(isTaken && decision.retries === old + 1, 'strikes', decision);
    }
  }
}

/** On the way back weights only rise, unless it goes out again. */
export function rampsRise({ before, state }: Moment): void {
  for (const track of tracks) {
    for (const old of before[track].decisions.values()) {
      const decision = state[track].decisions.get(old.backend);
      if (!isReturning(old) || decision === undefined || !isReturning(decision)) continue;
      const [from, to] = [old, decision].map((each, index) =>
        weightOf(each, guidanceOf(index === 0 ? before : state).activator.ramp),
      );
      must((to ?? 0) >= (from ?? 0), 'weights', [old, decision]);
    }
  }
}

/** Eviction is asked for once, and only of what is really out. */
export function evictedOnce(moment: Moment): void {
  for (const effect of moment.effects) {
    if (effect.kind !== 'evict') continue;
    const { backend } = effect.decision;
    must(moment.before.enforced.decisions.get(backend)?.state !== 'evicted', 'eviction', effect);
    must(moment.state.enforced.decisions.get(backend)?.state === 'evicted', 'eviction', effect);
  }
}

/** R15, R16: who may not act has nobody out. */
export function whoMayNotActDoesNot({ state, context }: Moment): void {
  const { policy, suspension, enforced, shadow } = state;
  if (context.globallySuspended)
    must(enforced.decisions.size + shadow.decisions.size === 0, 'suspension', enforced.decisions);
  const byBreaker = [...enforced.decisions.values()].filter(({ cause }) => cause.kind === 'breaker');
  if (suspension !== undefined) must(byBreaker.length === 0, 'suspension', byBreaker);
  if (policy?.enforcement === 'Suspended') must(byBreaker.length === 0, 'suspension', byBreaker);
  if (policy?.enforcement === 'Observe') must(byBreaker.length === 0, 'Observe', byBreaker);
  const enforcing = new Set(policy?.breakers.filter((b) => b.enforcement === 'Enforce').map(({ name }) => name));
  for (const decision of byBreaker) {
    const isHis = decision.cause.kind === 'breaker' && enforcing.has(decision.cause.breaker);
    must(isHis || decision.returning.kind === 'time', 'removed breaker', decision);
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
 * After a time without faults nobody is on the way any more. Only who gets no verdict may wait: no data is no
 * evidence.
 */
export function nobodyIsStuck(state: ServiceState): void {
  const isAcquitted = (id: BackendId): boolean =>
    [...state.breakers.values()].some(({ last }) => last?.verdicts.get(id)?.kind === 'normal');
  for (const decision of state.enforced.decisions.values()) {
    const mayWait = isReturning(decision) && !isAcquitted(decision.backend);
    must(['serving', 'paused', 'evicted'].includes(decision.state) || mayWait, 'stuck', decision);
  }
}
