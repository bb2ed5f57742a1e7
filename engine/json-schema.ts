/**
 * JSON Schema with TypeScript types: the few builders of typebox that we use, under its types, without loading it. The
 * library is some seven hundred modules, and a tenth of the time to start; what we need of it at run time is this page.
 * A test holds the two side by side.
 */
import type { TSchema, Type as Typebox } from 'typebox';

export type { Static, TSchema } from 'typebox';

type Options = Readonly<Record<string, unknown>>;
type Builders =
  | 'Array'
  | 'Boolean'
  | 'Enum'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
  | 'Unsafe';

/** Says of a property that it may be absent: a sign for {@link Type.Object}, and no part of the schema. */
const optional = Symbol('optional');

const builders = {
  Array: (items: TSchema, options?: Options) => ({ type: 'array', items, ...options }),
  Boolean: (options?: Options) => ({ type: 'boolean', ...options }),
  Enum: (values: readonly string[], options?: Options) => ({ enum: values, ...options }),
  Integer: (options?: Options) => ({ type: 'integer', ...options }),
  Literal: (value: string | number | boolean, options?: Options) => ({ type: typeof value, const: value, ...options }),
  Null: (options?: Options) => ({ type: 'null', ...options }),
  Number: (options?: Options) => ({ type: 'number', ...options }),
  Object(properties: Readonly<Record<string, TSchema>>, options?: Options) {
    const required = Object.keys(properties).filter((name) => !Object.hasOwn(properties[name] ?? {}, optional));
    return { type: 'object', ...(required.length > 0 && { required }), properties, ...options };
  },
  Optional: (schema: TSchema) => Object.defineProperty({ ...schema }, optional, { value: true }),
  Record: (names: { readonly pattern?: string }, values: TSchema, options?: Options) => ({
    type: 'object',
    patternProperties: { [names.pattern ?? '^.*$']: values },
    ...options,
  }),
  String: (options?: Options) => ({ type: 'string', ...options }),
  Union: (anyOf: readonly TSchema[], options?: Options) => ({ anyOf, ...options }),
  Unknown: (options?: Options) => ({ ...options }),
  Unsafe: (schema: Options) => ({ ...schema }),
};

export const Type = builders as unknown as Pick<typeof Typebox, Builders>;
