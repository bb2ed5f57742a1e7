/** Whether a config has the shape of the schema; each error is about one field and one sentence. */
import type { ErrorObject } from 'ajv';
import { parseDurationMs } from '../policy/duration.ts';
import { type Path, shown } from '../policy/finding.ts';
import { nearest } from '../policy/suggest.ts';
import type { Problem, ProblemCode } from '../problem.ts';
import { createAjv } from '../schema-check.ts';
import { configSchema, type Words } from './schema.ts';

/** Something wrong, before it is known where in the file that is. */
export interface Flaw {
  readonly code: ProblemCode;
  /** Error unless said otherwise. */
  readonly severity?: Problem['severity'];
  readonly path: Path;
  /** What to point at: the name of the field, or its value. */
  readonly at: 'key' | 'value';
  readonly message: string;
  readonly remedy?: string;
}

export function checkShape(config: unknown): readonly Flaw[] {
  const ajv = createAjv({ allErrors: true, verbose: true });
  ajv.addKeyword({
    keyword: 'durationMs',
    validate: ({ min, max }: NonNullable<Words['durationMs']>, value: unknown) => {
      const ms = typeof value === 'number' || typeof value === 'string' ? parseDurationMs(value) : undefined;
      return ms === undefined || (ms >= min && ms <= max);
    },
  });
  const validate = ajv.compile(withoutOtherNames(configSchema));
  if (validate(config)) return [];
  const flaws = new Map<string, Flaw>();
  for (const error of validate.errors ?? []) {
    const flaw = toFlaw(error);
    // A value of the wrong type is out of every bound as well: one sentence says it.
    const key = JSON.stringify(flaw.path);
    if (!flaws.has(key)) flaws.set(key, flaw);
  }
  return [...flaws.values()];
}

/** A map whose names have a pattern takes any value under any other name, unless told not to. */
function withoutOtherNames(schema: unknown): object {
  return JSON.parse(JSON.stringify(schema), (_, part: unknown) =>
    typeof part === 'object' && part !== null && 'patternProperties' in part
      ? { ...part, additionalProperties: false }
      : part,
  ) as object;
}

interface Node extends Words {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly enum?: readonly string[];
}

function toFlaw(error: ErrorObject): Flaw {
  const path = toPath(error.instancePath);
  const schema = error.parentSchema as Node;
  switch (error.keyword) {
    case 'required': {
      const name = String(error.params['missingProperty']);
      const expected = schema.properties?.[name]?.expected;
      return {
        code: 'KV0504',
        path: [...path, name],
        at: 'key',
        message: 'is required and missing',
        ...(expected === undefined ? {} : { remedy: `${name} is ${expected}` }),
      };
    }
    case 'additionalProperties':
      return unknownName(String(error.params['additionalProperty']), path, schema);
    default:
      return badValue(path, schema, error.data);
  }
}

function unknownName(name: string, path: Path, { properties, patternProperties }: Node): Flaw {
  const flaw = { path: [...path, name], at: 'key' } as const;
  if (properties === undefined) {
    const [pattern = ''] = Object.keys(patternProperties ?? {});
    return { ...flaw, code: 'KV0503', message: 'is not a possible name here', remedy: `names must match ${pattern}` };
  }
  const known = Object.keys(properties);
  const near = nearest(name, known);
  const remedy = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`;
  return { ...flaw, code: 'KV0502', message: 'is not a known field', remedy };
}

function badValue(path: Path, schema: Node, value: unknown): Flaw {
  const expected = schema.expected ?? (schema.type === 'object' ? 'a map of fields' : `of type ${schema.type}`);
  const near = schema.enum !== undefined && typeof value === 'string' ? nearest(value, schema.enum) : undefined;
  return {
    code: 'KV0503',
    path,
    at: 'value',
    message: `must be ${expected}; found ${shown(value)}`,
    ...(near === undefined ? {} : { remedy: `did you mean ${near}?` }),
  };
}

/** From a JSON pointer. No field has a number for a name. */
function toPath(pointer: string): Path {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')));
}
