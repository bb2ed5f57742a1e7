/** An Event as events.k8s.io/v1 has it. */
import type { EpochMs, ServiceKey } from '../model.ts';
import { splitServiceKey } from '../model.ts';
import type { JsonValue } from '../store/store.ts';
import type { EventReason, Happening } from './happening.ts';

export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** One thing that happened, told of one object. */
export interface Telling {
  readonly reason: EventReason;
  readonly type: Happening['type'];
  readonly note: string;
  readonly regarding: ObjectReference;
  readonly related?: ObjectReference;
}

/** Where the objects of the cluster are looked up: kubectl shows an Event with an object only by its UID. */
export interface References {
  pod(namespace: string, name: string): ObjectReference | undefined;
  service(key: ServiceKey): ObjectReference | undefined;
  policy(namespace: string, name: string): ObjectReference | undefined;
}

/**
 * `kubectl describe` shows Events by the object they regard and by no other, so each is told of the pod, of its Service and
 * of the policy. What else it is about is `related`.
 */
export function tellingsOf(
  { reason, type, note, backend }: Happening,
  service: ServiceKey,
  policyName: { readonly namespace: string; readonly name: string } | undefined,
  references: References,
): readonly Telling[] {
  const { namespace } = splitServiceKey(service);
  const found = backend && references.pod(namespace, backend.name);
  const pod = found?.uid === backend?.id ? found : undefined;
  const policy = policyName && references.policy(policyName.namespace, policyName.name);
  const about = references.service(service);
  const tell = (regarding: ObjectReference | undefined, related: ObjectReference | undefined): readonly Telling[] =>
    regarding === undefined ? [] : [{ reason, type, note, regarding, ...(related && { related }) }];
  return [...tell(pod, policy ?? about), ...tell(about, pod ?? policy), ...tell(policy, pod ?? about)];
}

export const eventsPath = (namespace: string): string => `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;

/** The API takes no longer note. */
const maxNoteBytes = 1024;

export function eventBody(telling: Telling, instance: string, atMs: EpochMs): JsonValue {
  const { reason, type, note, regarding, related } = telling;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { generateName: `${regarding.name}-`, namespace: regarding.namespace },
    eventTime: microTime(atMs),
    reportingController: 'kubervisor.io/kubervisor',
    reportingInstance: instance,
    action: reason,
    reason,
    type,
    note: shortened(note),
    regarding: { ...regarding },
    ...(related === undefined ? {} : { related: { ...related } }),
  };
}

/** That it happened again. The API lets nothing else of an Event be changed. */
export function seriesBody(count: number, atMs: EpochMs): JsonValue {
  return { series: { count, lastObservedTime: microTime(atMs) } };
}

/** Six digits, as the type demands. */
function microTime(atMs: EpochMs): string {
  return new Date(atMs).toISOString().replace(/Z$/, '000Z');
}

function shortened(note: string): string {
  if (Buffer.byteLength(note) <= maxNoteBytes) return note;
  let text = note.slice(0, maxNoteBytes);
  while (Buffer.byteLength(text) > maxNoteBytes - 3) text = text.slice(0, -1);
  return `${text}…`;
}
