/**
 * Evictions, and when they stop. There is no way back from an eviction, so it is the one act that must not repeat itself:
 * of one pod template no more than maxEvictionsPerHour, and none at all once two pods that took the place of evicted ones
 * were found bad themselves. Then it is the template that is broken, or what is measured, and killing pods is a loop.
 * Refused is not forgiven: the backend stays out.
 */
import { type Backend, type BackendId, type EpochMs, type Fleet, members } from '../model.ts';
import type { ServiceState, Track, TrackName } from './state.ts';
import { templateOf } from './template.ts';
import { guidanceOf } from './unguided.ts';
import { updateTrack } from './work.ts';

/** One that was asked for, in the record of its track. */
export interface Eviction {
  readonly atMs: EpochMs;
  readonly backend: BackendId;
  /** Absent where the labels of pods are not known: all of these count as one template. */
  readonly template?: string;
  /** The first of its template to join after it. */
  readonly replacement?: BackendId;
  /** A breaker took that one out, too. */
  readonly wasInVain?: true;
}

/** We do not ask for it. */
type EvictionLimit = 'eviction-limit' | 'kill-loop';
/** It was asked for, and this is what the cluster said. */
export type EvictionAnswer = 'disruption-budget' | 'no-controller' | 'eviction-refused';

/** Why an eviction waits. */
export interface EvictionHold {
  readonly cause: EvictionLimit | EvictionAnswer;
  readonly detail?: string;
}

const hourMs = 3_600_000;

/** Bad replacements of one template that are a loop. */
const leastInVain = 2;

/** Evictions of one Service on record within an hour. It asks for no more, whatever the policy allows. */
const maxRecorded = 100;

export function evictionHold(
  state: ServiceState,
  track: TrackName,
  backend: BackendId,
  now: EpochMs,
): EvictionHold | undefined {
  const { maxEvictionsPerHour: limit } = guidanceOf(state).activator;
  const template = templateIn(state.fleet, backend);
  const { evictions } = state[track];
  const same = evictions.filter((eviction) => eviction.template === template);
  const name = template === undefined ? 'this Service' : `template ${template}`;
  const inVain = countInVain(evictions, template);
  if (inVain >= leastInVain) {
    return { cause: 'kill-loop', detail: `${inVain} replacements of evicted pods of ${name} were bad too` };
  }
  const isFull = recent(evictions, now).length >= maxRecorded;
  if (!isFull && recent(same, now).length < limit) return undefined;
  const most = isFull ? `${maxRecorded} of this Service` : `${limit} of ${name}`;
  return { cause: 'eviction-limit', detail: `at most ${most} in an hour` };
}

/** When the eviction that is refused for its limit may happen; undefined: not by time. */
export function evictionFreeAtMs(
  state: ServiceState,
  track: TrackName,
  backend: BackendId,
  now: EpochMs,
): EpochMs | undefined {
  const hold = evictionHold(state, track, backend, now);
  if (hold?.cause !== 'eviction-limit' || guidanceOf(state).activator.maxEvictionsPerHour === 0) return undefined;
  const template = templateIn(state.fleet, backend);
  const all = recent(state[track].evictions, now);
  const counted = all.length >= maxRecorded ? all : all.filter((eviction) => eviction.template === template);
  return Math.min(...counted.map(({ atMs }) => atMs)) + hourMs;
}

/** Counts one that is asked for now. */
export function recordEviction(state: ServiceState, track: TrackName, backend: BackendId, now: EpochMs): ServiceState {
  const template = templateIn(state.fleet, backend);
  const eviction: Eviction = { atMs: now, backend, ...(template === undefined ? {} : { template }) };
  return updateTrack(state, track, { evictions: [...state[track].evictions, eviction] });
}

/** Who joins takes the place of the one of its template that was evicted first and has none yet. */
export function withReplacements(
  evictions: readonly Eviction[],
  before: Fleet,
  fleet: Fleet,
  now: EpochMs,
): readonly Eviction[] {
  // Whom we see for the first time after a start of ours did not join just now.
  if (before.backends.length === 0) return evictions;
  const known = new Set(before.backends.map(({ id }) => id));
  const joined = members(fleet).filter(({ id }) => !known.has(id));
  return joined.toSorted(byId).reduce((all, backend) => withReplacement(all, backend, now), evictions);
}

function withReplacement(evictions: readonly Eviction[], backend: Backend, now: EpochMs): readonly Eviction[] {
  const template = templateOf(backend);
  const vacant = evictions.find(
    (eviction) => eviction.template === template && eviction.replacement === undefined && now - eviction.atMs < hourMs,
  );
  if (vacant === undefined) return evictions;
  return evictions.map((eviction) => (eviction === vacant ? { ...eviction, replacement: backend.id } : eviction));
}

/** A breaker takes this one out: if it was a replacement, the eviction before it was in vain. */
export function markInVain(state: ServiceState, track: TrackName, backend: BackendId, now: EpochMs): ServiceState {
  const isConcerned = (eviction: Eviction): boolean =>
    eviction.replacement === backend && eviction.wasInVain !== true && now - eviction.atMs < hourMs;
  if (!state[track].evictions.some(isConcerned)) return state;
  const evictions = state[track].evictions.map((eviction): Eviction => {
    return isConcerned(eviction) ? { ...eviction, wasInVain: true } : eviction;
  });
  return updateTrack(state, track, { evictions });
}

/** It was not its fault after all: the eviction before it proves nothing. */
export function unmarkInVain(state: ServiceState, track: TrackName, backend: BackendId): ServiceState {
  if (!state[track].evictions.some(({ replacement }) => replacement === backend)) return state;
  const evictions = state[track].evictions.map((eviction): Eviction => {
    const { wasInVain: _, ...rest } = eviction;
    return eviction.replacement === backend ? rest : eviction;
  });
  return updateTrack(state, track, { evictions });
}

/** After an hour nothing counts any more, but a loop: that ends with its template, or when a person says so. */
export function forgetEvictions(state: ServiceState, track: TrackName, now: EpochMs): ServiceState {
  const { evictions } = state[track];
  const kept = evictions.filter(
    ({ atMs, template, wasInVain }) => now - atMs < hourMs || (wasInVain === true && isStopped(state, track, template)),
  );
  return kept.length === evictions.length ? state : updateTrack(state, track, { evictions: kept });
}

function isStopped(state: ServiceState, track: TrackName, template: string | undefined): boolean {
  const { backends } = state.fleet;
  // A fleet of nobody is one that is not known, or scaled to zero: the template may be back in a moment.
  const isThere = backends.length === 0 || backends.some((backend) => templateOf(backend) === template);
  return isThere && countInVain(state[track].evictions, template) >= leastInVain;
}

/** Evictions of some template have stopped until somebody looks at it. */
export function hasKillLoop(state: ServiceState): boolean {
  return (['enforced', 'shadow'] as const).some((track) =>
    state[track].evictions.some(({ template }) => isStopped(state, track, template)),
  );
}

/** Somebody has looked: what was in vain is so no longer. How many there were in this hour still counts. */
export function forgiveKillLoops(state: ServiceState): ServiceState {
  if (!hasKillLoop(state)) return state;
  const forgive = ({ evictions }: Track) => ({
    evictions: evictions.map(({ wasInVain: _, replacement: _replacement, ...eviction }): Eviction => eviction),
  });
  return updateTrack(updateTrack(state, 'enforced', forgive(state.enforced)), 'shadow', forgive(state.shadow));
}

function recent(evictions: readonly Eviction[], now: EpochMs): readonly Eviction[] {
  return evictions.filter(({ atMs }) => now - atMs < hourMs);
}

function templateIn(fleet: Fleet, id: BackendId): string | undefined {
  const backend = fleet.backends.find((candidate) => candidate.id === id);
  return backend && templateOf(backend);
}

function byId(a: Backend, b: Backend): number {
  return a.id < b.id ? -1 : 1;
}

function countInVain(evictions: readonly Eviction[], template: string | undefined): number {
  return evictions.filter((eviction) => eviction.template === template && eviction.wasInVain === true).length;
}
