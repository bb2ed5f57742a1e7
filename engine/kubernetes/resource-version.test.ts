import { expect, it } from 'vitest';
import { isOlder } from './resource-version.ts';

it.each([
  ['9', '10', true],
  ['10', '9', false],
  ['10', '10', false],
  ['99999999999999999999', '100000000000000000000', true],
  // What has no order is not called old.
  ['abc', '10', false],
  ['10', '', false],
  ['007', '10', false],
])('%s is older than %s: %s', (a, b, expected) => {
  expect(isOlder(a, b)).toBe(expected);
});
