/** Manual acts: a person outranks every breaker, but not the floor. */
import { describeBudget, outOf, velocityLimit } from '../budget/arithmetic.ts';
import { describeHeld, type HeldCause } from '../budget/held.ts';
import { type Backend, members } from '../model.ts';
import { formatDuration } from '../policy/duration.ts';
import { budgetOfService, servingIn } from './capacity.ts';
import { maxDecisions } from './context.ts';
import { type Decision, isOut, unraised } from './decision.ts';
import type { Author, Command, CommandRefusal } from './event.ts';
import { freeze, thaw } from './freeze.ts';
import { forgiveKillLoops } from './evictions.ts';
import { isCorrelated, isYoungFleet, velocityLeft } from './guards.ts';
import { rampByTime, toServing } from './ramp.ts';
import { shapeGuard } from './shape.ts';
import { isSpared } from './stateful.ts';
import { emptyBreaker, type ServiceState } from './state.ts';
import { guidanceOf } from './unguided.ts';
import { forget, put, remember, sortedDecisions, updateTrack, type Work } from './work.ts';

export function onCommand(state: ServiceState, command: Command, work: Work): ServiceState {
  switch (command.verb) {
    case 'eject':
    case 'pause':
      return takeOut(state, command, work);
    case 'restore':
      return restore(state, command, work);
    case 'suspend':
      return suspend(state, command, work);
    case 'resume':
      return resume(state, command, work);
    case 'freeze':
      return work.context.globallySuspended
        ? refuse(state, command, 'suspended', everythingIsSuspended, work)
        : freeze(state, command, work);
    case 'unfreeze':
      return thaw(state, 'manual', work, { by: authorOf(command) });
  }
}

function takeOut(
  state: ServiceState,
  command: Extract<Command, { verb: 'eject' | 'pause' }>,
  work: Work,
): ServiceState {
  const backend = members(state.fleet).find(({ id }) => id === command.backend);
  if (backend === undefined) return refuse(state, command, 'unknown-backend', 'no such backend in this Service', work);
  const refusal = refusalOf(state, backend, command, work);
  if (refusal !== undefined) return refuse(state, command, refusal.cause, refusal.message, work);

  const { now } = work.context;
  const before = state.enforced.decisions.get(backend.id);
  const alreadyOut = isOut(before) ? before : undefined;
  const decision: Decision = {
    backend: backend.id,
    name: backend.name,
    state: command.verb === 'eject' ? 'ejected' : 'paused',
    sinceMs: now,
    durationMs: command.forMs,
    outSinceMs: alreadyOut?.outSinceMs ?? now,
    evidenceFromMs: now,
    step: 0,
    retries: before?.retries ?? 0,
    healthyMs: 0,
    ...unraised,
    closed: alreadyOut?.closed ?? false,
    cause: { kind: 'manual', verb: command.verb, actor: command.actor, reason: command.reason },
    returning: { kind: 'evidence' },
    ...(backend.incarnation === undefined ? {} : { incarnation: backend.incarnation }),
    epoch: work.context.epoch,
    seq: work.seq,
  };
  const taken = put(state, 'enforced', decision, 'manual', work, authorOf(command));
  // Whose word keeps it out has changed, and nothing else.
  if (alreadyOut !== undefined) return taken;
  const ejections = [...state.enforced.ejections, { atMs: now, backend: backend.id, kind: 'manual' } as const];
  return updateTrack(remember(taken, budgetOfService(state)), 'enforced', { ejections });
}

const everythingIsSuspended = 'everything is suspended; resume first';

function refusalOf(
  state: ServiceState,
  backend: Backend,
  command: Extract<Command, { verb: 'eject' | 'pause' }>,
  work: Work,
): { readonly cause: CommandRefusal; readonly message: string } | undefined {
  const { now, timing, canReduce, globallySuspended } = work.context;
  if (globallySuspended) return { cause: 'suspended', message: everythingIsSuspended };
  if (!canReduce) return { cause: 'store-down', message: describeHeld('store-down') };
  const { decisions } = state.enforced;
  const isFull = !decisions.has(backend.id) && decisions.size >= maxDecisions;
  if (isFull) return { cause: 'guard', message: describeHeld('store-full') };
  if (isOut(decisions.get(backend.id))) return undefined;

  const budget = budgetOfService(state);
  const serving = servingIn(state, 'enforced').length;
  const arithmetic = describeBudget(budget, serving);
  // One that is not ready takes nothing away now, but would be missed once it is.
  const out = [...decisions.values()].filter(isOut).length;
  const servingAfter = backend.ready ? serving - 1 : budget.base - out - 1;
  if (servingAfter < budget.floor) {
    const message = `it would break the floor: ${servingAfter} of ${budget.base} would serve, and ${budget.floor} must`;
    return { cause: 'floor', message };
  }
  if (command.force || !backend.ready) return undefined;
  if (outOf(budget, serving - 1) > budget.maxOut) return guard('budget', arithmetic);
  if (velocityLeft(state, guidanceOf(state), 'enforced', now, timing) <= 0) {
    const { velocityWindowMs } = timing;
    const limit = velocityLimit(budget.base, guidanceOf(state).budget);
    return guard('velocity', `at most ${limit} in ${formatDuration(velocityWindowMs)}`);
  }
  const { policy } = state;
  if (policy === undefined) return undefined;
  if (isSpared(backend, policy)) return guard('stateful', arithmetic);
  if (isCorrelated(state, policy, 'enforced', now, timing)) return guard('hold-above', arithmetic);
  if (isYoungFleet(state, policy, now)) return guard('young-fleet', arithmetic);
  const changing = shapeGuard(state, now, timing);
  if (changing !== undefined) return guard(changing, arithmetic);
  return undefined;
}

function guard(cause: HeldCause, arithmetic: string): { readonly cause: CommandRefusal; readonly message: string } {
  return { cause: 'guard', message: `${describeHeld(cause)} (${arithmetic}); --force skips this guard` };
}

function restore(state: ServiceState, command: Extract<Command, { verb: 'restore' }>, work: Work): ServiceState {
  const decision = state.enforced.decisions.get(command.backend);
  if (decision === undefined || !isOut(decision)) {
    return refuse(state, command, 'not-out', 'it is serving already', work);
  }
  const { now } = work.context;
  if (!command.ramp) return toServing(state, 'enforced', decision, 'manual', work, authorOf(command));
  return put(state, 'enforced', rampByTime(decision, now, 'manual-ramp'), 'manual', work, authorOf(command));
}

/** Break-glass: needs neither metrics nor a store. What people took out stays out, they had their reasons. */
function suspend(before: ServiceState, command: Author, work: Work): ServiceState {
  const { actor, reason } = command;
  work.effects.push({ kind: 'suspension', suspended: true, actor, reason });
  const suspended: ServiceState = { ...before, suspension: { actor, reason, sinceMs: work.context.now } };
  return liftDecisions(suspended, (decision) => decision.cause.kind === 'breaker', work, authorOf(command));
}

/** Forgets what was decided, at once and at full weight. */
export function liftDecisions(
  before: ServiceState,
  which: (decision: Decision) => boolean,
  work: Work,
  by?: Author,
): ServiceState {
  let state = before;
  for (const track of ['enforced', 'shadow'] as const) {
    for (const decision of sortedDecisions(state[track])) {
      if (which(decision)) state = forget(state, track, decision, 'suspended', work, by);
    }
    state = updateTrack(state, track, { held: new Map(), holding: new Map() });
  }
  return state;
}

/** Like a new policy: streaks from before say nothing, and the breakers observe before they act. */
function resume(before: ServiceState, command: Author, work: Work): ServiceState {
  const { actor, reason } = command;
  work.effects.push({ kind: 'suspension', suspended: false, actor, reason });
  const { suspension, ...rest } = before;
  const state = forgiveKillLoops(rest);
  // A person who only wants evictions to go on must not leave the Service unguarded meanwhile.
  if (suspension === undefined) return state;
  return { ...state, breakers: observeAnew(state.breakers) };
}

export function observeAnew(breakers: ServiceState['breakers']): ServiceState['breakers'] {
  return new Map(
    [...breakers].map(([name, { fingerprint, baseline }]) => [name, { ...emptyBreaker(fingerprint), baseline }]),
  );
}

function refuse(
  state: ServiceState,
  command: Command,
  cause: CommandRefusal,
  message: string,
  work: Work,
): ServiceState {
  work.effects.push({ kind: 'refused', command, cause, message });
  return state;
}

function authorOf({ actor, reason }: Author): Author {
  return { actor, reason };
}
