/** A new fleet: who left takes its record along, who restarted starts anew. */
import { recordReady } from '../budget/base.ts';
import { type BackendId, type Fleet, members, readyMembers } from '../model.ts';
import type { Decision } from './decision.ts';
import { withReplacements } from './evictions.ts';
import { shapeAfter } from './shape.ts';
import type { ServiceState, Track } from './state.ts';
import type { Work } from './work.ts';

export function onFleet(before: ServiceState, fleet: Fleet, work: Work): ServiceState {
  const { now, timing } = work.context;
  const present = new Set(members(fleet).map(({ id }) => id));
  const restarted = restartedIn(before, fleet);
  const evidenceFrom = new Map([...before.evidenceFrom].filter(([id]) => present.has(id)));
  for (const id of restarted.keys()) evidenceFrom.set(id, now);
  const replacing = (track: Track): Track => {
    const evictions = withReplacements(track.evictions, before.fleet, fleet, now);
    return evictions === track.evictions ? track : { ...track, evictions };
  };
  return {
    ...before,
    fleet,
    shape: shapeAfter(before, fleet, now, timing),
    evidenceFrom,
    enforced: replacing(trackOfThose(before.enforced, present, restarted, work)),
    shadow: replacing(trackOfThose(before.shadow, present, restarted, work)),
    breakers: mapEntries(before.breakers, (_, breaker) => {
      const streaks = mapEntries(breaker.streaks, (id, streak) => (present.has(id) ? streak : undefined));
      return streaks === breaker.streaks ? breaker : { ...breaker, streaks };
    }),
  };
}

/** Called in every step, since the peak of the last minutes ages without any event. */
export function observeSize(state: ServiceState, work: Work): ServiceState {
  const { now, timing } = work.context;
  return { ...state, peaks: recordReady(state.peaks, readyMembers(state.fleet).length, now, timing.baseWindowMs) };
}

/** Whose container is another one than the last that was seen, with its new incarnation. */
function restartedIn(before: ServiceState, fleet: Fleet): ReadonlyMap<BackendId, string> {
  const known = new Map(before.fleet.backends.map((backend) => [backend.id, backend.incarnation] as const));
  const restarted = new Map<BackendId, string>();
  for (const { id, incarnation } of fleet.backends) {
    // After a start of ours nobody was seen yet, but what is on record was.
    const previous =
      known.get(id) ?? before.enforced.decisions.get(id)?.incarnation ?? before.shadow.decisions.get(id)?.incarnation;
    if (previous !== undefined && incarnation !== undefined && previous !== incarnation) restarted.set(id, incarnation);
  }
  return restarted;
}

function trackOfThose(
  track: Track,
  present: ReadonlySet<BackendId>,
  restarted: ReadonlyMap<BackendId, string>,
  work: Work,
): Track {
  const decisions = mapEntries(track.decisions, (id, decision) => {
    const incarnation = restarted.get(id);
    if (!present.has(id)) return undefined;
    return incarnation === undefined ? decision : afterRestart(decision, incarnation, work);
  });
  const held = mapEntries(track.held, (id, each) => (present.has(id) ? each : undefined));
  return decisions === track.decisions && held === track.held ? track : { ...track, decisions, held };
}

/**
 * A restart while out keeps the decision, since the new process has proved nothing yet, but voids the strikes; a restart
 * while serving leaves nothing to remember.
 */
function afterRestart(decision: Decision, incarnation: string, { context, seq }: Work): Decision | undefined {
  if (decision.state === 'serving') return undefined;
  return { ...decision, retries: 0, starvedMs: 0, evidenceFromMs: context.now, incarnation, epoch: context.epoch, seq };
}

/** A copy with changed values and without those that became undefined; the map itself if nothing changed. */
function mapEntries<K, V>(map: ReadonlyMap<K, V>, change: (key: K, value: V) => V | undefined): ReadonlyMap<K, V> {
  const next = new Map<K, V>();
  let isSame = true;
  for (const [key, value] of map) {
    const changed = change(key, value);
    if (changed !== undefined) next.set(key, changed);
    isSame &&= changed === value;
  }
  return isSame ? map : next;
}
