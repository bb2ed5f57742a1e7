/** Makes data and everything in it throw when somebody changes it, maps too. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    const refuse = (): never => {
      throw new Error('the input of a pure function was changed');
    };
    for (const method of ['set', 'delete', 'clear']) Object.defineProperty(value, method, { value: refuse });
    for (const item of value.values()) deepFreeze(item);
  }
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}

/** The same text for the same meaning, whatever the order of map entries. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Map) return [...part.entries()].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    return part;
  });
}
