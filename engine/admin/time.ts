/** Moments as the API prints them. */
import type { EpochMs } from '../model.ts';

/** RFC 3339 in UTC, with milliseconds. */
export function toTime(ms: EpochMs): string {
  return new Date(ms).toISOString();
}
