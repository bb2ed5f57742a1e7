import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { renderCrd } from './crd.ts';

interface Schema {
  readonly [keyword: string]: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

interface Crd {
  readonly spec: {
    readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }];
  };
}

const crd = parse(renderCrd()) as Crd;
const root = crd.spec.versions[0].schema.openAPIV3Schema;

/** Every node with its path, but for the root and metadata, whose schemas are the API server's. */
function nodesOf(schema: Schema, path: string): readonly (readonly [string, Schema])[] {
  const children = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    nodesOf(child, `${path}.${name}`),
  );
  const items = schema.items === undefined ? [] : nodesOf(schema.items, `${path}[]`);
  return [[path, schema], ...children, ...items];
}

const nodes = ['spec', 'status'].flatMap((name) => nodesOf(root.properties?.[name] ?? {}, name));

function offenders(isFine: (schema: Schema) => boolean): readonly string[] {
  return nodes.filter(([, schema]) => !isFine(schema)).map(([path]) => path);
}

test('the file in manifests is the one the schema gives', () => {
  const file = new URL('../../manifests/crds/kubervisorservices.yaml', import.meta.url);
  expect(readFileSync(file, 'utf8')).toBe(renderCrd());
});

test('the schema covers what it should: a guard against a test of nothing', () => {
  expect(nodes.length).toBeGreaterThan(150);
  expect(nodes.map(([path]) => path)).toEqual(
    expect.arrayContaining(['spec.breaker.ratio.bad', 'spec.breakers[].groupBy[]', 'status.ejectedEndpoints[].reason']),
  );
});

describe('the schema is structural, as the API server demands', () => {
  const isIntOrString = (schema: Schema): boolean => schema['x-kubernetes-int-or-string'] === true;

  test('only keywords it knows', () => {
    const known = new Set([
      ...[
        'type',
        'description',
        'default',
        'format',
        'enum',
        'pattern',
        'minimum',
        'maximum',
        'minLength',
        'maxLength',
      ],
      ...['minItems', 'maxItems', 'required', 'properties', 'items', 'x-kubernetes-int-or-string'],
      ...['x-kubernetes-list-type', 'x-kubernetes-list-map-keys', 'x-kubernetes-validations'],
    ]);
    expect(offenders((schema) => Object.keys(schema).every((keyword) => known.has(keyword)))).toEqual([]);
  });

  test('every node has one type, or is int-or-string and has none', () => {
    const types = ['object', 'array', 'string', 'integer', 'boolean'];
    expect(
      offenders((schema) =>
        isIntOrString(schema) ? schema['type'] === undefined : types.includes(String(schema['type'])),
      ),
    ).toEqual([]);
  });

  test('required fields and keys of lists exist', () => {
    const has = (schema: Schema | undefined, names: unknown): boolean =>
      Array.isArray(names) && names.every((name) => Object.hasOwn(schema?.properties ?? {}, String(name)));
    expect(offenders((schema) => schema['required'] === undefined || has(schema, schema['required']))).toEqual([]);
    const keys = 'x-kubernetes-list-map-keys';
    expect(offenders((schema) => schema[keys] === undefined || has(schema.items, schema[keys]))).toEqual([]);
  });

  test('list keys are required, since they have no default', () => {
    const keys = 'x-kubernetes-list-map-keys';
    const isRequired = (schema: Schema): boolean =>
      ((schema[keys] ?? []) as string[]).every((key) => ((schema.items?.['required'] ?? []) as string[]).includes(key));
    expect(offenders(isRequired)).toEqual([]);
  });
});

describe('everything is bounded, because the API server prices rules by the largest object', () => {
  test('texts', () => {
    const isText = (schema: Schema): boolean =>
      schema['type'] === 'string' || schema['x-kubernetes-int-or-string'] === true;
    expect(offenders((schema) => !isText(schema) || 'maxLength' in schema || 'enum' in schema)).toEqual([]);
  });

  test('lists', () => {
    expect(offenders((schema) => schema['type'] !== 'array' || 'maxItems' in schema)).toEqual([]);
  });

  test('numbers, but for generations', () => {
    const isBounded = (schema: Schema): boolean =>
      'minimum' in schema && ('maximum' in schema || schema['format'] === 'int64');
    expect(offenders((schema) => schema['type'] !== 'integer' || isBounded(schema))).toEqual([]);
  });
});

test('every field is described', () => {
  const described = nodes.filter(([path]) => !path.endsWith('[]'));
  expect(described.filter(([, schema]) => typeof schema['description'] !== 'string').map(([path]) => path)).toEqual([]);
});

function listed(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : `${value as string | number}`;
}

describe('a default is never written where absence has a meaning', () => {
  test.each([
    'spec.enforcement',
    'spec.eject.closeAfter',
    'spec.eject.then',
    'spec.budget.minAvailableCount',
    'spec.budget.minAvailableRatio',
    'spec.breakers[].enforcement',
    'spec.breakers[].confirm.atLeast',
    'spec.breakers[].source',
    'spec.breakers[].discreteValueOutOfList.tolerancePercent',
    'spec.activator.maxRetryCount',
    'spec.activator.maxPauseCount',
    'spec.activator.maxEvictionsPerHour',
    'spec.activator.maxStale',
  ])('%s', (path) => {
    const schema = nodes.find(([name]) => name === path)?.[1];
    expect(schema).toBeDefined();
    expect(schema).not.toHaveProperty('default');
  });

  test('and where it is written, the description says the same', () => {
    const said = (schema: Schema): boolean =>
      schema['default'] === undefined ||
      String(schema['description']).includes(` Default: ${listed(schema['default'])}.`);
    expect(offenders(said)).toEqual([]);
  });
});

test('the rules between fields are CEL', () => {
  const rules = nodes.flatMap(([path, schema]) =>
    ((schema['x-kubernetes-validations'] ?? []) as { rule: string }[]).map(({ rule }) => `${path}: ${rule}`),
  );
  expect(rules).toContain('spec: [has(self.breaker), has(self.breakers)].filter(x, x).size() == 1');
  expect(rules).toContain(
    'spec.breakers[].discreteValueOutOfList: [has(self.goodValues), has(self.badValues)].filter(x, x).size() == 1',
  );
  expect(rules).toContain(
    'spec.breakers[].confirm: !has(self.atLeast) || self.atLeast <= (has(self.of) ? self.of : 3)',
  );
  expect(rules).toContain('spec.activator.ramp.weights: self.isSorted() && self[self.size() - 1] == 100');
});
