/** JSON with values changed, one by one: what a hand, or another program, may have made of it. */
import type { JsonValue } from '../../engine/store/store.ts';

type Path = readonly (string | number)[];

export function pathsOf(value: JsonValue, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, part]) => pathsOf(part as JsonValue, [...path, key]))];
}

/** In place of a value: it is not there. */
export const gone = Symbol('gone');

export function changed(value: JsonValue, [key, ...rest]: Path, to: JsonValue | typeof gone): JsonValue {
  if (key === undefined) return to === gone ? null : to;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, JsonValue>;
  const isLast = rest.length === 0;
  if (isLast && to === gone) {
    if (Array.isArray(copy)) copy.splice(Number(key), 1);
    else delete copy[key];
  } else copy[key] = changed(copy[key] ?? null, rest, to);
  return copy;
}

/** Of every kind, and of those that look like what should be there. */
export const values: readonly (JsonValue | typeof gone)[] = [
  gone,
  null,
  true,
  -1,
  0,
  0.5,
  1e300,
  'x',
  'serving',
  [],
  [null],
  {},
];

/** Whether a change before has left it there. */
export function isThere(value: JsonValue, path: Path): boolean {
  return (
    path
      .slice(0, -1)
      .reduce<unknown>((part, key) => (part as Record<string, unknown> | null | undefined)?.[key], value) instanceof
    Object
  );
}
