import { expect, it } from 'vitest';
import { drawBinomial, drawRate } from '../support/draws.ts';
import { randomFrom } from '../support/random.ts';
import { measure } from './false-alarms.ts';
import { falseAlarmsReport } from './false-alarms-page.ts';

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[]) => mean(values.map((value) => (value - mean(values)) ** 2));

it('what is drawn has the mean and the spread it should have', () => {
  const random = randomFrom(1);
  const binomial = Array.from({ length: 20_000 }, () => drawBinomial(random, 100, 0.3));
  expect(mean(binomial)).toBeCloseTo(30, 0);
  expect(variance(binomial)).toBeCloseTo(21, -1);
  const rates = Array.from({ length: 20_000 }, () => drawRate(random, 0.1, 0.0025));
  expect(mean(rates)).toBeCloseTo(0.1, 2);
  // Variance of a beta: mean (1 - mean) times overdispersion.
  expect(variance(rates) / (0.1 * 0.9 * 0.0025)).toBeCloseTo(1, 0);
});

it('a fleet is drawn, judged and reported; a detector that sees nothing would show', () => {
  const healthy = { backends: 10, requests: 500, rate: 0.01, overdispersion: 0.0025, pods: 'kept' } as const;
  const usual = measure(healthy, 200, 1);
  expect(usual.flagged).toBeLessThan(0.05);
  // Pods ten times as different as assumed are not healthy in its eyes.
  const wild = measure({ ...healthy, overdispersion: 0.05 }, 200, 1);
  expect(wild.flagged).toBeGreaterThan(0.05);
  const report = falseAlarmsReport([usual, wild]);
  expect(report).toContain('2 cells of 200 windows');
  expect(report).toContain('| 10 | 500 | 1 % | 0.05 | kept |');
});
