import { expect, it } from 'vitest';
import type { Change } from '../kubernetes/reflector.ts';
import { serviceKey } from '../model.ts';
import { keepPolicy, type PolicyObject } from '../sources/kubernetes/policy-book.ts';
import { suspensionAnnotations } from './suspended.ts';
import { createPolicyWords } from './word.ts';

const service = serviceKey('shop', 'pricer');
const suspension = { actor: 'system:serviceaccount:shop:bob', reason: 'drill: day 2', sinceMs: 86_400_000 };

function policy(name: string, created: string, more: { spec?: object; status?: object; annotations?: object } = {}) {
  const { spec = {}, status, annotations } = more;
  return keepPolicy({
    metadata: { namespace: 'shop', name, uid: name, creationTimestamp: created, ...(annotations && { annotations }) },
    spec: { service: 'pricer', ...spec },
    ...(status && { status }),
  });
}

function feed() {
  let tell: (change: Change<PolicyObject>) => void = () => undefined;
  const words = createPolicyWords({ subscribe: (listener) => void (tell = listener) });
  const told: string[] = [];
  words.subscribe((key) => told.push(key));
  const change = (object: PolicyObject): void => {
    tell({ kind: 'changed', key: `shop/${object.name}`, object });
  };
  return {
    words,
    told,
    change,
    gone: (object: PolicyObject) => tell({ kind: 'gone', key: `shop/${object.name}`, before: object }),
  };
}

const ready = { type: 'Ready', status: 'True', reason: 'Enforcing', message: 'it is', lastTransitionTime: 'now' };

it('of several policies the oldest speaks, and when it goes the next', () => {
  const { words, change, gone } = feed();
  const old = policy('z-old', '2026-01-01T00:00:00Z', { status: { conditions: [ready] } });
  change(policy('a-new', '2026-02-01T00:00:00Z'));
  change(old);
  expect(words.of(service)).toEqual({
    name: 'z-old',
    conditions: [{ type: 'Ready', status: 'True', reason: 'Enforcing', message: 'it is' }],
  });
  gone(old);
  expect(words.of(service)).toEqual({ name: 'a-new', conditions: [] });
  expect(words.of(serviceKey('bank', 'pricer'))).toBeUndefined();
});

it('whoever listens hears of another word, and not of a record that was written', () => {
  const { told, change } = feed();
  const born = '2026-01-01T00:00:00Z';
  change(policy('p', born, { status: { conditions: [ready] } }));
  change(policy('p', born, { status: { conditions: [ready], record: 'x', serving: '5/6' } }));
  expect(told).toEqual([service]);
  change(policy('p', born, { spec: { service: 'quotes' } }));
  expect(told).toEqual([service, service, serviceKey('shop', 'quotes')]);
});

it('who suspended a policy is on it; left over on one that is not, it says nothing', () => {
  const { words, change } = feed();
  const annotations = suspensionAnnotations(suspension, 'Enforce');
  const born = '2026-01-01T00:00:00Z';
  change(policy('p', born, { spec: { enforcement: 'Suspended' }, annotations }));
  expect(words.of(service)?.suspension).toEqual(suspension);
  change(policy('p', born, { spec: { enforcement: 'Observe' }, annotations }));
  expect(words.of(service)?.suspension).toBeUndefined();
  change(policy('p', born, { spec: { enforcement: 'Suspended' } }));
  expect(words.of(service)?.suspension).toBeUndefined();
});
