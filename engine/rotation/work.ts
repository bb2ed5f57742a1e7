/** What one step carries along, and the only ways it changes a track. */
import type { Breaker, Policy } from '../policy/policy.ts';
import type { StepContext } from './context.ts';
import type { Decision } from './decision.ts';
import type { Author, Effect, TransitionCause } from './event.ts';
import type { Clamp, ServiceState, Track, TrackName } from './state.ts';

export interface Work {
  readonly context: StepContext;
  /** seq of every record this step writes. */
  readonly seq: number;
  readonly effects: Effect[];
}

export function updateTrack(state: ServiceState, name: TrackName, change: Partial<Track>): ServiceState {
  return { ...state, [name]: { ...state[name], ...change } };
}

/** Writes a record and says so when what the backend gets changed. */
export function put(
  state: ServiceState,
  track: TrackName,
  decision: Decision,
  why: TransitionCause,
  work: Work,
  by?: Author,
): ServiceState {
  const before = state[track].decisions.get(decision.backend);
  const stamped: Decision = { ...decision, epoch: work.context.epoch, seq: work.seq };
  if (
    (before?.state ?? 'serving') !== stamped.state ||
    before?.step !== stamped.step ||
    before.minWeight !== stamped.minWeight ||
    (stamped.starved && !before.starved) ||
    before?.closed !== stamped.closed
  ) {
    work.effects.push({
      kind: 'transition',
      track,
      backend: stamped.backend,
      name: stamped.name,
      from: before?.state ?? 'serving',
      to: stamped.state,
      why,
      decision: stamped,
      ...(by === undefined ? {} : { by }),
    });
  }
  return updateTrack(state, track, { decisions: new Map(state[track].decisions).set(stamped.backend, stamped) });
}

/** Forgets a record: the backend is simply serving, and judged by what it does from now on. */
export function forget(
  state: ServiceState,
  track: TrackName,
  decision: Decision,
  why: TransitionCause,
  work: Work,
  by?: Author,
): ServiceState {
  const decisions = new Map(state[track].decisions);
  decisions.delete(decision.backend);
  if (decision.state !== 'serving') {
    work.effects.push({
      kind: 'transition',
      track,
      backend: decision.backend,
      name: decision.name,
      from: decision.state,
      to: 'serving',
      why,
      decision,
      ...(by === undefined ? {} : { by }),
    });
  }
  const forgotten = updateTrack(state, track, { decisions });
  if (track === 'shadow' || decision.state === 'serving') return forgotten;
  return { ...forgotten, evidenceFrom: new Map(state.evidenceFrom).set(decision.backend, work.context.now) };
}

/** Notes base and floor for the last clamp. */
export function remember(state: ServiceState, { base, floor }: Clamp): ServiceState {
  return { ...state, clamp: { base, floor } };
}

/** The decisions of a track, in an order that does not depend on how they came about. */
export function sortedDecisions(track: Track): readonly Decision[] {
  return [...track.decisions.values()].sort((a, b) => (a.backend < b.backend ? -1 : 1));
}

/** Which machine a breaker drives; `undefined` while the policy is suspended. */
export function trackOf(
  policy: Policy,
  breaker: { readonly enforcement: 'Enforce' | 'Observe' },
): TrackName | undefined {
  if (policy.enforcement === 'Suspended') return undefined;
  return policy.enforcement === 'Enforce' && breaker.enforcement === 'Enforce' ? 'enforced' : 'shadow';
}

/** The breakers that drive a track, in the order of the policy. */
export function breakersOf(policy: Policy, track: TrackName): readonly Breaker[] {
  return policy.breakers.filter((breaker) => trackOf(policy, breaker) === track);
}

/** Whether any breaker judges in this track. While none does, nobody gives evidence and time alone brings back. */
export function isJudged(state: ServiceState, track: TrackName): boolean {
  const { policy, suspension } = state;
  return policy !== undefined && suspension === undefined && breakersOf(policy, track).length > 0;
}
