import { expect, it } from 'vitest';
import { observeSkew, type SkewBounds, skewMs } from './skew.ts';

const start = 1_700_000_000_000;

/** What a server whose clock is `offsetMs` from ours says in an exchange that takes 10 ms. */
function exchange(before: SkewBounds | undefined, offsetMs: number, nowMs: number): SkewBounds | undefined {
  return observeSkew(before, new Date(nowMs + offsetMs).toUTCString(), nowMs, nowMs + 10);
}

function after(count: number, offsetMs: number): number {
  let bounds: SkewBounds | undefined;
  for (let n = 0; n < count; n += 1) bounds = exchange(bounds, offsetMs, start + n * 1130);
  return skewMs(bounds);
}

it('is zero while the answers are consistent with equal clocks', () => {
  for (let ms = 0; ms < 1000; ms += 37) expect(skewMs(exchange(undefined, 0, start + ms))).toBe(0);
  expect(after(100, 0)).toBe(0);
  expect(skewMs(undefined)).toBe(0);
});

it('is known to the resolution of the header from one answer, and better from many', () => {
  for (const offsetMs of [-40_000, -5000, 5000, 40_000]) {
    expect(Math.abs(after(1, offsetMs) - offsetMs)).toBeLessThan(1000);
    expect(Math.abs(after(50, offsetMs) - offsetMs)).toBeLessThan(300);
  }
});

it('forgets what it knew when one of the clocks was set', () => {
  let bounds = exchange(undefined, 0, start);
  for (let n = 1; n < 20; n += 1) bounds = exchange(bounds, 0, start + n * 1130);
  bounds = exchange(bounds, 60_000, start + 30_000);
  expect(Math.abs(skewMs(bounds) - 60_000)).toBeLessThan(1000);
});

it('follows clocks that drift apart', () => {
  let bounds: SkewBounds | undefined;
  for (let n = 0; n < 2000; n += 1) bounds = exchange(bounds, 5000 + n * 0.5, start + n * 5130);
  expect(Math.abs(skewMs(bounds) - 6000)).toBeLessThan(1000);
});

it('keeps what it knows when the header is missing or senseless, or our clock was set back meanwhile', () => {
  const bounds = exchange(undefined, 5000, start);
  expect(observeSkew(bounds, undefined, start, start)).toBe(bounds);
  expect(observeSkew(bounds, 'yesterday', start, start)).toBe(bounds);
  expect(observeSkew(bounds, new Date(start).toUTCString(), start, start - 1)).toBe(bounds);
});
