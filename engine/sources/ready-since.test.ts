import { expect, test } from 'vitest';
import type { Backend } from '../model.ts';
import { backendId, serviceKey } from '../model.ts';
import { dateReadiness } from './ready-since.ts';

const now = 1_000_000;

function backend(id: string, over: Partial<Backend> = {}): Backend {
  return { id: backendId(id), name: id, ready: true, serving: true, terminating: false, endpoints: [], ...over };
}

function dated(previous: readonly Backend[], next: Backend): number | undefined {
  const fleet = { service: serviceKey('shop', 'pricer'), ports: [], backends: [next] };
  return dateReadiness(previous, fleet, now).backends[0]?.readySinceMs;
}

test('who appears or becomes ready is young from now on', () => {
  expect(dated([], backend('a'))).toBe(now);
  expect(dated([backend('a', { ready: false })], backend('a'))).toBe(now);
});

test('who was ready keeps its date, or stays old', () => {
  expect(dated([backend('a')], backend('a'))).toBeUndefined();
  expect(dated([backend('a', { readySinceMs: 7 })], backend('a'))).toBe(7);
});

test('what a Pod tells is better than what we saw', () => {
  expect(dated([], backend('a', { readySinceMs: 5 }))).toBe(5);
  expect(dated([backend('a', { readySinceMs: 7 })], backend('a', { readySinceMs: 5 }))).toBe(5);
});

test('who is not ready has no date', () => {
  expect(dated([backend('a', { readySinceMs: 7 })], backend('a', { ready: false }))).toBeUndefined();
});
