import { describe, expect, it } from 'vitest';
import { createBackoff, retryAfterMs } from './backoff.ts';

const settings = { baseMs: 1000, maxMs: 30_000, maxRetryAfterMs: 300_000 };

function fail(times: number, random: number): number {
  const backoff = createBackoff(settings, () => random);
  for (let n = 0; n < times; n += 1) backoff.failed(backoff.round(), 0);
  return backoff.waitMs(0);
}

describe('backoff', () => {
  it('does not wait before anything failed', () => {
    expect(createBackoff(settings, () => 0.5).waitMs(0)).toBe(0);
  });

  it('doubles up to the longest wait, and jitters between half of it and all of it', () => {
    expect([1, 2, 3, 4].map((times) => fail(times, 0))).toEqual([500, 1000, 2000, 4000]);
    expect([1, 2, 3, 4].map((times) => fail(times, 1))).toEqual([1000, 2000, 4000, 8000]);
    expect([fail(50, 0), fail(50, 1)]).toEqual([15_000, 30_000]);
  });

  it('counts the requests that were under way together as one failure', () => {
    const backoff = createBackoff(settings, () => 1);
    const round = backoff.round();
    for (let n = 0; n < 8; n += 1) backoff.failed(round, 0);
    expect(backoff.waitMs(0)).toBe(1000);
  });

  it('starts anew after a success', () => {
    const backoff = createBackoff(settings, () => 1);
    for (let n = 0; n < 4; n += 1) backoff.failed(backoff.round(), 0);
    backoff.succeeded();
    expect(backoff.waitMs(0)).toBe(0);
    backoff.failed(backoff.round(), 0);
    expect(backoff.waitMs(0)).toBe(1000);
  });

  it('waits as long as the peer asks, within reason', () => {
    const backoff = createBackoff(settings, () => 0);
    backoff.failed(backoff.round(), 0, 20_000);
    expect(backoff.waitMs(5000)).toBe(15_000);
    backoff.failed(backoff.round(), 0, 86_400_000);
    expect(backoff.waitMs(0)).toBe(300_000);
  });

  it('is over when the wall clock was set back', () => {
    const backoff = createBackoff(settings, () => 1);
    backoff.failed(backoff.round(), 10_000_000);
    expect(backoff.waitMs(10_000_000 - 3_600_000)).toBe(0);
  });
});

describe('Retry-After', () => {
  it('is seconds or a date', () => {
    expect(retryAfterMs('7', 0)).toBe(7000);
    expect(retryAfterMs('Tue, 14 Nov 2023 22:13:50 GMT', 1_700_000_000_000)).toBe(30_000);
    expect(retryAfterMs('Tue, 14 Nov 2023 22:13:00 GMT', 1_700_000_000_000)).toBe(0);
  });

  it('is ignored when it is neither', () => {
    for (const header of [undefined, '', 'soon', '-1']) expect(retryAfterMs(header, 1_700_000_000_000) ?? 0).toBe(0);
  });
});
