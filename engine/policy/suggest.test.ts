import { expect, test } from 'vitest';
import { nearest } from './suggest.ts';

const names = ['minAvailableCount', 'minAvailableRatio', 'maxEjectedPercent', 'query'];

test.each([
  ['minAvailableCuont', 'minAvailableCount'],
  ['minavailableratio', 'minAvailableRatio'],
  ['qeury', 'query'],
  ['maxEjectPercent', 'maxEjectedPercent'],
])('%s was meant to be %s', (slip, meant) => {
  expect(nearest(slip, names)).toBe(meant);
});

test.each(['replicas', 'q', '', 'x'.repeat(1000)])('%s is another word, not a slip', (word) => {
  expect(nearest(word, names)).toBeUndefined();
});
