import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { logGamma, upperTail } from './beta-binomial.ts';

const oracle = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/oracle/beta-binomial.json'), 'utf8')) as {
  readonly rows: readonly (readonly [number, number, number, number, number])[];
};

it('agrees with sums of 50 digits', () => {
  const errors = oracle.rows.map(([events, rate, overdispersion, bad, tail]) => {
    const found = upperTail({ events, rate, overdispersion }, bad);
    return tail < 1e-300 ? Math.abs(found - tail) : Math.abs(found - tail) / tail;
  });
  expect(errors.length).toBeGreaterThan(300);
  expect(Math.max(...errors)).toBeLessThan(1e-9);
});

it('is certain of none, and falls with each one more', () => {
  const expected = { events: 200, rate: 0.1, overdispersion: 0.005 };
  const tails = Array.from({ length: 201 }, (_, bad) => upperTail(expected, bad));
  expect(tails[0]).toBe(1);
  for (const [bad, tail] of tails.entries()) expect(tail).toBeLessThanOrEqual(tails[bad - 1] ?? 1);
});

it('makes nobody more suspicious by rounding', () => {
  const expected = { events: 100, rate: 0.01, overdispersion: 0.005 };
  expect(upperTail(expected, 5.9)).toBe(upperTail(expected, 5));
  expect(upperTail(expected, 0.9)).toBe(1);
});

it('takes a million requests for ten thousand of the same share', () => {
  const many = upperTail({ events: 1_000_000, rate: 0.01, overdispersion: 0.005 }, 30_000);
  expect(many).toBe(upperTail({ events: 10_000, rate: 0.01, overdispersion: 0.005 }, 300));
});

it('has a gamma function with known values', () => {
  expect(logGamma(1)).toBeCloseTo(0, 13);
  expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 13);
  expect(logGamma(171)).toBeCloseTo(706.5730622457874, 9);
});
