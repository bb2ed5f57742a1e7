import { expect, test } from 'vitest';
import { fingerprint } from './fingerprint.ts';

test('the order of fields does not matter, at any depth', () => {
  expect(fingerprint({ a: 1, b: { c: [1, 2], d: 'x' } })).toBe(fingerprint({ b: { d: 'x', c: [1, 2] }, a: 1 }));
});

test('an absent field is an undefined field', () => {
  expect(fingerprint({ a: 1, b: undefined })).toBe(fingerprint({ a: 1 }));
});

test.each([
  ['a value', { a: 1 }, { a: 2 }],
  ['a type', { a: 1 }, { a: '1' }],
  ['the order of a list', [1, 2], [2, 1]],
  ['where a field is', { a: { b: 1 } }, { b: { a: 1 } }],
  ['a character beyond ASCII', 'é', 'è'],
])('%s matters', (_, one, other) => {
  expect(fingerprint(one)).not.toBe(fingerprint(other));
});

test('it is FNV-1a of 64 bits, so that replicas of different builds agree', () => {
  // The JSON of 0 is the one byte 0x30.
  expect(fingerprint(0)).toBe('af63ad4c86019caf');
});
