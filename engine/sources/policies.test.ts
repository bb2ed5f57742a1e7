/** Which policy decides, among objects of an API server: it must not depend on what a process has seen before. */
import { describe, expect, it } from 'vitest';
import { fleetOf } from '../../test/support/fixtures.ts';
import { type ServiceKey, serviceKey } from '../model.ts';
import { createPolicyParser } from '../policy/parse.ts';
import { type PoliciesState, type PolicyClaim, policyChanges, updatePolicies } from './policies.ts';

const parser = createPolicyParser({ unknownFields: 'warning' });
const pricer = serviceKey('shop', 'pricer');
const other = serviceKey('shop', 'other');
const fleets = new Map([pricer, other].map((service) => [service, { ...fleetOf(4), service }] as const));

/** @param day of its creation */
function claim(name: string, day: number, spec: object = {}): PolicyClaim {
  const createdAtMs = Date.UTC(2026, 0, day);
  const outcome = parser.parseObject({
    apiVersion: 'breaker.kubervisor.io/v1',
    kind: 'KubervisorService',
    metadata: { name, namespace: 'shop', creationTimestamp: new Date(createdAtMs).toISOString() },
    spec: { service: 'pricer', breaker: { customService: 's:1' }, ...spec },
  });
  const place = { file: `KubervisorService shop/${name}` };
  return { namespace: 'shop', name, servicePlace: place, outcome, createdAtMs };
}

const broken = { settle: 'often' };

function update(claims: readonly PolicyClaim[], before?: PoliciesState): PoliciesState {
  return updatePolicies(before, claims, fleets, 'the cluster');
}

/** Who decides, by Service: a name, or `!name` where it is frozen. */
function deciders({ inForce, owners }: PoliciesState): Record<ServiceKey, string> {
  const sign = (service: ServiceKey): string => (inForce.get(service)?.kind === 'policy' ? '' : '!');
  return Object.fromEntries([...owners].map(([service, owner]) => [service, `${sign(service)}${owner}`]));
}

describe('the oldest policy decides', () => {
  it('and the next one when it is gone', () => {
    const both = update([claim('new', 2), claim('old', 1)]);
    expect(deciders(both)).toEqual({ [pricer]: 'shop/old' });
    const next = update([claim('new', 2)], both);
    expect(policyChanges(both, next)).toMatchObject([{ kind: 'policy', policy: { name: 'new' } }]);
  });

  it('also when it is invalid: frozen, whether or not it was seen before it broke', () => {
    const claims = [claim('new', 2), claim('old', 1, broken)];
    const seen = update(claims, update([claim('new', 2), claim('old', 1)]));
    const restarted = update(claims);
    expect(deciders(seen)).toEqual({ [pricer]: '!shop/old' });
    expect(deciders(restarted)).toEqual(deciders(seen));
    expect(restarted.problems).toEqual(seen.problems);
    expect(restarted.problems).toMatchObject([
      { code: 'KV0104', field: 'spec.settle' },
      { code: 'KV0113', file: 'KubervisorService shop/new', message: expect.stringContaining('shop/old is for') },
    ]);
    expect(deciders(update([claim('new', 2)], seen))).toEqual({ [pricer]: 'shop/new' });
  });

  it('and one that is younger and invalid stops nobody', () => {
    const claims = [claim('new', 2, broken), claim('old', 1)];
    expect(deciders(update(claims))).toEqual({ [pricer]: 'shop/old' });
    // It decided until the older one was edited to be for this Service.
    const before = update([claim('new', 2, broken), claim('old', 1, { service: 'other' })]);
    expect(deciders(before)).toEqual({ [pricer]: '!shop/new', [other]: 'shop/old' });
    expect(deciders(update(claims, before))).toEqual({ [pricer]: 'shop/old' });
  });

  it('about the Service it names now, though it is invalid', () => {
    const before = update([claim('p', 1)]);
    const moved = [claim('p', 1, { ...broken, service: 'other' })];
    expect(deciders(update(moved, before))).toEqual({ [other]: '!shop/p' });
    expect(deciders(update(moved))).toEqual({ [other]: '!shop/p' });
    // It names none: all that is known is which it was.
    expect(deciders(update([claim('p', 1, { service: 7 })], before))).toEqual({ [pricer]: '!shop/p' });
  });

  it('of one age, by name', () => {
    expect(deciders(update([claim('b', 1), claim('a', 1, broken)]))).toEqual({ [pricer]: '!shop/a' });
    expect(deciders(update([claim('b', 1, broken), claim('a', 1)]))).toEqual({ [pricer]: 'shop/a' });
  });
});

it('a policy that is edited to be for another Service leaves the first one', () => {
  const before = update([claim('p', 1)]);
  const after = update([claim('p', 1, { service: 'other' })], before);
  expect(policyChanges(before, after)).toMatchObject([
    { kind: 'policy', policy: { service: other } },
    { kind: 'policy-gone', service: pricer },
  ]);
});
