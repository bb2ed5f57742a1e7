/** Policies at random, after the schema: any subset of the fields there are, each with any value it may have. */
import fc from 'fast-check';
import { formatDuration } from '../../engine/policy/duration.ts';
import { specSchema } from '../../engine/policy/schema.ts';
import type { SchemaNode } from '../../engine/policy/schema/vocabulary.ts';
import { isFields } from '../../engine/policy/walk.ts';

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

export const policies = valid(specSchema, 'spec').map((spec) => ({
  apiVersion: 'breaker.kubervisor.io/v1',
  kind: 'KubervisorService',
  metadata: { name: 'p', namespace: 'shop' },
  spec,
}));

/** The paths of all fields of a value, so that one of them can be spoiled. */
export function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, child]) => pathsOf(child, [...path, name]))];
}
