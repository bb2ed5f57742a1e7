/**
 * Does a value have the shape of the schema: types, bounds, patterns, required fields. The schema has no alternatives
 * (a structural CRD cannot), so every error is about one field and becomes one sentence.
 */
import type { ErrorObject } from 'ajv';
import { createAjv } from '../schema-check.ts';
import { codes } from './codes.ts';
import { type Finding, type Path, shown } from './finding.ts';
import type { SchemaNode } from './schema/vocabulary.ts';
import { nearest } from './suggest.ts';

export type ShapeCheck = (value: unknown) => readonly Finding[];

/** Compiles the schema: some ten milliseconds, so once and not per policy. */
export function createShapeCheck(schema: SchemaNode): ShapeCheck {
  const ajv = createAjv({ allErrors: true, verbose: true, validateFormats: false });
  ajv.addKeyword({
    keyword: 'x-kubernetes-int-or-string',
    validate: (_: unknown, value: unknown) => Number.isInteger(value) || typeof value === 'string',
  });
  const validate = ajv.compile(schema);
  return (value) => {
    if (validate(value)) return [];
    const findings = new Map<string, Finding>();
    for (const error of validate.errors ?? []) {
      const finding = toFinding(error);
      // A value that has the wrong type is also out of every bound: one sentence says it.
      const key = JSON.stringify(finding.path);
      if (!findings.has(key)) findings.set(key, finding);
    }
    return [...findings.values()];
  };
}

function toFinding(error: ErrorObject): Finding {
  const path = toPath(error.instancePath);
  const schema = error.parentSchema as SchemaNode;
  if (error.keyword === 'required') {
    const name = String(error.params['missingProperty']);
    const expected = schema.properties?.[name]?.expected;
    const message = `is required and missing${expected === undefined ? '' : `: it must be ${expected}`}`;
    return { code: codes.missingField, path: [...path, name], at: 'key', message };
  }
  const expected = schema.expected ?? (schema.type === 'object' ? 'a map of fields' : `of type ${schema.type}`);
  return {
    code: codes.badValue,
    path,
    at: 'value',
    message: `must be ${expected}; found ${shown(error.data)}`,
    ...remedyFor(schema, error.data),
  };
}

function remedyFor(schema: SchemaNode, value: unknown): { readonly remedy?: string } {
  if (schema.enum !== undefined && typeof value === 'string') {
    const near = nearest(value, schema.enum);
    return near === undefined ? {} : { remedy: `did you mean ${near}?` };
  }
  const unquoted = typeof value === 'number' || typeof value === 'boolean';
  if (schema.type === 'string' && schema.enum === undefined && unquoted) return { remedy: `quote it: "${value}"` };
  if (schema.decimal !== undefined && typeof value === 'number' && !Number.isInteger(value)) {
    return { remedy: `quote it: "${value}", because the Kubernetes API has no decimals` };
  }
  if (schema.durationMs !== undefined && typeof value === 'number' && !Number.isInteger(value)) {
    return { remedy: `write "${Math.round(value * 1000)}ms"` };
  }
  return {};
}

/** A JSON pointer. Our own field names are never digits, so digits are places in a list. */
function toPath(pointer: string): Path {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}
