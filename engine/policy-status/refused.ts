/** A policy that cannot be accepted is told once, by whoever writes so into its status: however many replicas there are. */
import { type Fields, isRecord } from '../is-record.ts';

/** What is wrong, where the status that was written says it for the first time; undefined: it is no news. */
export function newlyInvalid(before: Fields, written: Fields): string | undefined {
  const now = refusalOf(written);
  return now === refusalOf(before) ? undefined : now;
}

function refusalOf({ conditions }: Fields): string | undefined {
  const found = (Array.isArray(conditions) ? conditions.filter(isRecord) : []).find(
    ({ type, status, reason }) => type === 'Accepted' && status === 'False' && reason === 'Invalid',
  );
  return found === undefined ? undefined : String(found['message']);
}
