import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { configSchema } from './config/schema.ts';
import { Type } from './json-schema.ts';
import { policySchema } from './policy/schema.ts';
import { schemaCheck } from './schema-check.ts';
import { EndpointSliceSchema, PodSchema, ServiceSchema } from './sources/files/schema.ts';

it.each(Object.entries({ configSchema, policySchema, ServiceSchema, EndpointSliceSchema, PodSchema }))(
  '%s is a JSON Schema: nobody looks at run time',
  (_, schema) => {
    const ajv = new Ajv({ strict: false });
    expect([ajv.validateSchema(schema), ajv.errors ?? []]).toEqual([true, []]);
  },
);

describe('a check', () => {
  const check = schemaCheck(Type.Object({ port: Type.Integer(), share: Type.Optional(Type.Number()) }));

  it('accepts what has the form, and names every place that has not', () => {
    expect(check.accepts({ port: 80 })).toBe(true);
    expect(check.errors({ port: 80 })).toEqual([]);
    expect(check.errors({ port: '80', share: 'all' }).map(({ instancePath }) => instancePath)).toEqual([
      '/port',
      '/share',
    ]);
  });

  it.each([Number.POSITIVE_INFINITY, Number.NaN])('takes %d for no number', (share) => {
    expect(check.accepts({ port: 80, share })).toBe(false);
  });
});
