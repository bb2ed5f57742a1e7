import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { pathsOf, policies } from '../../test/support/policies.ts';
import { formatProblem } from '../problem.ts';
import { createPolicyParser, type PolicyOutcome } from './parse.ts';
import { schemaCheck } from '../schema-check.ts';
import { recordedPolicySchema } from './recorded-schema.ts';
import { policySchema } from './schema.ts';

const parser = createPolicyParser();

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

test('whatever is accepted can be read again from the record that keeps it', () => {
  const recorded = schemaCheck(recordedPolicySchema);
  fc.assert(
    fc.property(policies, (object) => {
      const outcome = parser.parseObject(object);
      if (outcome.kind === 'refused') throw new Error(told(outcome));
      expect(recorded.errors(JSON.parse(JSON.stringify(outcome.policy)))).toEqual([]);
    }),
    { numRuns: 300 },
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
