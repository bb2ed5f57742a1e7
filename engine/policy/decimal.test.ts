import { expect, test } from 'vitest';
import { parseDecimal, percent } from './decimal.ts';

test.each([
  [30, 30],
  ['7.5', 7.5],
  ['-0.25', -0.25],
  ['1000', 1000],
])('%s is the number %d', (text, value) => {
  expect(parseDecimal(text)).toBe(value);
});

test.each([7.5, '', '.5', '5.', '1e3', '0x10', '+1', ' 1', 'NaN', 'Infinity', '1'.repeat(13)])(
  '%s is refused: no floats, no exponents, no surprises',
  (text) => {
    expect(parseDecimal(text)).toBeUndefined();
  },
);

test('a percentage may carry its sign', () => {
  expect([percent(50), percent('50'), percent('50%')]).toEqual([50, 50, 50]);
});
