/** Whatever the parser accepts the API server accepts, and the other way round, over policies drawn at random and spoiled. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { codes } from '../../engine/policy/codes.ts';
import { parseDecimal } from '../../engine/policy/decimal.ts';
import { parseDurationMs } from '../../engine/policy/duration.ts';
import { createPolicyParser, type PolicyOutcome } from '../../engine/policy/parse.ts';
import { specSchema } from '../../engine/policy/schema.ts';
import type { SchemaNode } from '../../engine/policy/schema/vocabulary.ts';
import { formatProblem, type Problem } from '../../engine/problem.ts';
import { describeWith } from '../support/parts.ts';
import { pathsOf, policies } from '../support/policies.ts';
import { useCluster } from './use-cluster.ts';

const path = '/apis/breaker.kubervisor.io/v1/namespaces/default/kubervisorservices';

/**
 * What the parser refuses and no structural schema can: such an object gets into the cluster, and freezes its policy on
 * the last accepted one. Nothing else may.
 */
const beyondTheApiServer: Readonly<Record<string, (problem: Problem, value: unknown) => boolean>> = {
  'CEL knows no PromQL': ({ code }) =>
    code === codes.querySyntax || code === codes.queryType || code === codes.queryFrozen,
  'bounds of a duration as text: in lists of breakers the rules would cost more than the API server allows': (
    { message },
    value,
  ) => message.startsWith('must be a duration ') && typeof value === 'string' && parseDurationMs(value) !== undefined,
  'bounds of a decimal as text, which a pattern cannot compare, for the same reason': ({ message }, value) =>
    message.startsWith('must be a number ') && typeof value === 'string' && parseDecimal(value) !== undefined,
};

/** Anything that JSON can carry in place of a part: wrong types, and values at and beyond the edges. */
const junk = fc.oneof(
  fc.constantFrom<unknown>(null, true, '', ' ', 'x', 'X', '-1', '0', '101', '5d', '99999h', '1.5', '7.', '1e3', '50%'),
  fc.constantFrom<unknown>([], {}, [null], ['a', 'a'], [100, 5], [5, 5, 100], [1], { a: 1 }, 1.5, -1, 0, 1, 2 ** 31),
  fc.constantFrom<unknown>('x'.repeat(64), 'y'.repeat(4097), 'rate(x', 'x[5m]', 'x @ 5', 'http://judge/', 'judge:0'),
  fc.integer({ min: -2, max: 200_000 }),
  fc.string({ maxLength: 8 }),
);

const spoiled = fc.tuple(policies, fc.nat(), fc.nat(), junk).map(([object, choice, edge, anything]) => {
  const spec = structuredClone(object.spec) as Parts;
  const places = pathsOf(spec).filter(({ length }) => length > 0);
  const place = places[choice % places.length] ?? [];
  const owner = valueAt(spec, place.slice(0, -1)) as Parts;
  const name = place.at(-1) ?? '';
  const edges = edgesOf(nodeAt(place), owner[name]);
  const value = edge % 3 === 0 || edges.length === 0 ? anything : edges[edge % edges.length];
  if (value === undefined && !Array.isArray(owner)) delete owner[name];
  else owner[name] = value ?? null;
  return { ...object, spec };
});

/** What lies just within and just beyond what the schema says of a place. */
function edgesOf({ minimum, maximum, maxLength, maxItems }: SchemaNode, value: unknown): readonly unknown[] {
  return [
    undefined,
    ...(minimum === undefined ? [] : [minimum - 1, minimum]),
    ...(maximum === undefined ? [] : [maximum, maximum + 1, `${maximum + 1}`]),
    ...(maxLength === undefined ? [] : ['x'.repeat(maxLength), 'x'.repeat(maxLength + 1)]),
    ...(maxItems === undefined || !Array.isArray(value)
      ? []
      : [[], [...value, ...value], Array.from({ length: maxItems + 1 }, () => value[0])]),
  ];
}

function nodeAt(place: readonly string[]): SchemaNode {
  return place.reduce<SchemaNode>((node, name) => node.items ?? node.properties?.[name] ?? {}, specSchema);
}

type Parts = Record<string, unknown>;

/** What the API server ought to say. */
function isAdmissible(outcome: PolicyOutcome, object: unknown): boolean {
  if (outcome.kind === 'accepted') return true;
  const errors = outcome.problems.filter(({ severity }) => severity === 'error');
  return errors.every((problem) =>
    isBeyond(
      problem,
      valueAt(
        object,
        (problem.field ?? '').split(/[.[\]]+/).filter((name) => name !== ''),
      ),
    ),
  );
}

function isBeyond(problem: Problem, value: unknown): boolean {
  return Object.values(beyondTheApiServer).some((fits) => fits(problem, value));
}

function valueAt(object: unknown, place: readonly string[]): unknown {
  return place.reduce<unknown>((part, name) => (part as Parts | undefined)?.[name], object);
}

function told(outcome: PolicyOutcome): string {
  return outcome.kind === 'accepted' ? 'accepted' : outcome.problems.map(formatProblem).join('\n');
}

describeWith(['kube-apiserver', 'etcd'], 'parser and API server', (executables) => {
  const parser = createPolicyParser();
  const cluster = useCluster(executables);

  async function disagreement(drawn: object): Promise<string | undefined> {
    const given = JSON.parse(JSON.stringify({ ...drawn, metadata: { name: 'p', namespace: 'default' } })) as object;
    const { status, body } = await cluster.plane.api.post(`${path}?dryRun=All&fieldValidation=Strict`, given);
    // What we read later is what is stored: without the nulls, which in a file are somebody's forgotten value.
    const object = status === 201 ? body : given;
    const outcome = parser.parseObject(object);
    if ((status === 201) === isAdmissible(outcome, object)) return undefined;
    return `${status} ${(body as { message?: string }).message ?? ''}\nparser: ${told(outcome)}`;
  }

  it('agree on policies that are valid', async () => {
    const property = fc.asyncProperty(policies, async (object) => {
      expect(await disagreement(object)).toBeUndefined();
    });
    await fc.assert(property, { numRuns: 150, seed: 1 });
  }, 120_000);

  it('agree on policies with one part spoiled', async () => {
    const property = fc.asyncProperty(spoiled, async (object) => {
      expect(await disagreement(object)).toBeUndefined();
    });
    await fc.assert(property, { numRuns: 600, seed: 1 });
  }, 120_000);
});
