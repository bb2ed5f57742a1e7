/** What is decided, and by whom. */
import { type BackendId, type EpochMs, readyMembers } from '../../../engine/model.ts';
import { accusersOf, type Decision, isOut, isReturning } from '../../../engine/rotation/decision.ts';
import { weightOf } from '../../../engine/rotation/ramp.ts';
import type { ServiceState } from '../../../engine/rotation/state.ts';
import { guidanceOf } from '../../../engine/rotation/unguided.ts';
import { isJudged, trackOf } from '../../../engine/rotation/work.ts';
import { canonical } from '../../support/frozen.ts';
import type { Moment } from '../life.ts';
import { must } from './must.ts';
import { tracks, transitions } from './moment.ts';

export function decisionsExplain({ state, context, served }: Moment): void {
  for (const { backend, status, weight } of served) {
    const isReady = readyMembers(state.fleet).some(({ id }) => id === backend);
    if (!isReady || (status === 'HEALTHY' && weight === 100)) continue;
    const decision = state.enforced.decisions.get(backend);
    must(decision !== undefined && isOut(decision), 'I4 explained', backend);
    const { cause, epoch, seq } = decision;
    must(epoch <= context.epoch && seq <= state.seq, 'I4 explained', decision);
    const isNamed = cause.kind === 'manual' ? cause.actor !== '' : cause.breaker !== '' && Number.isFinite(cause.value);
    must(isNamed, 'I4 explained', decision);
  }
}

/** Seq never goes back, and grows with whatever is written. */
export function seqGrows({ before, state }: Moment): void {
  must(state.seq === before.seq || state.seq === before.seq + 1, 'I5 seq', `${before.seq} to ${state.seq}`);
  for (const track of tracks) {
    for (const decision of state[track].decisions.values()) {
      must(decision.seq <= state.seq, 'I5 seq', decision);
      const old = before[track].decisions.get(decision.backend);
      const isSame = old !== undefined && meaning(old) === meaning(decision);
      must(isSame || decision.seq > before.seq, 'I5 seq', [old, decision]);
    }
  }
}

/** All of a decision but what needs no stamp: gathered health, and times that a clock set back pulls along. */
function meaning({
  healthyMs: _,
  starvedMs: _starved,
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
      must(!state[track].decisions.has(id) && !state[track].held.has(id), 'I10 inherited', id);
    }
    must(
      [...state.breakers.values()].every(({ streaks }) => !streaks.has(id)),
      'I10 inherited',
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
          backend === decision.backend && ['anomalous', 'anomalous-again', 'cohort', 'retries-exhausted'].includes(why),
      );
      must(isTaken && decision.retries === old + 1, 'I11 strikes', decision);
    }
  }
}

/** Strikes are forgotten after enough judged health, or for a reason that is told; never by time alone. */
export function strikesAreForgiven(moment: Moment): void {
  const { before, state, event, context } = moment;
  if (event.kind === 'policy' || context.globallySuspended) return;
  const present = new Map(state.fleet.backends.map((backend) => [backend.id, backend] as const));
  for (const track of tracks) {
    // Where nobody judges nobody asks for strikes.
    if (!isJudged(state, track)) continue;
    for (const old of before[track].decisions.values()) {
      const backend = present.get(old.backend);
      const decision = state[track].decisions.get(old.backend);
      const isFewer = (decision?.retries ?? 0) < old.retries;
      // On its way already, it stays where it is, and from now on comes back by time: it was never its fault.
      const isAcquitted = decision?.returning.kind === 'time' && old.returning.kind === 'evidence';
      if (!isFewer || isAcquitted || backend === undefined || backend.terminating) continue;
      if (event.kind === 'fleet' && backend.incarnation !== old.incarnation) continue;
      const isTold = transitions(moment, track).some(
        (each) => each.backend === old.backend && each.why !== 'recovered',
      );
      if (isTold || event.kind === 'command') continue;
      must(event.kind === 'judgement', 'I11 forgiven', [old, event]);
      const breaker = before.policy?.breakers.find(({ name }) => name === event.breaker);
      const healthyMs = old.healthyMs + (breaker?.evaluationPeriodMs ?? 0);
      must(healthyMs >= guidanceOf(state).activator.resetAfterMs, 'I11 forgiven', [old, healthyMs]);
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
      must((to ?? 0) >= (from ?? 0), 'I12 weights', [old, decision]);
    }
  }
}

/** Eviction is asked for once, and only of what is really out. */
export function evictedOnce(moment: Moment): void {
  for (const effect of moment.effects) {
    if (effect.kind !== 'evict') continue;
    const { backend } = effect.decision;
    must(moment.before.enforced.decisions.get(backend)?.state !== 'evicted', 'I13 eviction', effect);
    must(moment.state.enforced.decisions.get(backend)?.state === 'evicted', 'I13 eviction', effect);
  }
}

/** Suspended, for one policy or all: pending timers do not matter, nobody is out by a breaker. */
export function suspensionHolds({ state, context }: Moment): void {
  const { policy, suspension, enforced, shadow } = state;
  if (context.globallySuspended) {
    must(enforced.decisions.size + shadow.decisions.size === 0, 'I20 suspension', enforced.decisions);
  }
  const isSuspended = suspension !== undefined || policy?.enforcement === 'Suspended';
  must(!isSuspended || takenByBreakers(state).length === 0, 'I20 suspension', enforced.decisions);
}

export function observersTakeNobodyOut({ state }: Moment): void {
  if (state.policy?.enforcement !== 'Observe') return;
  must(takenByBreakers(state).length === 0, 'I15 Observe', state.enforced.decisions);
}

/** Who accuses is there and may act, or its backends come back by time. */
export function accusersAreThere({ state }: Moment): void {
  const enforcing = new Set(state.policy?.breakers.filter((b) => b.enforcement === 'Enforce').map(({ name }) => name));
  for (const decision of takenByBreakers(state)) {
    const isHis = accusersOf(decision.cause).some((accuser) => enforcing.has(accuser));
    must(isHis || decision.returning.kind === 'time', 'I16 removed breaker', decision);
  }
}

function takenByBreakers({ enforced }: ServiceState): readonly Decision[] {
  return [...enforced.decisions.values()].filter(({ cause }) => cause.kind === 'breaker');
}

/** Without a policy whom a breaker took out ramps back by time, and then no trace of it is left. */
export function deletionKeeper(): (moment: Moment) => void {
  let goneSinceMs: EpochMs | undefined;
  let lastMs = 0;
  return ({ state, context: { now } }) => {
    const { weights, stepPeriodMs } = guidanceOf(state).activator.ramp;
    // A clock that was set: what it left out is not made up for in a burst.
    const isJump = now < lastMs || now - lastMs > stepPeriodMs;
    lastMs = now;
    if (state.policy !== undefined) goneSinceMs = undefined;
    else if (goneSinceMs === undefined || isJump) goneSinceMs = now;
    if (goneSinceMs === undefined) return;
    for (const decision of [...state.enforced.decisions.values(), ...state.shadow.decisions.values()]) {
      if (decision.cause.kind !== 'breaker') continue;
      must(decision.returning.kind === 'time', 'I16 deleted', decision);
      must(now - goneSinceMs < weights.length * stepPeriodMs, 'I16 deleted', decision);
    }
  };
}

/** While a person has it frozen, only people, edits of the policy and the floor move anybody; and no freeze outlives its time. */
export function frozenStandsStill(moment: Moment): void {
  const { before, state, event, context } = moment;
  const { freeze } = state;
  must(freeze === undefined || freeze.sinceMs + freeze.durationMs > context.now, 'I20 thaw', freeze);
  if (before.freeze === undefined || freeze === undefined || context.globallySuspended) return;
  if (event.kind === 'command' || event.kind === 'policy') return;
  for (const track of tracks) {
    const moved = transitions(moment, track).filter(
      ({ why }) => why !== 'readmitted' && why !== 'manual' && why !== 'breaker-removed',
    );
    must(moved.length === 0, 'I20 freeze', moved);
  }
}

export function nothingIsLeftBehind({ state }: Moment): void {
  const present = new Set(state.fleet.backends.map(({ id }) => id));
  for (const { decisions, held } of [state.enforced, state.shadow]) {
    must(
      [...decisions.keys(), ...held.keys()].every((id) => present.has(id)),
      'I10 left behind',
      decisions,
    );
  }
}

/**
 * After a time without faults nobody is on the way any more. Only who gets no verdict from a breaker that may act may
 * wait: no data is no evidence.
 */
export function nobodyIsStuck(state: ServiceState): void {
  const { policy, breakers } = state;
  const acting = policy?.breakers.filter((breaker) => trackOf(policy, breaker) === 'enforced') ?? [];
  const isAcquitted = (id: BackendId): boolean =>
    acting.some(({ name }) => breakers.get(name)?.last?.verdicts.get(id)?.kind === 'normal');
  for (const decision of state.enforced.decisions.values()) {
    const mayWait = isReturning(decision) && !isAcquitted(decision.backend);
    must(['serving', 'paused', 'evicted'].includes(decision.state) || mayWait, 'I9 stuck', decision);
  }
}
