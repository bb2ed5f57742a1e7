/** What `kubervisor suspend` leaves on a policy beside `enforcement: Suspended`: what to put back, and who did it, when and why. */
import type { Fields } from '../is-record.ts';
import type { Suspension } from '../rotation/state.ts';

/** What spec.enforcement was; empty: it was absent. */
export const beforeAnnotation = 'breaker.kubervisor.io/enforcement-before-suspension';
const whyAnnotation = 'breaker.kubervisor.io/suspended-because';
const whenAnnotation = 'breaker.kubervisor.io/suspended-at';

/** Between who and why: a name may have colons, and none with a space behind it. */
const separator = ': ';

/** @param before what spec.enforcement is; undefined: it is absent */
export function suspensionAnnotations(
  { actor, reason, sinceMs }: Suspension,
  before: string | undefined,
): Readonly<Record<string, string>> {
  return {
    [beforeAnnotation]: before ?? '',
    [whyAnnotation]: `${actor}${separator}${reason}`,
    [whenAnnotation]: new Date(sinceMs).toISOString(),
  };
}

/** As a patch has it that takes them away. */
export const noSuspension: Readonly<Record<string, null>> = {
  [beforeAnnotation]: null,
  [whyAnnotation]: null,
  [whenAnnotation]: null,
};

/** Undefined where they do not say it: the author of the policy may have suspended it. */
export function suspensionOn(annotations: Fields): Suspension | undefined {
  const because = annotations[whyAnnotation];
  const sinceMs = Date.parse(String(annotations[whenAnnotation]));
  if (typeof because !== 'string' || Number.isNaN(sinceMs)) return undefined;
  const [actor = ''] = because.split(separator, 1);
  return { actor, reason: because.slice(actor.length + separator.length), sinceMs };
}
