import { expect, it } from 'vitest';
import { Type as Typebox } from 'typebox';
import { Type } from './json-schema.ts';

/** One of everything, in every form in which our schemas have it. */
function sample(T: typeof Type): unknown {
  return T.Object(
    {
      text: T.String(),
      name: T.Optional(T.String({ minLength: 1, pattern: '^a', description: 'a name' })),
      count: T.Integer({ minimum: 1, expected: 'a count' }),
      share: T.Optional(T.Number({ maximum: 1 })),
      flag: T.Optional(T.Boolean()),
      list: T.Optional(T.Array(T.Object({ inner: T.Optional(T.Null()) }), { minItems: 1 })),
      labels: T.Record(T.String(), T.String()),
      headers: T.Record(T.String({ pattern: '^x-' }), T.String({ maxLength: 9 }), { description: 'headers' }),
      kind: T.Literal('Verdicts'),
      items: T.Union([T.Null(), T.Array(T.Unknown())]),
      type: T.Enum(['IPv4', 'IPv6']),
      other: T.Unsafe<string>({ type: 'string', enum: ['a'] }),
      open: T.Optional(T.Unknown({ open: true })),
      none: T.Object({}),
    },
    { additionalProperties: false },
  );
}

it('gives the schemas that typebox gives', () => {
  expect(JSON.parse(JSON.stringify(sample(Type)))).toEqual(JSON.parse(JSON.stringify(sample(Typebox))));
});

it('leaves a schema that is optional in one place required in another', () => {
  const name = Type.String();
  expect(Type.Object({ a: Type.Optional(name), b: name })).toMatchObject({ required: ['b'] });
});
