/** A value and its schema, side by side. */
import type { Path } from './finding.ts';
import type { SchemaNode } from './schema/vocabulary.ts';

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Visits every part of the value that the schema knows, outermost first. */
export function walk(
  schema: SchemaNode,
  value: unknown,
  path: Path,
  visit: (schema: SchemaNode, value: unknown, path: Path) => void,
): void {
  visit(schema, value, path);
  if (isFields(value)) {
    for (const [name, node] of Object.entries(schema.properties ?? {})) {
      if (Object.hasOwn(value, name)) walk(node, value[name], [...path, name], visit);
    }
  }
  const { items } = schema;
  if (items !== undefined && Array.isArray(value)) {
    value.forEach((item, index) => {
      walk(items, item, [...path, index], visit);
    });
  }
}
