import { expect, it } from 'vitest';
import { differenceOf, type Ejection } from './replay.ts';

const faultMs = 10_000;
const slackMs = 2000;
const out = (atMs: number, backend = 'pricer-3', breaker = 'price'): Ejection => ({ backend, breaker, atMs });
const differs = (live: readonly Ejection[], simulated: readonly Ejection[]): boolean =>
  differenceOf({ live, simulated }, faultMs, slackMs) !== undefined;

it('takes the same ejections for the same, within the slack and where live was late', () => {
  expect(differs([], [])).toBe(false);
  expect(differs([out(13_000), out(20_000)], [out(12_000), out(21_900)])).toBe(false);
});

it('sees one too many, one too few, another backend or breaker, and another time', () => {
  expect(differs([out(13_000)], [])).toBe(true);
  expect(differs([], [out(13_000)])).toBe(true);
  expect(differs([out(13_000)], [out(13_000, 'pricer-4')])).toBe(true);
  expect(differs([out(13_000)], [out(13_000, 'pricer-3', 'errors')])).toBe(true);
  expect(differs([out(13_000)], [out(15_001)])).toBe(true);
  expect(differs([out(13_000)], [out(9_999)])).toBe(true);
});
