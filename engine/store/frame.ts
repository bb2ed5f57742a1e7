/**
 * What is around every stored document: `{"format":1,"sha256":"...","payload":...}`, one line of JSON. A text is intact
 * only if writing its payload again gives the same bytes, so any flipped bit, cut or edit shows, wherever it is.
 *
 * The frame itself, and what the hash covers, stay the same in later formats: so a version can tell "written by a newer
 * one" (refuse) from "damaged" (use the copy) without understanding the payload.
 */
import { createHash } from 'node:crypto';
import type { JsonValue } from './store.ts';

export const frameFormat = 1;

export type Unframed =
  | { readonly kind: 'intact'; readonly payload: JsonValue }
  | { readonly kind: 'newer'; readonly format: number }
  | { readonly kind: 'damaged'; readonly reason: string };

export function frame(payload: JsonValue, format: number = frameFormat): string {
  const text = JSON.stringify(payload);
  const sha256 = createHash('sha256').update(`${format}\n${text}`).digest('hex');
  return `{"format":${format},"sha256":"${sha256}","payload":${text}}\n`;
}

export function unframe(text: string): Unframed {
  if (text === '') return { kind: 'damaged', reason: 'it is empty' };
  let framed: unknown;
  try {
    framed = JSON.parse(text);
  } catch {
    return { kind: 'damaged', reason: 'it is not JSON, or only a part of it' };
  }
  if (!isFrame(framed) || frame(framed.payload, framed.format) !== text) {
    return { kind: 'damaged', reason: 'its checksum does not fit its content' };
  }
  return framed.format > frameFormat
    ? { kind: 'newer', format: framed.format }
    : { kind: 'intact', payload: framed.payload };
}

function isFrame(value: unknown): value is { readonly format: number; readonly payload: JsonValue } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'format' in value &&
    typeof value.format === 'number' &&
    'payload' in value &&
    value.payload !== undefined
  );
}
