/**
 * Warnings about what clients do. A fleet with one fault has it everywhere, again and again: the log gets one example of
 * each kind a minute, with how many more there were, and debug gets all.
 */
import type { Clock } from '../clock.ts';
import type { EpochMs } from '../model.ts';
import type { Log, LogFields } from './log.ts';

/** @param kind what has an example of its own, such as the fault and the client */
export type SampledLog = (kind: string, fields: LogFields, message: string) => void;

const exampleEveryMs = 60_000;
/** A kind is remembered; of those beyond this, whoever makes them up, one example is enough. */
const maxKinds = 1000;
const beyond = 'more kinds than are kept apart';

export function createSampledLog(log: Log, clock: Clock): SampledLog {
  const told = new Map<string, { readonly atMs: EpochMs; more: number }>();

  function makeRoom(now: EpochMs): void {
    for (const [kind, { atMs }] of told) if (Math.abs(now - atMs) >= exampleEveryMs) told.delete(kind);
  }

  return (given, fields, message) => {
    const now = clock.now();
    if (!told.has(given) && told.size >= maxKinds) makeRoom(now);
    const kind = told.has(given) || told.size < maxKinds ? given : beyond;
    const last = told.get(kind);
    if (last !== undefined && Math.abs(now - last.atMs) < exampleEveryMs) {
      last.more += 1;
      return log.debug(fields, message);
    }
    told.set(kind, { atMs: now, more: 0 });
    log.warn({ ...fields, ...(last !== undefined && last.more > 0 && { more: last.more }) }, message);
  };
}
