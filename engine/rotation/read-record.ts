/** A record that somebody wrote: one of ours, or why it is none. Never throws, whatever it is given. */
import type { ErrorObject } from 'ajv';
import { isRecord } from '../is-record.ts';
import type { ServiceKey } from '../model.ts';
import type { Place, Problem } from '../problem.ts';
import { schemaCheck } from '../schema-check.ts';
import { recordVersion, type ServiceRecord } from './record.ts';
import { recordSchema } from './record-schema.ts';

export type Reading =
  | { readonly kind: 'record'; readonly record: ServiceRecord }
  | { readonly kind: 'unreadable'; readonly problem: Problem };

const check = schemaCheck(recordSchema);
const nowhere: Place = { code: 'KV0819' };

/** @param place where the body is, for people, and how to do without it */
export function readRecord(service: ServiceKey, body: unknown, place: Place = nowhere): Reading {
  const version = isRecord(body) ? body['formatVersion'] : undefined;
  if (typeof version === 'number' && version !== recordVersion) {
    return unreadable({
      ...place,
      code: 'KV0412',
      message: `the decisions of ${service} have format ${version}, this version reads ${recordVersion}`,
      remedy: `start the version that wrote them${place.remedy === undefined ? '' : `; ${place.remedy}`}`,
    });
  }
  if (check.accepts(body)) return { kind: 'record', record: body };
  return unreadable({ ...place, message: `the decisions of ${service} cannot be read: ${faultOf(body)}` });
}

/** @param why as in `cannot be read: ...` */
export function unknownRecord(service: ServiceKey, why: string): Extract<Reading, { kind: 'unreadable' }> {
  return unreadable({ code: 'KV0819', message: `the decisions of ${service} cannot be read: ${why}` });
}

function unreadable(problem: Omit<Problem, 'severity'>): Extract<Reading, { kind: 'unreadable' }> {
  return { kind: 'unreadable', problem: { severity: 'error', ...problem } };
}

function faultOf(body: unknown): string {
  if (!isRecord(body)) return 'what is there is no record';
  const errors = check.errors(body);
  // Of alternatives every one has something to say against it.
  const error = errors.find(({ keyword }) => keyword === 'anyOf') ?? errors[0];
  return error === undefined ? 'it is not of the form of a record' : sentenceOf(error);
}

function sentenceOf({ instancePath, keyword, message = 'is not what it must be', params }: ErrorObject): string {
  const path = instancePath.slice(1).replaceAll('/', '.');
  const place = path === '' ? 'it' : path;
  if (keyword === 'anyOf') return `${place} has none of the forms that it may have`;
  const allowed = params['allowedValues'] as readonly unknown[] | undefined;
  return `${place} ${allowed === undefined ? message : `must be one of ${allowed.join(', ')}`}`;
}
