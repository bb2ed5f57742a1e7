/** A Service as a replica sees it that does not decide: what is on record, under today's fleet and policy. */
import type { BackendId, Fleet } from '../model.ts';
import type { Policy } from '../policy/policy.ts';
import type { Decision } from './decision.ts';
import { onRamp } from './policy-change.ts';
import type { ServiceState, Track } from './state.ts';
import { guidanceOf } from './unguided.ts';

/**
 * Nothing of it depends on time or on the past: replicas that know the same serve the same. What brings back by a word of
 * people, a suspension or `enforcement`, holds here at once, whether or not anybody decides (R15); all else waits until the
 * one that decides has it on record.
 */
export function followed(
  recorded: ServiceState,
  fleet: Fleet,
  policy: Policy | undefined,
  isEverythingSuspended: boolean,
): ServiceState {
  const { policy: before, ...rest } = recorded;
  const state: ServiceState = { ...rest, fleet, ...(policy === undefined ? {} : { policy }) };
  const isLifted = ({ cause }: Decision): boolean =>
    isEverythingSuspended || (cause.kind === 'breaker' && !mayBeOut(state));
  const { ramp } = guidanceOf(state).activator;
  const known = before === undefined ? ramp : before.activator.ramp;
  const change = (each: Decision): Decision | undefined => (isLifted(each) ? undefined : onRamp(each, known, ramp));
  return { ...state, enforced: mapDecisions(state.enforced, change) };
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
