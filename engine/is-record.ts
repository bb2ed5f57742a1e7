/** Whether it is a map of fields, as JSON and YAML have them: what everything that comes from outside is asked first. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
