import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LineCounter, parseAllDocuments } from 'yaml';
import { formatProblem } from '../problem.ts';
import { createPolicyParser, type PolicyOutcome } from './parse.ts';
import type { Policy } from './policy.ts';

const parser = createPolicyParser();

const slide = `apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata: {name: foo}
spec:
  service: foo-svc
  breaker: {minPodsAvailableCount: 2, minPodsAvailableRatio: 50, customService: my-metrics-svc:8080}
  activator: {mode: periodic, period: 15, maxRetryCount: 2}
`;

/** The fields of the spec begin at line 5, column 3. */
function policy(spec: string): string {
  return `apiVersion: breaker.kubervisor.io/v1\nkind: KubervisorService\nmetadata: {name: p, namespace: shop}\nspec:\n${spec}`;
}

const threshold = `  breakers:
  - name: errors
    threshold: {query: 'rate(errors[1m])', operator: '>', value: 5}
`;

function only(outcomes: readonly PolicyOutcome[]): PolicyOutcome {
  const [outcome] = outcomes;
  if (outcome === undefined || outcomes.length > 1) throw new Error(`${outcomes.length} outcomes`);
  return outcome;
}

function accepted(text: string): Policy {
  const outcome = only(parser.parseText(text, 'p.yaml'));
  if (outcome.kind === 'refused') throw new Error(outcome.problems.map(formatProblem).join('\n'));
  return outcome.policy;
}

/** The problems as a terminal shows them, without the constant "p.yaml:". */
function problemsOf(text: string): readonly string[] {
  const outcome = only(parser.parseText(text, 'p.yaml'));
  const problems = outcome.kind === 'refused' ? outcome.problems : outcome.warnings;
  return problems.map((problem) => formatProblem(problem).replace('p.yaml:', ''));
}

describe('what must load', () => {
  test("the talk's slide, byte for byte", () => {
    expect(accepted(slide)).toMatchObject({
      namespace: 'default',
      name: 'foo',
      service: 'default/foo-svc',
      budget: { minAvailableCount: 2, minAvailableRatioPercent: 50 },
      breakers: [{ name: 'breaker', detector: { kind: 'customService', service: 'my-metrics-svc', port: 8080 } }],
      activator: { mode: 'periodic', periodMs: 15_000, maxRetryCount: 2 },
    });
  });

  test('the slide is what the example holds', () => {
    expect(readFileSync(new URL('../../examples/shorthand.yaml', import.meta.url), 'utf8')).toBe(slide);
  });

  const examples = readdirSync(new URL('../../examples/', import.meta.url)).filter((name) => name.endsWith('.yaml'));

  test.each(examples)('the example %s', (name) => {
    const text = readFileSync(new URL(`../../examples/${name}`, import.meta.url), 'utf8');
    for (const outcome of parser.parseText(text, name)) {
      expect(outcome.kind === 'refused' ? outcome.problems : []).toEqual([]);
    }
  });

  test('what an API server gives back: managed metadata, status, defaults written out', () => {
    const text = `apiVersion: breaker.kubervisor.io/v1
kind: KubervisorService
metadata:
  name: p
  namespace: shop
  creationTimestamp: "2026-03-01T10:00:00Z"
  generation: 3
  managedFields: [{manager: kubectl}]
spec:
  service: pricer
  settle: 10
  warmUp: 2m
${threshold}status:
  observedGeneration: 3
`;
    expect(accepted(text).createdAtMs).toBe(Date.UTC(2026, 2, 1, 10));
  });

  test('an object that was never stored, without a date', () => {
    const text = policy(`  service: pricer\n${threshold}`).replace('{name: p', '{creationTimestamp: null, name: p');
    expect(accepted(text)).not.toHaveProperty('createdAtMs');
  });

  test('several documents in one text, each for itself; empty ones are skipped', () => {
    const outcomes = parser.parseText(`---\n${slide}---\n---\n${slide.replace('foo-svc', 'Bad_')}`);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'refused']);
  });

  test('anchors and merge keys, as kubectl reads them', () => {
    const text = policy(`  service: pricer
  breakers:
  - &base
    name: a
    threshold: {query: 'rate(errors[1m])', operator: '>', value: 5}
  - <<: *base
    name: b
`);
    expect(accepted(text).breakers.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('a policy inside a List, with places in the file', () => {
    const text = `kind: List\nitems:\n- kind: Service\n- ${slide.trimEnd().replaceAll('\n', '\n  ').replace('foo-svc', 'Foo')}\n`;
    const lines = new LineCounter();
    const [document] = [...parseAllDocuments(text, { lineCounter: lines })];
    if (document === undefined) throw new Error('no document');
    const outcome = parser.parseDocument(document, { file: 'list.yaml', text, lines, root: ['items', 1] });
    expect(outcome).toMatchObject({
      kind: 'refused',
      problems: [{ file: 'list.yaml', line: 8, column: 14, field: 'spec.service' }],
    });
  });
});

describe('the canonical form', () => {
  test('is accepted, with advice', () => {
    const text = policy(`  service: pricer
  enforcement: Enforce
  budget: {minAvailableCount: 2, minAvailableRatio: 50}
  breakers:
  - name: price
    continuousValueDeviation: {query: 'rate(price_sum[10s]) / rate(price_count[10s])', maxDeviationPercent: 30}
  - name: errors
    ratio: {bad: 'increase(requests_total{code=~"5.."}[1m])', total: 'increase(requests_total[1m])'}
  activator: {mode: retryAndPause, period: 30s}
`);
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^9:5: warning KV0152 /),
      expect.stringMatching(/^11:5: warning KV0152 /),
    ]);
  });
});

describe('every error has its place, what was expected and what was found', () => {
  test.each([
    [
      'a missing service',
      policy(threshold),
      '4:1: error KV0105 spec.service: is required and missing: it must be a DNS label: at most 63 lower-case letters, digits or "-", such as pricer',
    ],
    [
      'a missing query, told at its detector',
      policy(`  service: a\n  breakers:\n  - name: x\n    threshold: {operator: '>', value: 1}\n`),
      '8:5: error KV0105 spec.breakers[0].threshold.query: is required and missing: it must be a PromQL query of at most 4096 characters',
    ],
    [
      'a service that is no name',
      policy(`  service: Pricer.shop\n${threshold}`),
      '5:12: error KV0104 spec.service: must be a DNS label: at most 63 lower-case letters, digits or "-", such as pricer; found "Pricer.shop"',
    ],
    [
      'an unknown enum value, with the near one',
      policy(`  service: a\n  enforcement: enforce\n${threshold}`),
      '6:16: error KV0104 spec.enforcement: must be one of Enforce, Observe, Suspended; found "enforce" (did you mean Enforce?)',
    ],
    [
      'an unknown enum value that is near to nothing',
      policy(`  service: a\n  enforcement: DryRun\n${threshold}`),
      '6:16: error KV0104 spec.enforcement: must be one of Enforce, Observe, Suspended; found "DryRun"',
    ],
    [
      'an unknown field, with the near one',
      policy(`  service: a\n  budget:\n    minAvailableCuont: 2\n${threshold}`),
      '7:5: error KV0103 spec.budget.minAvailableCuont: is not a known field (did you mean minAvailableCount?)',
    ],
    [
      'a known field in the wrong place',
      policy(`  service: a\n  maxEjectedPercent: 20\n${threshold}`),
      '6:3: error KV0103 spec.maxEjectedPercent: is not a known field (it belongs in spec.budget)',
    ],
    [
      'a field of the original',
      policy(`  service: a\n  breakers:\n  - name: x\n    threshold: {query: a, promQL: a, operator: '>', value: 1}\n`),
      '8:27: error KV0103 spec.breakers[0].threshold.promQL: is not a known field (it is called query here)',
    ],
    [
      'a field that means nothing to anybody',
      policy(`  service: a\n  eject: {how: Drain, gently: true}\n${threshold}`),
      '6:23: error KV0103 spec.eject.gently: is not a known field (known here: how, closeAfter, then)',
    ],
    [
      'an unknown field beside spec',
      `extra: 1\n${slide}`,
      '1:1: error KV0103 extra: is not a known field (known here: apiVersion, kind, metadata, spec, status)',
    ],
    [
      'an integer out of bounds',
      policy(`  service: a\n  settle: 1001\n${threshold}`),
      '6:11: error KV0104 spec.settle: must be an integer from 0 to 1000; found 1001',
    ],
    [
      'a duration out of bounds, as a string',
      policy(`  service: a\n  activator: {period: 31m}\n${threshold}`),
      '6:23: error KV0104 spec.activator.period: must be a duration from 1s to 30m: integer seconds, or a string such as 500ms or 1m30s; found "31m"',
    ],
    [
      'a duration out of bounds, as a number',
      policy(`  service: a\n  activator: {period: 1801}\n${threshold}`),
      '6:23: error KV0104 spec.activator.period: must be a duration from 1s to 30m: integer seconds, or a string such as 500ms or 1m30s; found 1801',
    ],
    [
      'a duration with a decimal',
      policy(`  service: a\n  activator: {period: 2.5}\n${threshold}`),
      '6:23: error KV0104 spec.activator.period: must be a duration from 1s to 30m: integer seconds, or a string such as 500ms or 1m30s; found 2.5 (write "2500ms")',
    ],
    [
      'a decimal without quotes',
      policy(
        `  service: a\n  breakers:\n  - name: x\n    continuousValueDeviation: {query: 'rate(a[1m])', maxDeviationPercent: 7.5}\n`,
      ),
      '8:75: error KV0104 spec.breakers[0].continuousValueDeviation.maxDeviationPercent: must be a number from 0 to 10000: an integer, or decimals in quotes such as "7.5"; found 7.5 (quote it: "7.5", because the Kubernetes API has no decimals)',
    ],
    [
      'a decimal out of bounds, in quotes',
      policy(
        `  service: a\n  breakers:\n  - name: x\n    continuousValueDeviation: {query: 'rate(a[1m])', maxDeviationPercent: "10000.5"}\n`,
      ),
      '8:75: error KV0104 spec.breakers[0].continuousValueDeviation.maxDeviationPercent: must be a number from 0 to 10000: an integer, or decimals in quotes such as "7.5"; found "10000.5"',
    ],
    [
      'a number where a label value belongs',
      policy(
        `  service: a\n  breakers:\n  - name: x\n    discreteValueOutOfList: {query: a, key: code, badValues: [500]}\n`,
      ),
      '8:63: error KV0104 spec.breakers[0].discreteValueOutOfList.badValues[0]: must be a label value of at most 256 characters; found 500 (quote it: "500")',
    ],
    [
      'a port beyond the last',
      policy(`  service: a\n  breaker: {customService: 'svc:65536'}\n`),
      '6:28: error KV0104 spec.breaker.customService: must be the name and port of a Service, such as my-metrics-svc:8080; found "svc:65536"',
    ],
    [
      'a custom service of another namespace',
      policy(`  service: a\n  breaker: {customService: 'svc.other:80'}\n`),
      '6:28: error KV0104 spec.breaker.customService: must be the name and port of a Service, such as my-metrics-svc:8080; found "svc.other:80"',
    ],
    [
      'a value where an object belongs',
      policy(`  service: a\n  budget: 50\n${threshold}`),
      '6:11: error KV0104 spec.budget: must be a map of fields; found 50',
    ],
    [
      'an object left empty',
      policy(`  service: a\n  budget:\n${threshold}`),
      '6:10: error KV0104 spec.budget: must be a map of fields; found nothing',
    ],
    [
      'nine breakers',
      policy(
        `  service: a\n  breakers:\n${[...'abcdefghi'].map((name) => `  - {name: ${name}, customService: 's:1'}\n`).join('')}`,
      ),
      '7:3: error KV0104 spec.breakers: must be a list of 1 to 8 breakers; found a list of 9',
    ],
    [
      'no breaker at all',
      policy('  service: a\n'),
      '4:1: error KV0106 spec: set exactly one of breaker and breakers; found none',
    ],
    [
      'both forms of breakers, told at the second',
      policy(`  service: a\n  breaker: {customService: 's:1'}\n${threshold}`),
      '7:3: error KV0106 spec.breakers: set exactly one of breaker and breakers; found breaker and breakers',
    ],
    [
      'a breaker without a detector',
      policy('  service: a\n  breakers:\n  - name: x\n'),
      '7:5: error KV0106 spec.breakers[0]: set exactly one of continuousValueDeviation, discreteValueOutOfList, threshold, ratio, outlier, customService; found none',
    ],
    [
      'a breaker with two detectors',
      policy(`  service: a\n${threshold}    customService: s:1\n`),
      '9:5: error KV0106 spec.breakers[0].customService: set exactly one of continuousValueDeviation, discreteValueOutOfList, threshold, ratio, outlier, customService; found threshold and customService',
    ],
    [
      'good and bad values together',
      policy(
        `  service: a\n  breakers:\n  - name: x\n    discreteValueOutOfList: {query: a, key: c, goodValues: [a], badValues: [b]}\n`,
      ),
      '8:65: error KV0106 spec.breakers[0].discreteValueOutOfList.badValues: set exactly one of goodValues and badValues; found goodValues and badValues',
    ],
    [
      'the floor set twice',
      policy(
        `  service: a\n  budget: {minAvailableCount: 3}\n  breaker: {customService: 's:1', minPodsAvailableCount: 2}\n`,
      ),
      '6:12: error KV0106 spec.budget.minAvailableCount: breaker.minPodsAvailableCount and budget.minAvailableCount are the same setting: set one of them; found breaker.minPodsAvailableCount and budget.minAvailableCount',
    ],
    [
      'two breakers of one name',
      policy(`  service: a\n${threshold}  - name: errors\n    customService: s:1\n`),
      '9:11: error KV0111 spec.breakers[1].name: must be unique; found "errors" a second time',
    ],
    [
      'more confirmations than evaluations',
      policy(`  service: a\n${threshold}    confirm: {of: 2, atLeast: 3}\n`),
      '9:31: error KV0112 spec.breakers[0].confirm.atLeast: must be at most "of", which is 2 here; found 3',
    ],
    [
      'more confirmations than evaluations by default',
      policy(`  service: a\n${threshold}    confirm: {atLeast: 4}\n`),
      '9:24: error KV0112 spec.breakers[0].confirm.atLeast: must be at most "of", which is 3 by default; found 4',
    ],
    [
      'a ramp that falls',
      policy(`  service: a\n${threshold}  activator: {ramp: {weights: [5, 50, 25, 100]}}\n`),
      '9:39: error KV0112 spec.activator.ramp.weights[2]: must never fall from step to step; found 25 after 50',
    ],
    [
      'a ramp that ends short',
      policy(`  service: a\n${threshold}  activator: {ramp: {weights: [5, 50]}}\n`),
      '9:35: error KV0112 spec.activator.ramp.weights[1]: must end in 100; found 50 at its end',
    ],
    [
      'a newer version',
      slide.replace('io/v1', 'io/v2'),
      '1:13: error KV0102 apiVersion: breaker.kubervisor.io/v2 is not a version this Kubervisor knows (upgrade it, or write v1)',
    ],
    [
      "the original's version",
      slide.replace('breaker.kubervisor.io/v1', 'kubervisor.k8s.io/v1alpha1'),
      "1:13: error KV0102 apiVersion: kubervisor.k8s.io/v1alpha1 is the original Kubervisor's (rewrite it as breaker.kubervisor.io/v1)",
    ],
    [
      'a slip in the kind',
      slide.replace('KubervisorService', 'KubervisorServcie'),
      '2:7: error KV0102 kind: must be KubervisorService; found "KubervisorServcie" (did you mean KubervisorService?)',
    ],
    ['a text that is no object', 'just words\n', '1:1: error KV0102 must be a KubervisorService; found "just words"'],
    [
      'a key twice',
      policy(`  service: a\n  service: b\n${threshold}`),
      '6:3: error KV0101 not valid YAML: Map keys must be unique',
    ],
    [
      'a tab in the indentation',
      'spec:\n\tservice: a\n',
      '2:1: error KV0101 not valid YAML: Tabs are not allowed as indentation',
    ],
    [
      'an alias to nothing',
      policy('  service: *nowhere\n'),
      '1:1: error KV0101 not readable as YAML: Unresolved alias (the anchor must be set before the alias): nowhere',
    ],
  ])('%s', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });
});

describe('a fault in PromQL is placed inside the value, however it is written', () => {
  test.each([
    ['plain', 'query: rate(foo bar[5m])', '11:23'],
    ['in single quotes', "query: 'rate(foo bar[5m])'", '11:24'],
    ['in single quotes with a quote inside', "query: 'rate(foo{a=''b''} bar[5m])'", '11:33'],
    ['in double quotes with escapes', 'query: "rate(foo{a=\\"b\\"} bar[5m])"', '11:33'],
    ['over several plain lines', 'query: rate(foo\n          bar[5m])', '12:11'],
    ['in a literal block', 'query: |\n          rate(foo\n            bar[5m])', '13:13'],
    ['in a folded block', 'query: >-\n          rate(foo\n          bar[5m])', '13:11'],
    ['in a block with a comment', 'query: | # my query\n          rate(foo\n            bar[5m])', '13:13'],
    ['with an escape that cannot be followed: at its start', 'query: "rate(foo\\u0020bar[5m])"', '11:14'],
    ['at the end of the query', 'query: rate(foo[5m]', '11:26'],
  ])('%s', (_, query, place) => {
    const text = policy(`  service: a
  breakers:
  - name: x
    threshold:
      operator: '>'
      value: 1
      ${query}
`);
    const [problem, ...others] = problemsOf(text);
    expect(others).toEqual([]);
    expect(problem).toContain(': error KV0108 spec.breakers[0].threshold.query: is not valid PromQL: unexpected ');
    expect(problem?.split(': ')[0]).toBe(place);
  });

  test('with the query and a mark', () => {
    const text = policy(
      `  service: a\n  breakers:\n  - name: x\n    threshold: {query: 'rat(foo[5m])', operator: '>', value: 1}\n`,
    );
    expect(problemsOf(text)).toEqual([
      '8:28: error KV0108 spec.breakers[0].threshold.query: is not valid PromQL: "rat" is not a PromQL function, at character 4: rat<HERE>(foo[5m])',
    ]);
  });

  test('a range vector and a frozen time have codes of their own', () => {
    const text = policy(`  service: a
  breakers:
  - name: x
    activity: {query: 'foo @ 5', min: 1}
    threshold: {query: 'foo[5m]', operator: '>', value: 1}
`);
    expect(problemsOf(text)).toEqual([
      '8:28: error KV0110 spec.breakers[0].activity.query: the @ modifier is refused: a query fixed in time never sees fresh evidence, at character 5: foo <HERE>@ 5',
      '9:25: error KV0109 spec.breakers[0].threshold.query: returns a range vector; wrap it in a function such as rate()',
    ]);
  });
});

test('all errors are told at once, sorted by place', () => {
  const text = policy(`  service: Pricer
  settle: many
  wat: 1
  breakers:
  - name: x
    threshold: {query: 'foo[5m]', operator: '~'}
`);
  expect(problemsOf(text).map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
    '5:12: error KV0104 spec.service:',
    '6:11: error KV0104 spec.settle:',
    '7:3: error KV0103 spec.wat:',
    '10:5: error KV0105 spec.breakers[0].threshold.value:',
    '10:25: error KV0109 spec.breakers[0].threshold.query:',
    '10:45: error KV0104 spec.breakers[0].threshold.operator:',
  ]);
});

describe('a refused policy says whose it is, so that the last accepted one can stay in force', () => {
  test.each([
    ['an unknown field', slide.replace('spec:', 'spec:\n  wat: 1'), 'default/foo-svc'],
    ['a newer version', slide.replace('io/v1', 'io/v2'), 'default/foo-svc'],
    ['a namespace of its own', policy('  service: pricer\n'), 'shop/pricer'],
    ['a service that is no name', slide.replace('foo-svc', 'Foo'), undefined],
  ])('%s', (_, text, service) => {
    const outcome = only(parser.parseText(text));
    expect(outcome.kind === 'refused' ? outcome.service : 'accepted').toBe(service);
  });
});

describe('an object from an API server', () => {
  const object = {
    apiVersion: 'breaker.kubervisor.io/v1',
    kind: 'KubervisorService',
    metadata: { name: 'p', namespace: 'shop' },
    spec: { service: 'pricer', newField: true, breaker: { customService: 's:1' } },
  };

  test('has fields in its problems, and no lines', () => {
    expect(parser.parseObject(object)).toEqual({
      kind: 'refused',
      service: 'shop/pricer',
      problems: [
        {
          code: 'KV0103',
          severity: 'error',
          field: 'spec.newField',
          message: 'is not a known field',
          remedy:
            'known here: service, enforcement, settle, eject, budget, proximity, warmUp, allowStateful, breaker, breakers, combine, activator',
        },
      ],
    });
  });

  test('may have unknown fields where that is asked for: they are warnings', () => {
    const tolerant = createPolicyParser({ unknownFields: 'warning' });
    expect(tolerant.parseObject(object)).toMatchObject({
      kind: 'accepted',
      warnings: [{ code: 'KV0103', severity: 'warning', field: 'spec.newField' }],
    });
  });

  const withBreakers = (breakers: readonly object[]) =>
    parser.parseObject({ ...object, spec: { service: 'pricer', breakers } });

  test('whose queries would take long to read is refused, and told which field is beyond which limit', () => {
    const query = `${'('.repeat(65)}a${')'.repeat(65)}`;
    const outcome = withBreakers([{ name: 'a', threshold: { query, operator: '>', value: 1 } }]);
    expect(outcome).toMatchObject({
      kind: 'refused',
      problems: [
        {
          code: 'KV0104',
          field: 'spec.breakers[0].threshold.query',
          message: expect.stringMatching(/^has brackets nested more than 64 deep, at character 65: /),
        },
      ],
    });
  });

  test('may have as much as 16384 characters of queries in all its breakers', () => {
    const breaker = (name: string, query: string) => ({ name, ratio: { bad: query, total: query } });
    const most = ['a', 'b'].map((name) => breaker(name, 'a'.repeat(4096)));
    expect(withBreakers(most)).toMatchObject({ kind: 'accepted' });
    expect(withBreakers([...most, breaker('c', 'aaaa')])).toEqual({
      kind: 'refused',
      service: 'shop/pricer',
      problems: [
        {
          code: 'KV0104',
          severity: 'error',
          field: 'spec.breakers',
          message: 'has queries of 16392 characters in all, 16384 are the most',
          remedy: 'have the metric source record the long ones under names of their own',
        },
      ],
    });
  });

  test('with a real error is refused all the same', () => {
    const tolerant = createPolicyParser({ unknownFields: 'warning' });
    const broken = { ...object, spec: { ...object.spec, settle: -1 } };
    expect(tolerant.parseObject(broken)).toMatchObject({
      kind: 'refused',
      problems: [{ severity: 'warning' }, { code: 'KV0104' }],
    });
  });
});
