import { describe, expect, it } from 'vitest';
import { human, median, relativeDeviation } from './statistics.ts';

describe('median', () => {
  it('is the middle of an odd count, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });
  it('is the mean of the two middle ones of an even count', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
  it('of none is undefined', () => {
    expect(median([])).toBeUndefined();
  });
  it('of two huge values does not overflow', () => {
    expect(median([1.7e308, 1.7e308])).toBe(1.7e308);
  });
  it('leaves its input as it was', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('relative deviation', () => {
  it.each([
    [130, 100, 0.3],
    [70, 100, -0.3],
    [-130, -100, -0.3],
    [5, 5, 0],
    [0, 0, 0],
    [1, 0, Number.POSITIVE_INFINITY],
    [-1, 0, Number.NEGATIVE_INFINITY],
  ])('of %d from %d is %d', (value, reference, expected) => {
    expect(relativeDeviation(value, reference)).toBeCloseTo(expected);
  });
});

it('numbers for people have four significant digits', () => {
  expect([123.456789, 0.000123456, 1234567, 30].map(human)).toEqual(['123.5', '0.0001235', '1235000', '30']);
});
