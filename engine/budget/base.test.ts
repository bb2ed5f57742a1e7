import { describe, expect, it } from 'vitest';
import { baseOf, type Peak, recordReady } from './base.ts';

const windowMs = 600;

/** Feeds counts at moments; the base at the end, for a fleet of `size`. */
function baseAfter(size: number, ...counts: readonly (readonly [atMs: number, ready: number])[]): number {
  let peaks: readonly Peak[] = [];
  for (const [atMs, ready] of counts) peaks = recordReady(peaks, ready, atMs, windowMs);
  return baseOf(size, peaks);
}

describe('the base is min(size, highest number of ready backends in the window)', () => {
  it('counts only what has been ready', () => {
    expect(baseAfter(10, [0, 4])).toBe(4);
  });
  it('does not fall when backends become unready', () => {
    expect(baseAfter(10, [0, 10], [100, 3])).toBe(10);
  });
  it('falls at once when the fleet is scaled in', () => {
    expect(baseAfter(4, [0, 10], [100, 4])).toBe(4);
  });
  it('falls when a peak is older than the window', () => {
    expect(baseAfter(10, [0, 10], [100, 3], [700, 3])).toBe(10);
    expect(baseAfter(10, [0, 10], [100, 3], [701, 3])).toBe(3);
  });
  it('remembers a size that was quiet for an hour before it collapsed', () => {
    expect(baseAfter(10, [0, 10], [3_600_000, 2])).toBe(10);
  });
  it('falls from peak to peak', () => {
    const falling = [
      [0, 10],
      [100, 7],
      [300, 5],
    ] as const;
    expect(baseAfter(10, ...falling, [700, 5])).toBe(10);
    expect(baseAfter(10, ...falling, [701, 5])).toBe(7);
    expect(baseAfter(10, ...falling, [901, 5])).toBe(5);
  });
  it('rises at once', () => {
    expect(baseAfter(10, [0, 3], [1, 8])).toBe(8);
  });
  it('of nobody is zero', () => {
    expect(baseAfter(0, [0, 0])).toBe(0);
    expect(baseOf(5, [])).toBe(0);
  });
});

it('the list of peaks stays short however often it is recorded', () => {
  let peaks: readonly Peak[] = [];
  for (let atMs = 0; atMs < 10_000; atMs += 7) peaks = recordReady(peaks, 5 + (atMs % 3), atMs, windowMs);
  expect(peaks.length).toBeLessThanOrEqual(3);
});
