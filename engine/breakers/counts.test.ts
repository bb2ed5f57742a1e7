import { expect, it } from 'vitest';
import type { SampleValue } from '../metrics/source.ts';
import { backendId } from '../model.ts';
import { ratioCounts } from './counts.ts';

const id = backendId('p1');

function matched(...values: readonly (number | SampleValue)[]) {
  const samples = values.map((value) => ({
    labels: {},
    value: typeof value === 'number' ? ({ kind: 'number', value } as const) : value,
  }));
  return { byBackend: new Map(samples.length === 0 ? [] : [[id, samples]]), ambiguous: new Map() };
}

it.each([
  ['counts', matched(3), matched(10), { kind: 'counts', bad: 3, total: 10 }],
  ['no series of bad events: none were bad', matched(), matched(10), { kind: 'counts', bad: 0, total: 10 }],
  ['no series at all', matched(), matched(), { kind: 'insufficient', reason: 'total: no sample' }],
  ['fractions, as they are', matched(0.9), matched(10.1), { kind: 'counts', bad: 0.9, total: 10.1 }],
  [
    'a little more bad than there were, by extrapolation',
    matched(10.4),
    matched(10),
    { kind: 'counts', bad: 10, total: 10 },
  ],
  ['much more bad than there were', matched(30), matched(10), { kind: 'error' }],
  [
    'more than can be added up',
    matched(1e308),
    matched(1e308),
    { kind: 'error', reason: 'more events than can be counted' },
  ],
  ['less than nothing', matched(-1), matched(10), { kind: 'error', reason: 'a count is negative' }],
  ['NaN', matched({ kind: 'nan' }), matched(10), { kind: 'insufficient', reason: 'bad: value is NaN' }],
  ['two series', matched(1, 1), matched(10), { kind: 'error' }],
])('%s', (_, bad, total, reading) => {
  expect(ratioCounts(bad, total, id)).toMatchObject(reading);
});

it('a match that is not unique is an error, not none', () => {
  const ambiguous = { byBackend: new Map(), ambiguous: new Map([[id, 'two pods of this name']]) };
  expect(ratioCounts(ambiguous, matched(10), id)).toEqual({ kind: 'error', reason: 'bad: two pods of this name' });
});
