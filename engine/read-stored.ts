/** What a store has of a Service, as the engine takes it in. */
import { formatProblem, type Problem } from './problem.ts';
import { readRecord, unknownRecord } from './rotation/read-record.ts';
import type { ServiceRecord } from './rotation/record.ts';
import type { Runtime } from './runtime.ts';
import type { StoredRecord } from './store/store.ts';

/** Undefined where it cannot be read: of that we know only that somebody has decided something. It is told once. */
export function readStored(
  runtime: Runtime,
  stored: StoredRecord,
  observer: { problem(problem: Problem): void },
): ServiceRecord | undefined {
  const { service, body, place, unread } = stored;
  const reading = unread === undefined ? readRecord(service, body, place) : unknownRecord(service, unread);
  if (reading.kind === 'record') {
    delete runtime.unreadable;
    return reading.record;
  }
  const { unreadable: known } = runtime;
  runtime.unreadable = reading.problem;
  if (known === undefined || formatProblem(known) !== formatProblem(reading.problem)) observer.problem(reading.problem);
  return undefined;
}
