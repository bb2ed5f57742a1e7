/** Whom a breaker of a track judges, and who is a reference. */
import type { Role, Subject } from '../breakers/subject.ts';
import { beginTrial, type Trial } from '../breakers/trial.ts';
import { type GroupKey, groupKeyOf } from '../group-key.ts';
import { type Backend, type BackendId, type EpochMs, members } from '../model.ts';
import type { Breaker, Policy } from '../policy/policy.ts';
import { isLeaving } from './announced.ts';
import { nameOf } from './cohort.ts';
import type { Timing } from './context.ts';
import { cohortNameOf, type Decision, isOut, type RotationState } from './decision.ts';
import { evidenceFromMs } from './evidence.ts';
import type { ServiceState, TrackName } from './state.ts';
import { trackOf } from './work.ts';

export function subjectsOf(
  state: ServiceState,
  policy: Policy,
  breaker: Breaker,
  now: EpochMs,
  timing: Timing,
): readonly Subject[] {
  const { groupBy } = breaker;
  const track = trackOf(policy, breaker) ?? 'shadow';
  return members(state.fleet).map((backend) => {
    const { id } = backend;
    const role = isLeaving(backend, now, timing) ? 'excluded' : roleOf(state, policy, breaker, track, backend, now);
    const group = groupBy === undefined ? undefined : groupKeyOf(backend, groupBy);
    return {
      id,
      role,
      ...(role === 'suspect' ? { trial: trialOf(state, track, breaker, id) } : {}),
      ...(group === undefined ? {} : { group }),
      ...(isOutWith(state[track].decisions.get(id), group) ? { isOutWithGroup: true } : {}),
    };
  });
}

function isOutWith(decision: Decision | undefined, group: GroupKey | undefined): boolean {
  if (decision === undefined || group?.kind !== 'known') return false;
  return isOut(decision) && cohortNameOf(decision) === nameOf({ by: 'group', value: group.key });
}

/** What was counted since its step began; at another step it begins anew, and so it does after a start of ours. */
function trialOf(state: ServiceState, track: TrackName, breaker: Breaker, id: BackendId): Trial {
  const known = state.breakers.get(breaker.name)?.trials.get(id);
  const sinceMs = evidenceFromMs(state, track, id);
  if (known?.sinceMs === sinceMs) return known;
  const states = [state[track], state.enforced].map(({ decisions }) => decisions.get(id)?.state);
  return beginTrial(states.includes('probing'), sinceMs);
}

function roleOf(
  state: ServiceState,
  policy: Policy,
  breaker: Breaker,
  track: TrackName,
  backend: Backend,
  now: EpochMs,
): Role {
  if (!backend.ready) return 'excluded';
  // What is really out gets no traffic, so an observing breaker cannot judge it either.
  const real = state.enforced.decisions.get(backend.id)?.state ?? 'serving';
  const own = state[track].decisions.get(backend.id)?.state ?? 'serving';
  const roles = [roleIn(real), roleIn(own)];
  const role = roles.includes('excluded') ? 'excluded' : roles.includes('suspect') ? 'suspect' : 'reference';
  // A window that reaches back into the warm-up would show it cold, for as long as it does.
  const { lookbackMs, suspectLookbackMs = lookbackMs } = breaker;
  return isYoung(backend, policy, now, role === 'suspect' ? suspectLookbackMs : lookbackMs) ? 'excluded' : role;
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
 * Still warming up, or was so within the last `lookbackMs`: caches are cold, counters short. An unknown age is old (see
 * Backend.readySinceMs), and so is one from further ahead than any warm-up: a clock was set back.
 */
export function isYoung(backend: Backend, { warmUpMs }: Policy, now: EpochMs, lookbackMs = 0): boolean {
  if (!backend.ready || backend.readySinceMs === undefined || warmUpMs === 0) return false;
  const ageMs = now - backend.readySinceMs;
  return ageMs > -warmUpMs && ageMs < warmUpMs + lookbackMs;
}
