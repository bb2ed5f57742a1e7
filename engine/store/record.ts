/** How a record becomes a document: its name, and what is in it besides the body. */
import type { ServiceKey } from '../model.ts';
import { serviceKey, splitServiceKey } from '../model.ts';
import type { JsonValue, StoredRecord } from './store.ts';

/** `NAMESPACE.SERVICE`. Whatever a key holds, this is a plain name in our directory, and no two keys share one. */
export function documentName(service: ServiceKey): string {
  const { namespace, name } = splitServiceKey(service);
  return `${plain(namespace)}.${plain(name)}`;
}

function plain(part: string): string {
  return encodeURIComponent(part).replaceAll('.', '%2E');
}

/** Undefined where it is not the name of a record. */
export function parseDocumentName(document: string): ServiceKey | undefined {
  const [namespace, name] = document.split('.');
  if (namespace === undefined || name === undefined) return undefined;
  try {
    const service = serviceKey(decodeURIComponent(namespace), decodeURIComponent(name));
    return documentName(service) === document ? service : undefined;
  } catch {
    return undefined;
  }
}

/** The epoch a record was written in guards against one that is handed out twice when the epoch's own file is lost. */
export function recordPayload(record: StoredRecord, epoch: number): JsonValue {
  return { service: record.service, revision: record.revision, epoch, body: record.body };
}

/** Undefined where the payload is not a record of this Service. */
export function parseRecord(
  payload: JsonValue,
  service: ServiceKey,
): { readonly record: StoredRecord; readonly epoch: number } | undefined {
  const { service: named, revision, epoch, body } = objectOf(payload);
  if (named !== service || !isCount(revision) || !isCount(epoch) || body === undefined) return undefined;
  return { record: { service, revision, body }, epoch };
}

export function epochPayload(epoch: number): JsonValue {
  return { epoch };
}

export function parseEpoch(payload: JsonValue): number | undefined {
  const { epoch } = objectOf(payload);
  return isCount(epoch) ? epoch : undefined;
}

/** One that can be counted on from: whoever comes next takes the one after it. */
function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < highestCount;
}

/** Of fifteen digits, below what is exact by far. */
const highestCount = 1e15;

function objectOf(value: JsonValue): { readonly [key: string]: JsonValue | undefined } {
  return typeof value === 'object' && value !== null && !isArray(value) ? value : {};
}

/** Array.isArray does not narrow readonly arrays. */
function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
