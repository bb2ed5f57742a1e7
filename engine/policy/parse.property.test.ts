import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { formatProblem } from '../problem.ts';
import { formatDuration } from './duration.ts';
import { createPolicyParser, type PolicyOutcome } from './parse.ts';
import { policySchema, specSchema } from './schema.ts';
import type { SchemaNode } from './schema/vocabulary.ts';
import { isFields } from './walk.ts';

const parser = createPolicyParser();

/** Valid texts by field; every other text of the schema is an enum. */
const texts: Readonly<Record<string, readonly string[]>> = {
  query: ['rate(errors[1m])', 'sum by (pod, code) (increase(n[30s] offset 10s))', 'queue_depth'],
  bad: ['increase(requests_total{code=~"5.."}[1m])'],
  total: ['increase(requests_total[1m])'],
  longQuery: ['rate(errors[10m])'],
  service: ['pricer', 'a', 'x'.repeat(63)],
  customService: ['judge:8080', 'j:65535'],
  key: ['code', '_x'],
  label: ['pod', 'instance'],
  namespaceLabel: ['namespace', 'kubernetes_namespace'],
  source: ['default', 'long-term'],
  name: ['price', 'errors', 'latency-p99'],
  goodValues: ['200', '', 'ok'].filter(Boolean),
  badValues: ['500', '503'],
  groupBy: ['version', 'pod-template-hash', 'topology.kubernetes.io/zone'],
};

/** Objects with every subset of the fields there are, each with any valid value. */
function valid(node: SchemaNode, name: string): fc.Arbitrary<unknown> {
  if (node.enum !== undefined) {
    return fc.constantFrom(...node.enum);
  }
  if (node.durationMs !== undefined) {
    const { min, max } = node.durationMs;
    const whole = fc.integer({ min: Math.ceil(min / 1000), max: Math.floor(max / 1000) });
    return fc.oneof(whole, fc.integer({ min, max }).map(formatDuration));
  }
  if (node.decimal !== undefined) {
    const { min, max } = node.decimal;
    return fc
      .integer({ min, max })
      .chain((value) => fc.constantFrom(value, `${value}`, value > min && value < max ? `${value}.25` : value));
  }
  if (node['x-kubernetes-int-or-string'] === true) {
    return fc.integer({ min: 0, max: 100 }).chain((value) => fc.constantFrom<unknown>(value, `${value}`, `${value}%`));
  }
  switch (node.type) {
    case 'integer':
      return fc.integer({ min: node.minimum ?? 0, max: node.maximum ?? 0 });
    case 'boolean':
      return fc.boolean();
    case 'string':
      return fc.constantFrom(...(texts[name] ?? []));
    case 'array':
      return list(node, name);
    default:
      return fields(node).map((value) => repaired(node, value));
  }
}

function list(node: SchemaNode, name: string): fc.Arbitrary<unknown> {
  const bounds = { minLength: node.minItems ?? 0, maxLength: Math.min(node.maxItems ?? 0, 3) };
  const item = valid(node.items ?? {}, name);
  if (node.risesTo !== undefined) {
    const end = node.risesTo;
    return fc.array(item, bounds).map((weights) => [...weights.map(Number).sort((a, b) => a - b), end]);
  }
  const identity = (value: unknown): unknown => (isFields(value) ? value['name'] : value);
  return fc.uniqueArray(item, { ...bounds, selector: identity });
}

function fields(node: SchemaNode): fc.Arbitrary<Record<string, unknown>> {
  const model = Object.fromEntries(
    Object.entries(node.properties ?? {}).map(([name, child]) => [name, valid(child, name)]),
  );
  // Fields that exclude each other are all made, and repaired() keeps one.
  const oneOf = (node.choices ?? []).filter(({ exactly }) => exactly).flatMap(({ of }) => of);
  const requiredKeys = [...(node.required ?? []), ...oneOf].filter((name) => Object.hasOwn(model, name));
  return fc.record(model, { requiredKeys }).map((value) => ({ ...value }));
}

/** Keeps the rules between fields; which field survives varies with the object. */
function repaired(node: SchemaNode, value: Record<string, unknown>): Record<string, unknown> {
  for (const { of } of node.choices ?? []) {
    const set = of
      .map((path) => path.split('.'))
      .filter((path) => at(value, path.slice(0, -1), path.at(-1)) !== undefined);
    const kept = Object.keys(value).length % Math.max(1, set.length);
    set.forEach((path, index) => {
      const owner = at(value, path.slice(0, -1), path.at(-1));
      if (index !== kept && owner !== undefined) delete owner[path.at(-1) ?? ''];
    });
  }
  const { notAbove } = node;
  if (notAbove !== undefined && notAbove.field in value) {
    const limit = Number(value[notAbove.limit] ?? notAbove.limitDefault);
    value[notAbove.field] = Math.min(Number(value[notAbove.field]), limit);
  }
  return value;
}

/** The object that has the field, if there is one. */
function at(value: unknown, path: readonly string[], field: string | undefined): Record<string, unknown> | undefined {
  const owner = path.reduce<unknown>((part, name) => (isFields(part) ? part[name] : undefined), value);
  return isFields(owner) && field !== undefined && Object.hasOwn(owner, field) ? owner : undefined;
}

const policies = valid(specSchema, 'spec').map((spec) => ({
  apiVersion: 'breaker.kubervisor.io/v1',
  kind: 'KubervisorService',
  metadata: { name: 'p', namespace: 'shop' },
  spec,
}));

function told(outcome: PolicyOutcome | undefined): string {
  return outcome?.kind === 'refused' ? outcome.problems.map(formatProblem).join('\n') : (outcome?.kind ?? 'nothing');
}

test('any subset of valid fields is accepted, and says no more than warnings', () => {
  fc.assert(
    fc.property(policies, (object) => {
      const outcome = parser.parseObject(object);
      expect(told(outcome)).toBe('accepted');
      if (outcome.kind === 'accepted')
        expect(outcome.warnings.every(({ severity }) => severity === 'warning')).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('a policy normalises to finite numbers and non-empty lists, whatever was left out', () => {
  const holes = (value: unknown): boolean =>
    value === undefined ||
    value === null ||
    Number.isNaN(value) ||
    value === Number.POSITIVE_INFINITY ||
    (typeof value === 'object' && Object.values(value).some(holes));
  fc.assert(
    fc.property(policies, (object) => {
      const outcome = parser.parseObject(object);
      if (outcome.kind === 'refused') throw new Error(told(outcome));
      expect(holes(outcome.policy)).toBe(false);
      expect(outcome.policy.breakers.length).toBeGreaterThan(0);
      expect(outcome.policy.activator.ramp.weights.at(-1)).toBe(100);
    }),
    { numRuns: 200 },
  );
});

test('a file and an object that say the same make the same policy', () => {
  fc.assert(
    fc.property(policies, (object) => {
      const fromObject = parser.parseObject(object);
      const [fromText] = parser.parseText(stringify(object));
      if (fromObject.kind === 'refused' || fromText?.kind !== 'accepted') throw new Error(told(fromText));
      expect(fromText.policy).toEqual(fromObject.policy);
    }),
    { numRuns: 100 },
  );
});

/** The paths of all fields of a value, so that one of them can be spoiled. */
function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, child]) => pathsOf(child, [...path, name]))];
}

test('a policy with any one part replaced by junk never throws, and never comes out half', () => {
  fc.assert(
    fc.property(policies, fc.nat(), fc.anything(), (object, choice, junk) => {
      const paths = pathsOf(object).filter((path) => path.length > 0);
      const path = paths[choice % paths.length] ?? [];
      const copy: unknown = structuredClone(object);
      const owner = path.slice(0, -1).reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], copy);
      (owner as Record<string, unknown>)[path.at(-1) ?? ''] = junk;
      const outcome = parser.parseObject(copy);
      if (outcome.kind === 'refused') expect(outcome.problems.some(({ severity }) => severity === 'error')).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('junk never throws: objects', () => {
  fc.assert(
    fc.property(fc.anything(), (junk) => {
      expect(parser.parseObject(junk).kind).toBe('refused');
    }),
  );
});

test('junk never throws: texts, and what is left of a policy cut or spliced anywhere', () => {
  const whole = stringify(policySchema.properties === undefined ? {} : sample());
  const spliced = fc
    .tuple(fc.nat({ max: whole.length }), fc.nat({ max: 40 }), fc.string({ maxLength: 20, unit: 'binary' }))
    .map(([start, length, junk]) => whole.slice(0, start) + junk + whole.slice(start + length));
  const yamlish = fc
    .array(fc.constantFrom(...'-:{}[]&*!|>"\'#%@`,?\n \t~a1<'), { maxLength: 60 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), spliced, yamlish), (text) => {
      for (const outcome of parser.parseText(text, 'junk.yaml')) {
        if (outcome.kind === 'accepted') continue;
        expect(outcome.problems.length).toBeGreaterThan(0);
        expect(outcome.problems.every((problem) => problem.file === 'junk.yaml')).toBe(true);
      }
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ['brackets', '['.repeat(20_000)],
  ['maps', '{a: '.repeat(20_000)],
  ['indentation', Array.from({ length: 3000 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('')],
  [
    'aliases that multiply',
    `a0: &a0 [x]\n${Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]\n`).join('')}`,
  ],
  [
    'an anchor inside itself',
    'apiVersion: breaker.kubervisor.io/v1\nkind: KubervisorService\nspec: &a {service: *a, budget: *a}\n',
  ],
])('a text made to exhaust is refused: %s', (_, text) => {
  const outcomes = parser.parseText(text);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['refused']);
});

function sample(): unknown {
  return {
    apiVersion: 'breaker.kubervisor.io/v1',
    kind: 'KubervisorService',
    metadata: { name: 'p' },
    spec: {
      service: 'pricer',
      budget: { minAvailableCount: 2 },
      breakers: [{ name: 'x', threshold: { query: 'rate(a{b="c"}[1m])', operator: '>', value: 1 } }],
      activator: { mode: 'retryAndPause', period: '30s' },
    },
  };
}
