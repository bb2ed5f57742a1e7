import { expect, it } from 'vitest';
import { type VitestReport, summaryLine } from './summary.ts';

const report: VitestReport = {
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
};

it('counts what passed and what failed', () => {
  expect(summaryLine(report, 0)).toBe('3 passed, 0 failed');
  expect(summaryLine({ ...report, numFailedTests: 2 }, 1)).toBe('3 passed, 2 failed');
});

it('mentions skipped tests only when there are any', () => {
  expect(summaryLine({ ...report, numPendingTests: 1, numTodoTests: 1 }, 0)).toBe('3 passed, 0 failed, 2 skipped');
});

it('counts a file that could not be loaded as a failure', () => {
  const broken = { status: 'failed', assertionResults: [] };
  expect(summaryLine({ ...report, testResults: [broken] }, 1)).toBe('3 passed, 1 failed');
});

it('never calls a failed run free of failures, even without a report', () => {
  expect(summaryLine(report, 1)).toBe('3 passed, 1 failed');
  expect(summaryLine(undefined, 1)).toBe('0 passed, 1 failed');
});
