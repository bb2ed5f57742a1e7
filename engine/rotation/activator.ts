/**
 * The activator: how long a backend stays out, and when it stops being given another chance.
 *
 * Time out = period x max(1, retries), at most the cap; of that d, a point in d/2..d chosen by hash(backend, seq).
 * Spread, so that backends ejected together do not come back together; by hash rather than by chance, so that a replay
 * of the log gives the same times.
 */
import type { BackendId } from '../model.ts';
import type { ActivatorPolicy } from '../policy/policy.ts';
import type { Decision, RotationState } from './decision.ts';
import type { Track } from './state.ts';

export function timeOutMs(
  activator: ActivatorPolicy,
  retries: number,
  backend: BackendId,
  seq: number,
  maxOutMs: number,
): number {
  const full = Math.min(maxOutMs, activator.periodMs * Math.max(1, retries));
  return Math.round(full / 2 + (full / 2) * unitHash(`${backend}#${seq}`));
}

/** What becomes of a backend that has just earned its `retries`-th retry. */
export function sentence(
  activator: ActivatorPolicy,
  retries: number,
): Extract<RotationState, 'ejected' | 'paused' | 'evicted'> {
  if (retries <= activator.maxRetryCount) return 'ejected';
  switch (activator.mode) {
    case 'periodic':
      return 'ejected';
    case 'retryAndPause':
      return 'paused';
    case 'retryAndKill':
      return 'evicted';
  }
}

/**
 * retryAndPause keeps `maxPauseCount` broken backends for inspection; of more than that the oldest is evicted. Those a
 * person paused are not counted: whoever looks at one must find it where it was. Nor are the starved: they failed nobody.
 */
export function surplusPaused(activator: ActivatorPolicy, track: Track): readonly Decision[] {
  if (activator.mode !== 'retryAndPause') return [];
  const paused = [...track.decisions.values()]
    .filter(({ state, cause, starved }) => state === 'paused' && cause.kind === 'breaker' && !starved)
    .sort((a, b) => a.sinceMs - b.sinceMs || (a.backend < b.backend ? -1 : 1));
  return paused.slice(0, Math.max(0, paused.length - activator.maxPauseCount));
}

/** FNV-1a over UTF-16 code units with a final avalanche, as a number in [0, 1). */
export function unitHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
