export type Fields = Readonly<Record<string, unknown>>;

/** Whether it is a map of fields, as JSON and YAML have them: what everything that comes from outside is asked first. */
export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Steps into nested fields; what is not there, or is none, has no fields. */
export function fieldsOf(value: unknown, ...names: readonly string[]): Fields {
  const found = names.reduce<unknown>((part, name) => (isRecord(part) ? part[name] : undefined), value);
  return isRecord(found) ? found : {};
}
