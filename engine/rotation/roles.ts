/** Whom a breaker of a track judges, and who is a reference. */
import type { Role, Subject } from '../breakers/subject.ts';
import { type Backend, type EpochMs, members } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import type { RotationState } from './decision.ts';
import type { ServiceState, TrackName } from './state.ts';

export function subjectsOf(state: ServiceState, policy: Policy, track: TrackName, now: EpochMs): readonly Subject[] {
  return members(state.fleet).map((backend) => ({ id: backend.id, role: roleOf(state, policy, track, backend, now) }));
}

function roleOf(state: ServiceState, policy: Policy, track: TrackName, backend: Backend, now: EpochMs): Role {
  if (!backend.ready || isYoung(backend, policy, now)) return 'excluded';
  // What is really out gets no traffic, so an observing breaker cannot judge it either.
  const real = state.enforced.decisions.get(backend.id)?.state ?? 'serving';
  const own = state[track].decisions.get(backend.id)?.state ?? 'serving';
  const roles = [roleIn(real), roleIn(own)];
  return roles.includes('excluded') ? 'excluded' : roles.includes('suspect') ? 'suspect' : 'reference';
}

function roleIn(state: RotationState): Role {
  switch (state) {
    case 'serving':
      return 'reference';
    case 'probing':
    case 'ramping':
      return 'suspect';
    case 'ejected':
    case 'paused':
    case 'evicted':
      return 'excluded';
  }
}

/**
 * Still warming up: caches are cold, counters short. An unknown age is old (see Backend.readySinceMs), and so is one from
 * further ahead than any warm-up: a clock was set back.
 */
export function isYoung(backend: Backend, policy: Policy, now: EpochMs): boolean {
  return backend.ready && backend.readySinceMs !== undefined && Math.abs(now - backend.readySinceMs) < policy.warmUpMs;
}
