import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ascending, human, meansWithout, median, relativeDeviation } from './statistics.ts';

describe('median', () => {
  it('is the middle of an odd count', () => {
    expect(median([1, 5, 9])).toBe(5);
  });
  it('is the mean of the two middle ones of an even count', () => {
    expect(median([1, 2, 3, 4])).toBe(2.5);
  });
  it('of none is undefined', () => {
    expect(median([])).toBeUndefined();
  });
  it('of two huge values does not overflow', () => {
    expect(median([1.7e308, 1.7e308])).toBe(1.7e308);
  });
  it('without one is the median of the others', () => {
    const sorted = [1, 2, 4, 8, 16];
    expect(sorted.map((_, index) => median(sorted, index))).toEqual([6, 6, 5, 3, 3]);
    expect([0, 1, 2, 3].map((index) => median([1, 2, 4, 8], index))).toEqual([4, 4, 2, 2]);
  });
  it('leaves out one of several equals', () => {
    expect(median([1, 1, 9], 0)).toBe(5);
  });
  it('without the only one is undefined', () => {
    expect(median([1], 0)).toBeUndefined();
  });
});

it('numbers are sorted by size, not by their text', () => {
  expect([10, 9, -1].sort(ascending)).toEqual([-1, 9, 10]);
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

describe('means of all but one', () => {
  const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true });
  it('are what adding up all the others gives', () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 2, maxLength: 40 }), (values) => {
        const means = meansWithout(values);
        values.forEach((_, place) => {
          const others = values.toSpliced(place, 1);
          const expected = others.reduce((sum, value) => sum + value, 0) / others.length;
          expect(Math.abs((means(place) ?? 0) - expected)).toBeLessThan(1e-6);
        });
        expect(Math.abs((means() ?? 0) - values.reduce((sum, value) => sum + value, 0) / values.length)).toBeLessThan(
          1e-6,
        );
      }),
    );
  });
  it('keep the small ones beside an enormous one, and never overflow', () => {
    const means = meansWithout([100, 100, 100, 1e308]);
    expect(means(3)).toBeCloseTo(100, 10);
    expect(meansWithout([1.7e308, 1.7e308, 1.7e308])(0)).toBe(1.7e308);
  });
  it('of nobody are none', () => {
    expect([meansWithout([])(), meansWithout([5])(0), meansWithout([5])()]).toEqual([undefined, undefined, 5]);
  });
});
