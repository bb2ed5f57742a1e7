import { describe, expect, test } from 'vitest';
import { formatDuration, parseDurationMs } from './duration.ts';

describe('a duration', () => {
  test.each([
    [0, 0],
    [15, 15_000],
    ['500ms', 500],
    ['15s', 15_000],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  test.each(['', '15', '1.5s', '-1s', '1d', 's', '1 s', '1S', '100000s', 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
    '%s is none',
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined();
    },
  );

  test.each([
    [0, '0s'],
    [500, '500ms'],
    [90_000, '1m30s'],
    [3_600_000, '1h'],
    [3_661_001, '1h1m1s1ms'],
  ])('%i ms is written %s, which reads back the same', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
    expect(parseDurationMs(text)).toBe(ms);
  });
});
