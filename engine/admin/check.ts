/** The bounds of requests, the same on both wires. */
import { longestActMs } from '../rotation/context.ts';
import type { FreezeRequest, RestoreRequest, SuspensionRequest, TakeOutRequest, UnfreezeRequest } from './messages.ts';
import { invalid } from './refusal.ts';

const longestActSeconds = longestActMs / 1000;
export const longestReason = 256;
const longestActor = 128;
/** More than any name or address has. */
const longestName = 512;

/** Whether a person may give this as the reason of an act. */
export function isReason(text: string): boolean {
  return text.trim() !== '' && text.length <= longestReason && !/\p{Cc}/u.test(text);
}

export function checkTakeOut({ backend, forSeconds, reason, actor }: TakeOutRequest): void {
  checkName('backend', backend);
  checkTime(forSeconds);
  checkReason(reason, actor);
}

export function checkFreeze({ forSeconds, reason, actor }: FreezeRequest): void {
  checkTime(forSeconds);
  checkReason(reason, actor);
}

export function checkUnfreeze({ reason, actor }: UnfreezeRequest): void {
  checkReason(reason, actor);
}

export function checkRestore({ backend, reason, actor, ramp, local }: RestoreRequest): void {
  if (ramp && local) throw invalid('local', 'excludes ramp', 'a ramp is decided, and so it is the same everywhere');
  checkName('backend', backend);
  checkReason(reason, actor);
}

export function checkSuspension({ namespace, name, all, reason, actor }: SuspensionRequest): void {
  if (all && (namespace !== '' || name !== '')) {
    throw invalid('all', 'excludes namespace and name', 'name one Service, or set all');
  }
  checkReason(reason, actor);
}

export function checkName(field: string, text: string): void {
  if (text === '') throw invalid(field, 'is required');
  checkText(field, text, longestName);
}

function checkTime(forSeconds: number): void {
  if (forSeconds >= 1 && forSeconds <= longestActSeconds) return;
  throw invalid('forSeconds', `must be 1 to ${longestActSeconds}; found ${forSeconds}`, 'say --for 15m, at most 4h');
}

function checkReason(reason: string, actor: string): void {
  if (reason.trim() === '') throw invalid('reason', 'is required', 'say why, for whoever looks at it later');
  checkText('reason', reason, longestReason);
  checkText('actor', actor, longestActor);
}

/** Control characters would let a reason forge lines of a log or move the cursor of a terminal. */
function checkText(field: string, text: string, longest: number): void {
  if (text.length > longest) throw invalid(field, `must have at most ${longest} characters; it has ${text.length}`);
  if (/\p{Cc}/u.test(text)) throw invalid(field, 'must not contain control characters');
}
