/** A Service as a replica sees it that does not decide: what is on record, under today's fleet and policy. */
import type { BackendId, Fleet } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import type { Decision } from './decision.ts';
import { onRamp } from './policy-change.ts';
import type { ServiceState, Track } from './state.ts';
import { guidanceOf } from './unguided.ts';

/**
 * What is on record and does not hold any more: a suspension brought it back. That nobody leads, or that the one who leads
 * has not written it down yet, must not take anybody out again when the suspension ends.
 */
export type Lifted = ReadonlyMap<BackendId, Decision>;

/**
 * Nothing of it depends on time: replicas that know the same serve the same. What brings back by a word of
 * people, a suspension or `enforcement`, holds here at once, whether or not anybody decides (R15); all else waits until the
 * one that decides has it on record.
 */
export function followed(
  recorded: ServiceState,
  fleet: Fleet,
  policy: Policy | undefined,
  isEverythingSuspended: boolean,
  lifted: Lifted = new Map(),
): ServiceState {
  const { policy: before, ...rest } = recorded;
  const state: ServiceState = { ...rest, fleet, ...(policy === undefined ? {} : { policy }) };
  const isLifted = (decision: Decision): boolean =>
    isEverythingSuspended || (decision.cause.kind === 'breaker' && !mayBeOut(state)) || isLiftedIn(lifted, decision);
  const { ramp } = guidanceOf(state).activator;
  const known = before === undefined ? ramp : before.activator.ramp;
  const change = (each: Decision): Decision | undefined => (isLifted(each) ? undefined : onRamp(each, known, ramp));
  return { ...state, enforced: mapDecisions(state.enforced, change) };
}

/** What of the record does not hold in the state that was made of it. */
export function liftedIn(recorded: ServiceState, state: ServiceState): Lifted {
  return new Map([...recorded.enforced.decisions].filter(([id]) => !state.enforced.decisions.has(id)));
}

export function withoutLifted(recorded: ServiceState, lifted: Lifted): ServiceState {
  const change = (each: Decision): Decision | undefined => (isLiftedIn(lifted, each) ? undefined : each);
  return { ...recorded, enforced: mapDecisions(recorded.enforced, change) };
}

/** Whatever was decided since is another decision, and holds. */
function isLiftedIn(lifted: Lifted, { backend, epoch, seq }: Decision): boolean {
  const known = lifted.get(backend);
  return known !== undefined && known.epoch === epoch && known.seq === seq;
}

/** Whether a breaker may keep anybody out now. */
function mayBeOut({ policy, suspension }: ServiceState): boolean {
  return suspension === undefined && policy?.enforcement !== 'Suspended' && policy?.enforcement !== 'Observe';
}

/** The track itself where nothing changes: what is served is compared by identity. */
function mapDecisions(track: Track, change: (decision: Decision) => Decision | undefined): Track {
  const decisions = new Map<BackendId, Decision>();
  for (const [id, decision] of track.decisions) {
    const next = change(decision);
    if (next !== undefined) decisions.set(id, next);
  }
  const isSame =
    decisions.size === track.decisions.size && [...decisions].every(([id, each]) => track.decisions.get(id) === each);
  return isSame ? track : { ...track, decisions };
}
