/** R8 over all Services: by the minute. */
import type { EpochMs } from './model.ts';
import type { ServiceState } from './rotation/state.ts';

const windowMs = 60_000;

/** New ejections that all Services together may still make in this minute; counted from what is decided and on record. */
export function velocityLeft(
  services: readonly { readonly state: ServiceState }[],
  now: EpochMs,
  maxPerMinute: number,
): number {
  let recent = 0;
  for (const { state } of services) {
    for (const { kind, atMs } of state.enforced.ejections) {
      // Either way: a clock that was set back must not make an ejection count for longer.
      if (kind === 'new' && Math.abs(now - atMs) < windowMs) recent += 1;
    }
  }
  return Math.max(0, maxPerMinute - recent);
}
