import { describe, expect, test } from 'vitest';
import { parseIdentityRule } from './identity-rule.ts';

function flawsOf(name: string, ...namespaces: readonly string[]) {
  const parsed = parseIdentityRule(name, namespaces);
  return parsed.kind === 'rule' ? [] : parsed.flaws.map(({ namespace, message }) => [namespace, message]);
}

describe('a rule of identity', () => {
  test.each([
    ['spiffe://cluster.local/ns/{namespace}/sa/*', ['{namespace}']],
    ['spiffe://*/ns/shop/sa/web-*', ['shop', 'shop-*']],
    ['https://example.com/a?b=c', ['*']],
    ['dns:gateway.example.com', ['*']],
    ['dns:*.{namespace}.svc.cluster.local', ['{namespace}', '{namespace}-canary']],
  ])('%s for %j', (name, namespaces) => {
    expect(flawsOf(name, ...namespaces)).toEqual([]);
  });

  test.each([
    ['gateway.example.com', 'must be a URI'],
    ['dns:', 'at most one wildcard'],
    ['dns:a b', 'at most one wildcard'],
    ['spiffe://a b', 'must be a URI'],
    ['spiffe://cluster.local/**', 'at most one wildcard'],
    ['spiffe://cluster.local/a*b*', 'at most one wildcard'],
    ['spiffe://cluster.local/*{namespace}', 'at most one wildcard'],
    ['spiffe://cluster.local/{service}', 'at most one wildcard'],
    ['spiffe://{namespace}/ns/{namespace}', 'in one place only'],
  ])('%s is none', (name, message) => {
    expect(flawsOf(name, 'shop')).toEqual([[undefined, expect.stringContaining(message)]]);
  });

  test('each namespace that is none is told', () => {
    expect(flawsOf('dns:a', 'shop', 'Shop', 'a/b', '**', '{namespace}', '{name}', '')).toEqual([
      [1, expect.stringContaining('must be a namespace')],
      [2, expect.stringContaining('must be a namespace')],
      [3, expect.stringContaining('must be a namespace')],
      [4, expect.stringContaining('no {namespace} in the name')],
      [5, expect.stringContaining('must be a namespace')],
      [6, expect.stringContaining('must be a namespace')],
    ]);
  });
});
