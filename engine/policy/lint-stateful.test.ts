import { expect, it } from 'vitest';
import { backendOf } from '../../test/support/fixtures.ts';
import type { Backend } from '../model.ts';
import { formatProblem } from '../problem.ts';
import { createPolicyParser } from './parse.ts';

const object = (more: object) => ({
  apiVersion: 'breaker.kubervisor.io/v1',
  kind: 'KubervisorService',
  metadata: { name: 'p', namespace: 'shop' },
  spec: { service: 'pricer', ...more },
});

function warningsOf(members: readonly Backend[], more: object = {}): readonly string[] {
  const spec = { breaker: { threshold: { query: 'rate(errors[1m])', operator: '>', value: 1 } }, ...more };
  const outcome = createPolicyParser({ membersOf: () => members }).parseObject(object(spec));
  if (outcome.kind === 'refused') throw new Error(outcome.problems.map(formatProblem).join('\n'));
  return outcome.warnings.map(formatProblem).filter((text) => /KV0178|allowStateful/.test(text));
}

const pods = (kind?: string) =>
  Array.from({ length: 6 }, (_, index) =>
    backendOf(`p${index}`, kind === undefined ? {} : { workload: { kind, name: 'db' } }),
  );

it('tells who is only watched', () => {
  expect(warningsOf(pods('StatefulSet'))).toEqual([
    'warning KV0178 spec.service: its backends are pods of StatefulSet db: they are judged and never ejected (set allowStateful: true if they may go, or leave it)',
  ]);
  expect(warningsOf(pods('StatefulSet'), { allowStateful: true })).toEqual([]);
  expect(warningsOf(pods('Deployment'), { allowStateful: true })).toEqual([]);
  expect(warningsOf([])).toEqual([]);
});

it('tells where nobody knows', () => {
  expect(warningsOf(pods())).toEqual([]);
  expect(warningsOf(pods(), { allowStateful: false })).toEqual([
    expect.stringContaining(
      'spec.allowStateful: has no effect: nothing tells which backends are pods of a StatefulSet',
    ),
  ]);
});
