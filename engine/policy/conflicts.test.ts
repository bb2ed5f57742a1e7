import { expect, test } from 'vitest';
import { pickWinner } from './conflicts.ts';
import { createPolicyParser } from './parse.ts';
import type { Policy } from './policy.ts';

const parser = createPolicyParser();

function policy(name: string, creationTimestamp?: string): Policy {
  const outcome = parser.parseObject({
    apiVersion: 'breaker.kubervisor.io/v1',
    kind: 'KubervisorService',
    metadata: { name, namespace: 'shop', creationTimestamp },
    spec: { service: 'pricer', breaker: { customService: 's:1' } },
  });
  if (outcome.kind === 'refused') throw new Error('refused');
  return outcome.policy;
}

function winnerOf(...policies: readonly [Policy, ...Policy[]]): string {
  return pickWinner(policies).winner.name;
}

const older = policy('z', '2026-01-01T00:00:00Z');
const newer = policy('a', '2026-02-01T00:00:00Z');

test('one policy wins without a fight', () => {
  expect(pickWinner([older])).toEqual({ winner: older, losers: [] });
});

test('the oldest wins, whatever the order', () => {
  expect([winnerOf(older, newer), winnerOf(newer, older)]).toEqual(['z', 'z']);
});

test('without dates, or with the same, the first by name wins', () => {
  expect(winnerOf(policy('b'), policy('a'), policy('c'))).toBe('a');
  expect(winnerOf(policy('b', '2026-01-01T00:00:00Z'), policy('a', '2026-01-01T00:00:00Z'))).toBe('a');
});

test('a policy without a date counts as the newest', () => {
  expect(winnerOf(policy('a'), newer, older)).toBe('z');
});

test('each loser is told who won and why', () => {
  expect(pickWinner([newer, older]).losers).toEqual([
    {
      policy: newer,
      problem: {
        code: 'KV0113',
        severity: 'error',
        field: 'spec.service',
        message: 'shop/a is ignored, because shop/z is for Service pricer too and is older',
        remedy: 'put its breakers into the other policy, or delete one of them',
      },
    },
  ]);
});
