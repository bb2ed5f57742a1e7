/** Reads an object of somebody else's version: what is there, of what type, and what nobody asked for. */
import { isFields } from '../walk.ts';
import type { Notes } from './note.ts';

export interface Fields {
  readonly path: string;
  text(name: string): string | undefined;
  number(name: string): number | undefined;
  texts(name: string): readonly string[] | undefined;
  object(name: string): Fields | undefined;
  objects(name: string): readonly Fields[] | undefined;
  /** Ends the reading: whatever was not asked for has no place in the new policy, and is told. */
  done(): void;
}

/** A value of the wrong type is told and counts as absent: the original would not have taken it. */
export function fieldsOf(value: unknown, path: string, notes: Notes): Fields {
  const given = isFields(value) ? value : {};
  const asked = new Set<string>();
  const place = (name: string): string => (path === '' ? name : `${path}.${name}`);

  function take<T>(name: string, expected: string, isRight: (value: unknown) => value is T): T | undefined {
    asked.add(name);
    // Empty and absent were the same to the original, which is written in Go.
    const found = given[name];
    if (found === undefined || found === null || found === '') return undefined;
    if (isRight(found)) return found;
    notes.attention(place(name), `is not ${expected}; it is left out`);
    return undefined;
  }

  return {
    path,
    text: (name) => take(name, 'a text', (found) => typeof found === 'string'),
    number: (name) =>
      take(name, 'a number', (found): found is number => typeof found === 'number' && Number.isFinite(found)),
    texts: (name) =>
      take(
        name,
        'a list of texts',
        (found): found is readonly string[] => Array.isArray(found) && found.every((each) => typeof each === 'string'),
      ),
    object: (name) => {
      const found = take(name, 'an object', isFields);
      return found && fieldsOf(found, place(name), notes);
    },
    objects: (name) =>
      take(name, 'a list', (found): found is readonly unknown[] => Array.isArray(found))?.map((each, index) =>
        fieldsOf(each, `${place(name)}[${index}]`, notes),
      ),
    done() {
      for (const name of Object.keys(given)) {
        if (!asked.has(name)) notes.attention(place(name), 'is no field of the original; it is left out');
      }
    },
  };
}
