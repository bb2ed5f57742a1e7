import { describe, expect, test } from 'vitest';
import { parseIdentityRule } from '../engine/config/identity-rule.ts';
import type { SubjectName } from '../engine/tls/names.ts';
import { createGrants, type Grant } from './identity.ts';

type Rules = Readonly<Record<string, readonly string[]>>;

/** What the rules give to a certificate with these names; a DNS name is written as in a rule. */
function grantOf(rules: Rules, ...names: readonly string[]): Grant {
  const parsed = Object.entries(rules).map(([name, namespaces]) => {
    const result = parseIdentityRule(name, namespaces);
    if (result.kind === 'flawed') throw new Error(`${name}: ${result.flaws[0]?.message}`);
    return result.rule;
  });
  const given = names.map((name): SubjectName => {
    return name.startsWith('dns:') ? { kind: 'dns', value: name.slice(4) } : { kind: 'uri', value: name };
  });
  return createGrants(parsed)(given);
}

function allowed(grant: Grant, ...namespaces: readonly string[]): readonly string[] {
  return namespaces.filter(grant.allows);
}

const workloads = { 'spiffe://cluster.local/ns/{namespace}/sa/*': ['{namespace}'] };

describe('what a certificate gives a right to', () => {
  test('its own namespace', () => {
    const grant = grantOf(workloads, 'spiffe://cluster.local/ns/shop/sa/web');
    expect(grant.scope).toBe('some');
    expect(allowed(grant, 'shop', 'shop2', 'hop', 'bank', '')).toEqual(['shop']);
  });

  test.each([
    'spiffe://cluster.local/ns/shop/sa/',
    'spiffe://cluster.local/ns/shop/sa/web/x',
    'spiffe://cluster.local/ns/shop/sa',
    'spiffe://cluster.local/ns//sa/web',
    'spiffe://other.local/ns/shop/sa/web',
    'SPIFFE://cluster.local/ns/shop/sa/web',
    'xspiffe://cluster.local/ns/shop/sa/web',
    'dns:cluster.local',
    `spiffe://cluster.local/ns/shop/sa/${'x'.repeat(2048)}`,
  ])('%s fits no rule, and gives none', (name) => {
    const grant = grantOf(workloads, name);
    expect(grant.scope).toBe('nothing');
    expect(allowed(grant, 'shop', '')).toEqual([]);
  });

  test.each(['*', 'a*', '{namespace}', 'Shop', 'a/b'])('the namespace %s in a certificate is no wildcard', (name) => {
    const grant = grantOf(workloads, `spiffe://cluster.local/ns/${name}/sa/web`);
    expect(grant.scope).toBe('nothing');
    expect(allowed(grant, 'a', 'shop', 'bank')).toEqual([]);
  });

  test('a wildcard stays within a part', () => {
    const rules = { 'dns:*.shop.example.com': ['shop'] };
    expect(grantOf(rules, 'dns:web.shop.example.com').scope).toBe('some');
    expect(grantOf(rules, 'dns:a.web.shop.example.com').scope).toBe('nothing');
    expect(grantOf(rules, 'dns:shop.example.com').scope).toBe('nothing');
    expect(grantOf(rules, 'dns:.shop.example.com').scope).toBe('nothing');
  });

  test('a wildcard with something around it needs that, and something in between', () => {
    const rules = { 'dns:gateway-*-a.example.com': ['x'] };
    expect(grantOf(rules, 'dns:gateway-1-a.example.com').scope).toBe('some');
    expect(grantOf(rules, 'dns:gateway-a.example.com').scope).toBe('nothing');
    expect(grantOf(rules, 'dns:gateway--a.example.com').scope).toBe('nothing');
    expect(grantOf(rules, 'dns:gateway-1-b.example.com').scope).toBe('nothing');
  });

  test('a URI is no DNS name, and the other way round', () => {
    expect(grantOf({ 'dns:a': ['*'] }, 'a').scope).toBe('nothing');
    expect(grantOf({ 'a://a': ['*'] }, 'dns:a://a').scope).toBe('nothing');
  });

  test('all rules for all of its names count together', () => {
    const rules = { ...workloads, 'dns:web.example.com': ['bank', 'team-*'], 'dns:other.example.com': ['*'] };
    const grant = grantOf(rules, 'spiffe://cluster.local/ns/shop/sa/web', 'dns:web.example.com');
    expect(grant.scope).toBe('some');
    expect(allowed(grant, 'shop', 'bank', 'team-a', 'team-', 'team', 'teams', 'x')).toEqual(['shop', 'bank', 'team-a']);
  });

  test('a namespace made of the one in the name', () => {
    const rules = { 'spiffe://cluster.local/ns/{namespace}/sa/*': ['{namespace}-canary'] };
    expect(allowed(grantOf(rules, 'spiffe://cluster.local/ns/shop/sa/web'), 'shop', 'shop-canary')).toEqual([
      'shop-canary',
    ]);
  });

  test('"*" is everything; no names are nothing', () => {
    const grant = grantOf({ 'dns:gateway.example.com': ['shop', '*'] }, 'dns:gateway.example.com');
    expect([grant.scope, ...allowed(grant, 'shop', 'bank')]).toEqual(['everything', 'shop', 'bank']);
    expect(grantOf({ 'dns:*': ['*'] }).scope).toBe('nothing');
  });
});
