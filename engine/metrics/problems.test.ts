import { expect, it } from 'vitest';
import { metricSourceProblems } from './problems.ts';
import type { MetricSourceHealth } from './source.ts';

const lastError: MetricSourceHealth['lastError'] = { atMs: 2000, cause: 'unauthorized', message: 'http://h: HTTP 401' };

function problemsOf(health: Partial<MetricSourceHealth>) {
  return metricSourceProblems([{ name: 'default', skewMs: 0, ...health }]);
}

it('a source is in trouble while its last answer was an error', () => {
  expect(problemsOf({ lastSuccessMs: 1999 })).toEqual([]);
  expect(problemsOf({ lastError })).toMatchObject([
    { code: 'KV0322', severity: 'error', field: 'metricSources.default', message: 'http://h: HTTP 401' },
  ]);
  // It was before a clock was set, which says nothing of the order.
  expect(problemsOf({ lastError, lastSuccessMs: 2001 })).toHaveLength(1);
});

it('a clock more than 2 s from ours is worth a warning', () => {
  expect(problemsOf({ skewMs: 2000 })).toEqual([]);
  expect(problemsOf({ skewMs: -2001 })).toMatchObject([
    { code: 'KV0329', severity: 'warning', message: expect.stringContaining('2.001 s behind') },
  ]);
});
