/** Whether JSON from outside has the form of a schema. */
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from './json-schema.ts';

/**
 * Made for a quick start: our own schemas are not checked against the schema of schemas (a test does that), and the code
 * made from them is not optimised, as it checks a few objects and is done. Infinity and NaN, which YAML has and
 * `1e999` becomes, are no numbers.
 */
export function createAjv(options: Options): Ajv {
  const quick = { meta: false, validateSchema: false, code: { optimize: false } };
  return new Ajv({ strict: false, strictNumbers: true, ...quick, ...options });
}

export interface SchemaCheck<Schema extends TSchema> {
  accepts(value: unknown): value is Static<Schema>;
  /** What is wrong with a value that is not accepted, every error of it. */
  errors(value: unknown): readonly ErrorObject[];
}

/** Compiled with the first value that it is asked about, some milliseconds. */
export function schemaCheck<Schema extends TSchema>(schema: Schema): SchemaCheck<Schema> {
  let compiled: ValidateFunction<Static<Schema>> | undefined;
  const validate = (): ValidateFunction<Static<Schema>> =>
    (compiled ??= createAjv({ allErrors: true }).compile<Static<Schema>>(schema));
  return {
    accepts: (value) => validate()(value),
    errors: (value) => (validate()(value) ? [] : (compiled?.errors ?? [])),
  };
}
