/** Where no Pod tells how long a backend has been ready, what we saw ourselves does. */
import type { Backend, EpochMs, Fleet } from '../model.ts';

/**
 * Dates every backend that was absent or unready in `previous` and is ready now. Not to be used on a first load: then
 * nothing is known to be young, and a restart of ours must not put a whole fleet back into warm-up.
 */
export function dateReadiness(previous: readonly Backend[], next: Fleet, now: EpochMs): Fleet {
  const before = new Map(previous.map((backend) => [backend.id, backend]));
  return { ...next, backends: next.backends.map((backend) => dated(before.get(backend.id), backend, now)) };
}

function dated(before: Backend | undefined, backend: Backend, now: EpochMs): Backend {
  if (!backend.ready || backend.readySinceMs !== undefined) return backend;
  if (before === undefined || !before.ready) return { ...backend, readySinceMs: now };
  return before.readySinceMs === undefined ? backend : { ...backend, readySinceMs: before.readySinceMs };
}
