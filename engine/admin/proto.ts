/** The service definition out of `admin.proto`, and JSON requests read by it: the proto is the schema of both wires. */
import { join } from 'node:path';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { isRecord } from '../is-record.ts';
import type { AdminMethod } from './invoke.ts';
import type { WatchRequest } from './messages.ts';
import { invalid } from './refusal.ts';

export type AdminDefinition = ServiceDefinition<Record<AdminMethod, unknown>>;

export interface AdminProto {
  readonly definition: AdminDefinition;
  /**
   * Reads the JSON of a request. A field that is left out has its proto3 default; an unknown one is an error, because a
   * misspelt `force` or `forSeconds` must not be taken for one that was left out.
   */
  readRequest(method: AdminMethod, json: unknown): Readonly<Record<string, unknown>>;
  /** The same from a query string, whose values are all text. */
  readQuery(method: AdminMethod, query: unknown): Readonly<Record<string, unknown>>;
  readWatch(query: unknown): WatchRequest;
}

const file = join(import.meta.dirname, '../../proto/kubervisor/v1/admin.proto');

/** As JSON has it: camelCase, fields without presence always there. */
export const adminMessageForm = {
  keepCase: false,
  defaults: true,
  arrays: true,
  longs: String,
  enums: String,
} as const;

export function loadAdminProto(): AdminProto {
  const service = loadSync(file, adminMessageForm)['kubervisor.v1.Admin'] as AdminService;
  const methods = Object.fromEntries(
    Object.entries(service).map(([name, method]) => [lowerFirst(name), method]),
  ) as Record<AdminMethod, AdminService[string]>;
  const fieldsOf = (method: AdminMethod): readonly Field[] => methods[method].requestType.type.field;
  const readQuery: AdminProto['readQuery'] = (method, query) =>
    readFields(fieldsOf(method), isRecord(query) ? query : {}, fromText);
  return {
    definition: methods,
    readRequest(method, json) {
      if (!isRecord(json)) throw invalid('body', 'must be a JSON object');
      return readFields(fieldsOf(method), json, (_, value) => value);
    },
    readQuery,
    // The fields of the message are those of its type; a test compares the two.
    readWatch: (query) => readQuery('watch', query) as unknown as WatchRequest,
  };
}

type AdminService = Readonly<Record<string, MethodDefinition<unknown, unknown> & RequestType>>;

/** The part of proto-loader's reflection that its types leave open. */
interface RequestType {
  readonly requestType: { readonly type: { readonly field: readonly Field[] } };
}

interface Field {
  readonly name: string;
  readonly type: string;
}

/** Requests have scalars only. */
const kinds: Readonly<Record<string, { readonly type: string; readonly zero: unknown }>> = {
  TYPE_STRING: { type: 'string', zero: '' },
  TYPE_BOOL: { type: 'boolean', zero: false },
  TYPE_DOUBLE: { type: 'number', zero: 0 },
};

function readFields(
  fields: readonly Field[],
  json: Readonly<Record<string, unknown>>,
  convert: (field: Field, value: unknown) => unknown,
): Readonly<Record<string, unknown>> {
  const names = fields.map(({ name }) => name);
  for (const name of Object.keys(json)) {
    if (!names.includes(name)) throw invalid(name, `is not a field of this request; it has ${names.join(', ')}`);
  }
  return Object.fromEntries(
    fields.map((field) => {
      const kind = kinds[field.type];
      const value = Object.hasOwn(json, field.name) ? convert(field, json[field.name]) : kind?.zero;
      if (typeof value !== kind?.type) throw invalid(field.name, `must be a ${kind?.type}`);
      return [field.name, value];
    }),
  );
}

function fromText({ type }: Field, value: unknown): unknown {
  if (type !== 'TYPE_BOOL') return value;
  return value === 'true' ? true : value === 'false' ? false : value;
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
