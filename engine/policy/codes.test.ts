import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codes } from './codes.ts';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

test('every code has one entry on the page of errors, and the page has no other of this room', () => {
  const documented = [...page.matchAll(/^### (KV01\d\d): /gm)].map(([, code]) => code);
  expect(documented).toEqual(Object.values(codes));
});

test('the codes are different', () => {
  expect(new Set(Object.values(codes)).size).toBe(Object.keys(codes).length);
});
