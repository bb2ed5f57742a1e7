/** A record as the text in the status of a policy: what it holds, whose it is, and how two of them are ordered. */
import { maxRecordBytes } from '../../policy/schema/status.ts';
import { type ServiceKey, serviceKey, splitServiceKey } from '../../model.ts';
import { isRecord } from '../../is-record.ts';
import { parseRecord, recordPayload } from '../record.ts';
import type { JsonValue, StoredRecord } from '../store.ts';

export interface KeptRecord {
  readonly record: StoredRecord;
  /** Of the leader that wrote it. */
  readonly epoch: number;
  /** What is around the decisions could not be read: what they are is unknown, which is not the same as none. */
  readonly isReadable: boolean;
}

export function recordText(record: StoredRecord, epoch: number): string {
  return JSON.stringify(recordPayload(record, epoch));
}

/** Inside the JSON of the object each quote takes two bytes, and it is the object that etcd has to take. */
export function isTooLarge(text: string): boolean {
  return Buffer.byteLength(JSON.stringify(text)) > maxRecordBytes;
}

/** @param service of the policy, for a text that does not say whose it is */
export function readRecordText(text: string, namespace: string, service: string): KeptRecord {
  const named = namedIn(text);
  // Whoever may write a policy's status in one namespace decides about no other.
  const parsed =
    named !== undefined && splitServiceKey(named.service).namespace === namespace
      ? parseRecord(named.payload, named.service)
      : undefined;
  if (parsed !== undefined) return { ...parsed, isReadable: true };
  return unreadable({ service: serviceKey(namespace, service), revision: 0, body: text });
}

/** Newer than anything, so that nobody takes an older one for it, or writes over it. */
export function unreadable(record: StoredRecord): KeptRecord {
  const { MAX_SAFE_INTEGER } = Number;
  return { record: { ...record, revision: MAX_SAFE_INTEGER }, epoch: MAX_SAFE_INTEGER, isReadable: false };
}

function namedIn(text: string): { readonly service: ServiceKey; readonly payload: JsonValue } | undefined {
  try {
    const payload: unknown = JSON.parse(text);
    if (!isRecord(payload) || typeof payload['service'] !== 'string') return undefined;
    return { service: payload['service'] as ServiceKey, payload: payload as JsonValue };
  } catch {
    return undefined;
  }
}

/** Whether `a` was written after `b`: by a later leader, or later by the same. */
export function isNewer(a: KeptRecord, b: KeptRecord | undefined): boolean {
  return b === undefined || a.epoch > b.epoch || (a.epoch === b.epoch && a.record.revision > b.record.revision);
}

export function isSameRecord(a: KeptRecord | undefined, b: KeptRecord | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const isSameVersion = a.epoch === b.epoch && a.record.revision === b.record.revision;
  return isSameVersion && (a.isReadable || a.record.body === b.record.body);
}
